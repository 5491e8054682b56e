// The events that this tab knows of, and how they end.

import { DELIVERED, ENDS, REJECTED } from "../module/contract.js";
import { page } from "../setup.js";
import type { AnalyticsEvent, DeliveryState } from "../types.js";
import { type Row, remove as removeRow } from "./disk.js";

/** An event on its way. */
export interface Held {
  /** The core's number of it. */
  number: number;
  row: Row;
  /** As it was recorded, until it is validated. */
  event?: AnalyticsEvent;
  isStored?: boolean;
  /** Whether this tab's books alone hold it, so that this tab tells of it. */
  isOurs: boolean;
  /** Whether the core has it. */
  isAccepted?: boolean;
  immediate: boolean;
  /** What was said about it last. */
  reason?: string;
  /** How it ended in another tab. */
  end?: Ending;
}

/** How an event ended, by the number of the core's `Action`, and why. */
export type Ending = [end: number, reason?: string];

/** Most events that have ended and are remembered. */
const MOST_ENDED = 10_000;

export const byNumber = new Map<number, Held>();
export const byId = new Map<string, Held>();
/** Those that the core does not have yet. */
export const early = new Set<Held>();
/** Those on their way to disk. */
export const writing = new Set<Held>();
/** Ids of those that ended last: the disk or another tab may speak of them once more. */
const lately = new Set<string>();

let nextNumber = 0;

export function hold(row: Row, isOurs: boolean, immediate = false): Held {
  const held = { number: nextNumber++, row, isOurs, immediate };
  byNumber.set(held.number, held);
  byId.set(row.id, held);
  return held;
}

/** Whether it has not ended. */
export function isHeld(held: Held): boolean {
  return byNumber.get(held.number) === held;
}

/** Whether there is such an event, or was until lately. */
export function isKnown(id: string): boolean {
  return byId.has(id) || lately.has(id);
}

/** It waits on disk alone. */
export function evict(held: Held): void {
  byNumber.delete(held.number);
  byId.delete(held.row.id);
}

/** An event's way is at its end. Gives why. */
export function end(held: Held, how: number): string | undefined {
  const reason =
    how > DELIVERED
      ? (held.reason ?? (how > REJECTED ? ENDS[how - DELIVERED] : undefined))
      : undefined;
  remove(held);
  tell(held, how === DELIVERED ? "delivered" : how === REJECTED ? "rejected" : "dropped", {
    reason,
  });
  return reason;
}

export function remove(held: Held): void {
  evict(held);
  early.delete(held);
  writing.delete(held);
  remember(held.row.id);
  removeRow(held.row.id);
}

export function remember(id: string): void {
  lately.add(id);
  if (lately.size > MOST_ENDED) lately.delete(lately.values().next().value as string);
}

export function tell({ row, isOurs }: Held, state: DeliveryState, more?: object): void {
  if (isOurs) page.deliver({ id: row.id, name: row.name, at: Date.now(), state, ...more });
}
