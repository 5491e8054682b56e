// The events that this tab knows of, and how they end.

import { page } from "../setup.js";
import type { AnalyticsEvent, DeliveryState } from "../types.js";
import { type Place, type Row, remove as removeRow } from "./disk.js";

/** An event on its way. */
export interface Held {
  /** The core's number of it. */
  number: number;
  row: Row;
  /** Where it is on disk, or on its way there. */
  place?: Place;
  /** As it was recorded, until it is validated. */
  event?: AnalyticsEvent;
  /** Whether it is on disk; `undefined` until the disk has said. */
  isStored?: boolean;
  /** Whether it is this tab that tells of it: it recorded or loaded it. */
  isOurs: boolean;
  /** Whether the core has it. */
  isAccepted?: boolean;
  /** How often the module has trapped while it was handed to the core. */
  traps?: number;
  immediate: boolean;
  /** What an answer said about it last. */
  reason?: string;
  /** How it ended in another tab, which this one heard of before its core had it. */
  ending?: Ending;
}

/** How an event ended, and why. In words, since tabs tell it each other, and may be of several versions. */
export interface Ending {
  state: "delivered" | "rejected" | "dropped";
  reason?: string;
}

/** Most events that have ended and are remembered. */
const MOST_ENDED = 10_000;

export const byNumber = new Map<number, Held>();
export const byId = new Map<string, Held>();
/** Events that the core does not have yet. */
export const early = new Set<Held>();
/** How those ended that did so last: the disk or another tab may speak of them once more. */
export const lately = new Map<string, Ending>();

/** How many events ended which way. */
let counts = { delivered: 0, rejected: 0, dropped: 0 };
/** How many were dropped for which reason. */
let droppedBy: Record<string, number> = {};
let nextNumber = 0;

/** How many events ended so far. */
export const books = () => ({ ...counts, droppedBy: { ...droppedBy } });

/** Begins to count anew. */
export function clearBooks(): void {
  counts = { delivered: 0, rejected: 0, dropped: 0 };
  droppedBy = {};
}

export function hold(row: Row, isOurs: boolean, immediate = false): Held {
  const held = { number: nextNumber++, row, isOurs, immediate };
  byNumber.set(held.number, held);
  byId.set(row.id, held);
  return held;
}

/** Forgets an event in memory: it has ended, or waits on disk alone. */
export function evict(held: Held): void {
  byNumber.delete(held.number);
  byId.delete(held.row.id);
  early.delete(held);
}

/** An event's way is at its end. */
export function end(held: Held, ending: Ending): void {
  const { state, reason } = ending;
  remove(held, ending);
  counts[state]++;
  if (state === "dropped") droppedBy[`${reason}`] = (droppedBy[`${reason}`] ?? 0) + 1;
  tell(held, state, { reason });
}

export function remove(held: Held, ending: Ending): void {
  evict(held);
  remember(held.row.id, ending);
  if (held.place) removeRow(held.row.id, held.place);
}

export function remember(id: string, ending: Ending): void {
  lately.set(id, ending);
  if (lately.size > MOST_ENDED) lately.delete(lately.keys().next().value as string);
}

export function tell({ row, isOurs }: Held, state: DeliveryState, more?: object): void {
  if (isOurs) page.deliver({ id: row.id, name: row.name, at: Date.now(), state, ...more });
}
