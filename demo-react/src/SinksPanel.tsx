import { useRef } from "react";
import type { SinkStatus } from "./server";
import { Card, Empty } from "./ui";

/** Sinks that every worker has; what others take is said by their filter. */
const TAKES: Record<string, string> = {
  kinesis: "Every event. Its answer waits for it.",
  dead_letters: "What the edge refuses, with the reasons.",
};

/** Where the edge delivers, and what each sink has got. */
export function SinksPanel({ sinks }: { sinks: SinkStatus[] | undefined }) {
  return (
    <Card title="Sinks" hint="Where the edge delivers, counted by its /metrics." className="sinks">
      {sinks ? (
        <ul>
          {sinks.map((sink) => (
            <Sink key={sink.name} sink={sink} />
          ))}
        </ul>
      ) : (
        <Empty title="No metrics">The edge has not told what it delivered.</Empty>
      )}
    </Card>
  );
}

function Sink({
  sink: { name, filter, records, bytes, failed, left_alone },
}: {
  sink: SinkStatus;
}) {
  const first = useRef(records);
  return (
    <li data-sink={name}>
      <span className="sink-name">{name}</span>
      {/* Made anew with each number, so that it lights up. */}
      <span className="sink-count" key={records} data-fired={records !== first.current}>
        <b>{records.toLocaleString("en")}</b> {records === 1 ? "record" : "records"}
        <span className="hint">{size(bytes)}</span>
      </span>
      <span className="sink-takes hint">
        {filter ? (
          <>
            Best effort, by a filter:{" "}
            <code>{JSON.stringify(filter).replace(/[:,](?=["{[])/g, "$& ")}</code>
          </>
        ) : (
          TAKES[name]
        )}
      </span>
      {(failed > 0 || left_alone) && (
        <span className="sink-takes bad">
          {failed.toLocaleString("en")} not taken{left_alone && ", left alone for now"}
        </span>
      )}
    </li>
  );
}

function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
