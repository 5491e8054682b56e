// What is known of each event this page recorded: what the package reports as it goes, joined with
// what the page's server finds in the stream and in the lake.

import {
  type AnalyticsEvent,
  type Delivery,
  identifiers,
  onDelivery,
  type Receipt,
  type Stats,
  stats,
  type Violation,
} from "forebay";
import { useRecord } from "forebay/react";
import { useCallback, useEffect, useSyncExternalStore } from "react";
import {
  type DeadLetter,
  fetchWhereabouts,
  type Replay,
  replay,
  sendUnchecked,
  type Whereabouts,
} from "./server";

/** The stages of an event's way, in order. */
export const STAGES = ["recorded", "queued", "sent", "accepted", "kinesis", "parquet"] as const;
export type Stage = (typeof STAGES)[number];

export interface TrailEvent {
  id: string;
  name: string;
  /** When each stage was reached, in milliseconds since the epoch. */
  times: Partial<Record<Stage, number>>;
  /** What was recorded; unknown for events that an earlier visit left in the queue. */
  event?: AnalyticsEvent;
  /** How it ended, where it did not reach the lake. */
  refusal?: { state: "invalid" | "rejected" | "dropped"; reason?: string; violations: Violation[] };
  /** How often it was sent. */
  attempts: number;
  /** Whether it was accepted as the event of a dead letter: this browser's queue never had it. */
  isReplayed?: boolean;
  kinesis?: Whereabouts["kinesis"];
  parquet?: Whereabouts["parquet"];
}

export interface Trail {
  /** Newest first. */
  events: readonly TrailEvent[];
  stats: Stats;
  /** The event whose details are shown. */
  open?: string;
}

/** How many events are followed; the oldest are forgotten first. */
const MAX_EVENTS = 5000;
/** How many ids the server is asked for at once. */
const IDS_A_REQUEST = 1000;
const TRACE_MS = 700;

const events = new Map<string, TrailEvent>();
const listeners = new Set<() => void>();
let snapshot: Trail = { events: [], stats: stats() };
let publishing = false;
let open: string | undefined;

/** Events come by the hundred: one render a frame is enough. */
function publish() {
  if (publishing) return;
  publishing = true;
  setTimeout(() => {
    publishing = false;
    snapshot = { events: [...events.values()].reverse(), stats: stats(), open };
    for (const listener of listeners) listener();
  }, 16);
}

function update(id: string, change: (known: TrailEvent) => TrailEvent, name = "") {
  const known = events.get(id) ?? { id, name, times: {}, attempts: 0 };
  events.set(id, change(known));
  const [oldest] = events.keys();
  if (events.size > MAX_EVENTS && oldest !== undefined) events.delete(oldest);
  publish();
}

/** `stage` was reached at `at`, unless it was reached before. */
function reach(known: TrailEvent, stage: Stage, at: number): TrailEvent {
  return { ...known, times: { ...known.times, [stage]: known.times[stage] ?? at } };
}

function follow({ id, name, at, state, violations = [], reason }: Delivery) {
  const change = (known: TrailEvent): TrailEvent => {
    // What an earlier visit left in the queue is first heard of here.
    const begun = reach(known, "recorded", at);
    switch (state) {
      case "recorded":
      case "stored":
        return reach(begun, "queued", at);
      case "sent":
        return { ...reach(begun, "sent", at), attempts: begun.attempts + 1 };
      case "delivered":
        return reach(begun, "accepted", at);
      default:
        return { ...begun, refusal: { state, violations, reason } };
    }
  };
  update(id, change, name);
}

function find(id: string, { kinesis, parquet }: Whereabouts) {
  update(id, (known) => {
    let found = known;
    if (kinesis) found = { ...reach(found, "kinesis", kinesis.arrived_at), kinesis };
    if (parquet) found = { ...reach(found, "parquet", parquet.written_at), parquet };
    return found;
  });
}

/** Shows the details of an event, or of none. */
export function openEvent(id: string | undefined) {
  open = id;
  publish();
}

/** Sends an event that was refused in this page all the same, as a client without the schema would. */
export async function sendAnyway({ id, name, event }: TrailEvent) {
  const given = ([, value]: [string, unknown]) => value !== null && value !== undefined;
  const { endpointId } = await identifiers();
  const { status, message } = await sendUnchecked({
    id,
    endpoint_id: endpointId,
    name,
    attributes: Object.fromEntries(Object.entries(event?.attributes ?? {}).filter(given)),
    metrics: event?.metrics ?? {},
  });
  update(id, (known) =>
    status === 202
      ? { ...reach(known, "accepted", Date.now()), refusal: undefined, isReplayed: true }
      : { ...known, refusal: { state: "rejected", reason: message, violations: [] } },
  );
  openEvent(id);
}

/**
 * Sends the event of a dead letter again; it is on the trail from then on.
 * @param changes as for `replay` of the server
 */
export async function replayLetter(
  letter: DeadLetter,
  changes: Record<string, string>,
): Promise<Replay> {
  const id = letter.event_id ?? "";
  const answer = await replay(id, changes);
  if (answer.accepted) {
    const change = (known: TrailEvent): TrailEvent => {
      const begun = reach(known, "recorded", Number(letter.arrival_timestamp));
      const accepted = reach(begun, "accepted", Date.now());
      const { Attributes: attributes, Metrics: metrics } = answer.event;
      const event = { name: known.name, attributes, metrics };
      return { ...accepted, event, refusal: undefined, isReplayed: true };
    };
    update(id, change, letter.event_type ?? letter.kind);
  }
  return answer;
}

/** Ids of the events that may still get further, newest first. */
function underWay(): string[] {
  const waiting = [...events.values()].filter(({ parquet, refusal }) => !parquet && !refusal);
  return waiting
    .map(({ id }) => id)
    .reverse()
    .slice(0, IDS_A_REQUEST);
}

async function trace() {
  const ids = underWay();
  if (ids.length === 0 || document.hidden) return;
  for (const [id, whereabouts] of Object.entries(await fetchWhereabouts(ids))) {
    const known = events.get(id);
    const news = Boolean(whereabouts.kinesis) !== Boolean(known?.kinesis) || whereabouts.parquet;
    if (known && news) find(id, whereabouts);
  }
}

/** Keeps the trail up to date while the calling component is there. Call it once. */
export function useTrailFeed() {
  useEffect(() => {
    const stop = onDelivery(follow);
    let timer = 0;
    const next = () => {
      // The header says when the server is away; the next round asks again.
      trace()
        .catch(() => {})
        .finally(() => {
          timer = window.setTimeout(next, TRACE_MS);
        });
    };
    next();
    publish();
    return () => {
      stop();
      window.clearTimeout(timer);
    };
  }, []);
}

/** The trail as it is now. */
export function useTrail(): Trail {
  return useSyncExternalStore(subscribe, () => snapshot);
}

function subscribe(listener: () => void) {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** `record()` of the package, that also puts the event on the trail. */
export function useTracedRecord(): (event: AnalyticsEvent) => Receipt {
  const record = useRecord();
  return useCallback(
    (event) => {
      const at = Date.now();
      const receipt = record(event);
      update(receipt.id, (known) => ({ ...reach(known, "recorded", at), event }), event.name);
      return receipt;
    },
    [record],
  );
}

/** The id of the element that has an event's details. */
export function detailsId({ id }: TrailEvent): string {
  return `details-${id}`;
}

/** How far an event has come. */
export function latestStage({ times }: TrailEvent): Stage {
  return STAGES.findLast((stage) => times[stage] !== undefined) ?? "recorded";
}

/**
 * The part of an id that differs within a burst: the end of its time, and its number within a millisecond. The part
 * before it is the same for a minute, and the parts behind it are the same for the whole burst.
 */
export function shortId(id: string): string {
  return `…${id.slice(9, 18)}`;
}

/** A time between two stages, e.g. `+120 ms`. */
export function formatDelay(milliseconds: number): string {
  const delay = Math.max(0, milliseconds);
  if (delay < 1000) return `+${Math.round(delay)} ms`;
  if (delay < 60_000) return `+${(delay / 1000).toFixed(1)} s`;
  return `+${Math.round(delay / 60_000)} min`;
}
