import type { Violation } from "forebay";
import { useContext, useState } from "react";
import { Stack } from "../server";
import {
  detailsId,
  formatDelay,
  latestStage,
  sendAnyway,
  shortId,
  type TrailEvent,
  useTrail,
} from "../trail";
import { Icon, Switch } from "../ui";

const NEWS = {
  recorded: "recorded",
  queued: "recorded, waiting to be sent",
  sent: "on its way to the edge",
  accepted: "accepted by the edge",
  kinesis: "in Kinesis",
  parquet: "in Parquet",
} as const;

/** The end of every form: the call it makes, the button, and what became of the last event. */
export function FormFoot(props: {
  code: string;
  button: string;
  receipt: string | undefined;
  immediate: boolean;
  onImmediate: (immediate: boolean) => void;
}) {
  return (
    <div className="form-foot">
      <pre className="code">{props.code}</pre>
      <div className="form-actions">
        <button type="submit" className="primary">
          {props.button}
        </button>
        <Switch label="Send at once" checked={props.immediate} onChange={props.onImmediate} />
      </div>
      <Outcome receipt={props.receipt} />
    </div>
  );
}

function Outcome({ receipt }: { receipt: string | undefined }) {
  const { events } = useTrail();
  const event = events.find(({ id }) => id === receipt);
  return (
    <p className="outcome" role="status">
      {event?.refusal ? (
        <span className="bad">
          <Icon name="warning" /> {refusalText(event)} <SendAnyway event={event} />
        </span>
      ) : (
        event && (
          <span className={event.parquet ? "good" : undefined}>
            <Icon name={event.parquet ? "check" : "arrow"} /> <code>{shortId(event.id)}</code>{" "}
            {progressText(event)}
          </span>
        )
      )}
    </p>
  );
}

/** Lets an event past the check of this page: the edge checks it again. */
export function SendAnyway({ event }: { event: TrailEvent }) {
  const stack = useContext(Stack);
  const [error, setError] = useState("");
  if (!stack?.replays || event.refusal?.state !== "invalid") return null;
  const row = `[aria-controls="${detailsId(event)}"]`;
  // This button is gone then: the focus goes where it goes on.
  const send = () =>
    sendAnyway(event).then(
      () => document.querySelector<HTMLElement>(row)?.focus(),
      ({ message }) => setError(message),
    );
  return (
    <>
      <button type="button" className="link" onClick={send}>
        Send it anyway
      </button>
      {error}
    </>
  );
}

function progressText(event: TrailEvent) {
  const stage = latestStage(event);
  const delay = (event.times[stage] ?? 0) - (event.times.recorded ?? 0);
  return stage === "recorded" ? NEWS[stage] : `${NEWS[stage]}, ${formatDelay(delay)}`;
}

/** Why an event did not get further, in a sentence. */
export function refusalText({ refusal }: TrailEvent): string {
  switch (refusal?.state) {
    case "invalid":
      return `Refused before it left this page: ${refusal.violations.map(violationText).join("; ")}.`;
    case "rejected":
      return `Refused by the edge: ${refusal.reason ?? "no reason given"}`;
    default:
      return `Dropped: ${refusal?.reason ?? "no reason given"}`;
  }
}

export function violationText({ path, expected, actual }: Violation): string {
  return `${path}: expected ${expected}, got ${actual}`;
}

/** A call of `record` as it would stand in code. */
export function callCode(creator: string, values: object): string {
  const members = Object.entries(values)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `  ${name}: ${JSON.stringify(value)},`);
  return `record(${creator}({\n${members.join("\n")}\n}));`;
}
