import { flushEvents } from "forebay";
import type { ReactNode } from "react";
import type { Status } from "./server";
import { useTrail } from "./trail";
import { Icon } from "./ui";

/** How many events are at each stage, and whether these numbers account for every event. */
export function Flow({ status }: { status: Status | undefined }) {
  const { stats } = useTrail();
  const lost = stats.rejected + stats.dropped;
  const balanced = stats.recorded === stats.delivered + lost + stats.queued;
  return (
    <section className="flow" aria-label="Events by stage">
      <ol>
        <Station name="Recorded" count={stats.recorded} scope="in this page">
          {stats.invalid > 0 ? `${count(stats.invalid)} more refused as invalid` : "none refused"}
        </Station>
        <Station name="Queued" count={stats.queued} scope="in this browser" busy={stats.queued > 0}>
          {stats.queued > 0 ? (
            <button type="button" className="link" onClick={flushEvents}>
              Send now
            </button>
          ) : (
            "nothing waits"
          )}
        </Station>
        <Station name="Accepted" count={stats.delivered} scope="by the edge">
          {`${count(stats.rejected)} rejected, ${count(stats.dropped)} dropped`}
        </Station>
        <Station name="In Kinesis" count={status?.stream.records} scope="from all pages">
          {status?.dead_letters.count === 1
            ? "1 dead letter"
            : `${count(status?.dead_letters.count ?? 0)} dead letters`}
        </Station>
        <Station name="In Parquet" count={status?.lake.rows} scope="from all pages">
          {status?.lake.rejected_files
            ? `${count(status.lake.rejected_files)} files of rejected records`
            : "no record rejected"}
        </Station>
      </ol>
      <p className="books" data-balanced={balanced}>
        <Icon name={balanced ? "check" : "warning"} />
        <span>
          <b>{count(stats.recorded)}</b> recorded = <b>{count(stats.delivered)}</b> delivered +{" "}
          <b>{count(stats.rejected)}</b> rejected + <b>{count(stats.dropped)}</b> dropped +{" "}
          <b>{count(stats.queued)}</b> queued
        </span>
        <span className="books-verdict">
          {balanced ? "Every event is accounted for" : "Events are missing"}
        </span>
      </p>
    </section>
  );
}

function Station(props: {
  name: string;
  count: number | undefined;
  scope: string;
  busy?: boolean;
  children: ReactNode;
}) {
  return (
    <li className="station" data-busy={props.busy}>
      <span className="station-name">
        {props.name} <span className="station-scope">{props.scope}</span>
      </span>
      <span className="station-count">{props.count === undefined ? "–" : count(props.count)}</span>
      <span className="station-note">{props.children}</span>
    </li>
  );
}

function count(value: number) {
  return value.toLocaleString("en");
}
