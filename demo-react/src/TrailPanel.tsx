import { memo, useEffect, useRef, useState } from "react";
import { DeadLetters, Letter } from "./DeadLetters";
import { refusalText, SendAnyway } from "./forms/FormFoot";
import { sampleEvent } from "./samples";
import type { DeadLetter, Status } from "./server";
import {
  detailsId,
  formatDelay,
  openEvent,
  STAGES,
  type Stage,
  shortId,
  type TrailEvent,
  useTracedRecord,
  useTrail,
} from "./trail";
import { Card, Empty, Icon } from "./ui";

const STAGE_NAMES: Record<Stage, string> = {
  recorded: "Recorded",
  queued: "Queued",
  sent: "Signed & sent",
  accepted: "Accepted",
  kinesis: "In Kinesis",
  parquet: "In Parquet",
};

/** How many more rows are shown at a time. */
const PAGE = 100;

/** Every event this page recorded, and how far it has come. */
export function TrailPanel(props: { status: Status | undefined; onQuery: (sql: string) => void }) {
  const { events, open } = useTrail();
  const record = useTracedRecord();
  const [limit, setLimit] = useState(PAGE);
  const deadLetters = props.status?.dead_letters.latest ?? [];
  return (
    <Card
      title="Event trail"
      hint="When each event reached each stage. The edge accepts one only once Kinesis has it."
      className="trail"
      actions={
        events.length > 0 && (
          <span className="tally">
            {events.length} {events.length === 1 ? "event" : "events"}
          </span>
        )
      }
    >
      {events.length === 0 ? (
        <Empty
          title="No events yet"
          action={
            <button type="button" onClick={() => record({ ...sampleEvent(), immediate: true })}>
              <Icon name="spark" /> Record an example
            </button>
          }
        >
          Fill in a form and record an event. It shows up here at once, and you can watch it travel
          to the edge, into Kinesis and into a Parquet file.
        </Empty>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard
        <section className="trail-scroll" aria-label="Events" tabIndex={0}>
          <div className="trail-columns" aria-hidden="true">
            <span>Event</span>
            {STAGES.map((stage) => (
              <span key={stage}>{STAGE_NAMES[stage]}</span>
            ))}
          </div>
          <ol className="trail-rows">
            {events.slice(0, limit).map((event) => (
              <TrailRow
                key={event.id}
                event={event}
                open={event.id === open}
                letter={deadLetters.find(({ event_id }) => event_id === event.id)}
                onQuery={props.onQuery}
              />
            ))}
          </ol>
          {events.length > limit && (
            <button type="button" className="link more" onClick={() => setLimit(limit + PAGE)}>
              Show {Math.min(PAGE, events.length - limit)} more of {events.length - limit}
            </button>
          )}
        </section>
      )}
      {deadLetters.length > 0 && <DeadLetters letters={deadLetters} />}
    </Card>
  );
}

const TrailRow = memo(function TrailRow(props: {
  event: TrailEvent;
  open: boolean;
  letter: DeadLetter | undefined;
  onQuery: (sql: string) => void;
}) {
  const { event, open, letter } = props;
  const last = STAGES.findLastIndex((stage) => event.times[stage] !== undefined);
  const row = useRef<HTMLLIElement>(null);
  const hasLetter = letter !== undefined;
  // biome-ignore lint/correctness/useExhaustiveDependencies: a letter comes later, and has to be seen too
  useEffect(() => {
    if (open) row.current?.scrollIntoView({ block: "nearest" });
  }, [open, hasLetter]);
  return (
    <li ref={row} className="trail-row" data-refused={event.refusal?.state} data-type={event.name}>
      <button
        type="button"
        className="trail-summary"
        aria-expanded={open}
        aria-controls={detailsId(event)}
        onClick={() => openEvent(open ? undefined : event.id)}
      >
        <span className="trail-event">
          <Icon name="chevron" />
          <span className="trail-name">{event.name}</span>
          <code>{shortId(event.id)}</code>
        </span>
        {event.refusal && last <= 0 ? (
          <span className="trail-refusal">
            <Icon name="cross" /> {refusalName(event, letter)}
          </span>
        ) : (
          <>
            {STAGES.map((stage, i) => (
              <StageCell key={stage} event={event} stage={stage} index={i} last={last} />
            ))}
            {/* Where there is no room for a column a stage, the latest speaks for all. */}
            <span className="trail-latest" aria-hidden="true">
              {event.refusal?.state ?? STAGE_NAMES[STAGES[last] ?? "recorded"]}{" "}
              <b>{stageTime(event, STAGES[last] ?? "recorded")}</b>
            </span>
          </>
        )}
      </button>
      {open && <Details event={event} letter={letter} onQuery={props.onQuery} />}
    </li>
  );
});

function refusalName({ refusal }: TrailEvent, letter: DeadLetter | undefined) {
  if (letter) return "Refused by the edge: a dead letter";
  return refusal?.state === "invalid" ? "Invalid, not sent" : refusal?.state;
}

function StageCell(props: { event: TrailEvent; stage: Stage; index: number; last: number }) {
  const { event, stage, index, last } = props;
  const { refusal, kinesis, parquet } = event;
  const isPassedBy = event.isReplayed && index <= last && event.times[stage] === undefined;
  const state = isPassedBy
    ? "never"
    : index <= last
      ? "done"
      : refusal
        ? "never"
        : index === last + 1
          ? "next"
          : "later";
  return (
    <span className="stage" data-state={state} data-stage={stage}>
      <span className="stage-dot" aria-hidden="true" />
      <span className="stage-name">{STAGE_NAMES[stage]}</span>
      <span className="stage-time">
        {index === last + 1 && refusal ? refusal.state : stageTime(event, stage)}
      </span>
      {stage === "kinesis" && kinesis && (
        <span className="stage-place" title={kinesis.sequence_number}>
          shard {shardNumber(kinesis.shard)} · …{kinesis.sequence_number.slice(-6)}
        </span>
      )}
      {stage === "parquet" && parquet && (
        <span className="stage-place" title={parquet.file}>
          {parquet.table}
        </span>
      )}
    </span>
  );
}

/** The time of day an event was recorded, or how long after that it reached a stage. */
function stageTime({ times }: TrailEvent, stage: Stage): string {
  const time = times[stage];
  if (time === undefined) return "";
  if (stage === "recorded") return new Date(time).toLocaleTimeString("sv");
  return formatDelay(time - (times.recorded ?? time));
}

function Details(props: {
  event: TrailEvent;
  letter: DeadLetter | undefined;
  onQuery: (sql: string) => void;
}) {
  const { letter } = props;
  const { event, kinesis, parquet, refusal, attempts, id } = props.event;
  const values = { ...event?.attributes, ...event?.metrics };
  return (
    <div className="details" id={detailsId(props.event)}>
      {refusal && !letter && (
        <p className="bad">
          {refusalText(props.event)} <SendAnyway event={props.event} />
        </p>
      )}
      {letter && <Letter letter={letter} />}
      <dl>
        <Detail name="Event id">{id}</Detail>
        {Object.entries(values).map(([name, value]) => (
          <Detail key={name} name={name}>
            {value === "" ? '"" (empty)' : String(value)}
          </Detail>
        ))}
        {attempts > 1 && <Detail name="Sent">{`${attempts} times`}</Detail>}
        {kinesis && <Detail name="Shard">{kinesis.shard}</Detail>}
        {kinesis && <Detail name="Sequence number">{kinesis.sequence_number}</Detail>}
        {parquet && <Detail name="File">{parquet.file}</Detail>}
      </dl>
      {parquet && (
        <button
          type="button"
          onClick={() => props.onQuery(`SELECT *\nFROM ${parquet.table}\nWHERE event_id = '${id}'`)}
        >
          <Icon name="play" /> Show its row in SQL
        </button>
      )}
    </div>
  );
}

function Detail({ name, children }: { name: string; children: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function shardNumber(shard: string) {
  return Number(shard.replace(/^shardId-/, ""));
}
