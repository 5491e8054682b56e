import type { PartState, Status } from "./server";
import type { Polled } from "./usePoll";

/** What Forebay is, and how its parts are. */
export function Header({ status }: { status: Polled<Status> }) {
  const { value, error } = status;
  return (
    <header className="top">
      <img src="/favicon.svg" alt="" width="36" height="36" />
      <div className="top-title">
        <h1>Forebay</h1>
        <p>
          From <code>record()</code> in this page to a row in SQL
        </p>
      </div>
      <ul className="parts" aria-label="State of the parts">
        <Part
          name="Edge"
          state={error ? "down" : value?.edge.state}
          detail={error ?? edgeText(value)}
        />
        <Part
          name="Stream"
          state={error ? "down" : value?.stream.state}
          detail={error ?? value?.stream.detail ?? plural(value?.stream.shards, "shard")}
        />
        <Part
          name="Lake"
          state={error ? "down" : value?.lake.state}
          detail={error ?? value?.lake.detail ?? plural(value?.lake.files, "file")}
        />
      </ul>
    </header>
  );
}

const STATE_TEXTS: Record<PartState, string> = {
  starting: "starting",
  up: "up",
  behind: "behind",
  down: "away",
};

function Part(props: { name: string; state?: PartState; detail?: string }) {
  const state = props.state ?? "starting";
  const trouble = state === "down" || state === "behind";
  return (
    <li className="part" data-state={state} title={props.detail}>
      <span className="dot" aria-hidden="true" />
      <span className="part-name">{props.name}</span>
      <span className="part-state">{STATE_TEXTS[state]}</span>
      <span className={trouble ? "visually-hidden" : "part-detail"}>{props.detail}</span>
    </li>
  );
}

/** What to do about parts that are away. */
export function Troubles({ status: { value, error } }: { status: Polled<Status> }) {
  const troubles = error
    ? [error]
    : [
        value?.edge.state === "down" &&
          "The edge is away: events wait in this browser and leave when it is back.",
        value?.stream.state === "down" &&
          `The stream is away (${value.stream.detail}): where events are in Kinesis is not known.`,
        value?.lake.state === "down" && `The lake is away: it ${value.lake.detail}.`,
        value?.lake.state === "behind" &&
          "The lake is behind: records wait in the stream. Is its consumer running?",
      ].filter((trouble) => typeof trouble === "string");
  return (
    <div role="status">
      {troubles.map((trouble) => (
        <p className="trouble" key={trouble}>
          {trouble}
        </p>
      ))}
    </div>
  );
}

function edgeText(status: Status | undefined) {
  if (status?.edge.latency_ms === undefined) return status?.edge.detail;
  return `${Math.max(1, Math.round(status.edge.latency_ms))} ms`;
}

function plural(count: number | undefined, noun: string) {
  if (count === undefined) return undefined;
  return `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;
}
