// The events that this tab knows of, and how they end.

import { page } from "../setup.js";
import type { AnalyticsEvent, DeliveryState } from "../types.js";
import { type Place, type Row, remove as removeRow } from "./disk.js";

/** An event on its way. */
export interface Held {
  /** The number by which the core knows it. */
  number: number;
  row: Row;
  /** Its place on disk, where it is or is being written. */
  place?: Place;
  /** The event as it was recorded, until it is validated. */
  event?: AnalyticsEvent;
  /** Whether it is on disk; `undefined` until the disk has answered. */
  isStored?: boolean;
  /** Whether this tab reports its steps, because it recorded or loaded it. */
  isOurs: boolean;
  /** Whether the core has it. */
  isAccepted?: boolean;
  /** How often the module has trapped while it was handed to the core. */
  traps?: number;
  immediate: boolean;
  /** The reason in the last answer about it. */
  reason?: string;
  /** How it ended in another tab, if this tab heard of that before its core had the event. */
  ending?: Ending;
}

/** How an event ended, and why. In words, since tabs of different versions tell it each other. */
export interface Ending {
  state: "delivered" | "rejected" | "dropped";
  reason?: string;
}

/** Most ended events that are remembered. */
const MOST_ENDED = 10_000;

export const byNumber = new Map<number, Held>();
export const byId = new Map<string, Held>();
/** Events that the core does not have yet. */
export const early = new Set<Held>();
/** How the latest events ended, by id: they may come again from the disk or from another tab. */
export const lately = new Map<string, Ending>();

/** How many events ended which way. */
let counts = { delivered: 0, rejected: 0, dropped: 0 };
/** How many were dropped, by reason. */
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

/** Ends an event: counts it, and tells its receipt and listeners. */
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
