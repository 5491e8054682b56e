// Which events are sent when, and what an answer means for them. No IO: time and randomness are arguments.

import type { Violation } from "../types.js";

/** Most events of a request. */
export const MOST_EVENTS = 500;
/** Most bytes of a request: the worker takes 4 MB. */
export const MOST_BYTES = 4_000_000;
/** The first wait after a failure is up to this, in milliseconds; each further one up to twice as long. */
const FIRST_WAIT = 500;
const LONGEST_WAIT = 60_000;
/** A longer `Retry-After`, in milliseconds, counts as this: a proxy may have sent it. */
const LONGEST_RETRY_AFTER = 3_600_000;
/** How often an event that was sent alone may be refused as too large. */
const MOST_TOO_LARGE = 3;
export const TOO_OLD = "too old";
const TOO_LARGE = "too large for what stands before the endpoint";

/** An event that waits. */
export interface Entry<Place = unknown> {
  readonly id: string;
  readonly name: string;
  /** The event as it is sent: one line of JSON. */
  readonly line: string;
  /** Bytes of the line. */
  readonly bytes: number;
  /** When it was recorded, in milliseconds since the epoch. */
  readonly at: number;
  /** Its place on disk; `undefined` if it is not on disk. */
  readonly place?: Place;
  /** How often it failed by itself. */
  tries: number;
  /** It is not sent before this time, in milliseconds since the epoch. */
  notBefore: number;
}

/** What the worker says of one event. */
export interface Result {
  status: number;
  message: string;
  reasons?: Violation[];
}

/** What became of a request. `retryAfter` is in milliseconds. */
export type Answer =
  /** What the worker says of each event, in the order of the batch. */
  | { kind: "results"; results: Result[]; retryAfter: number }
  /** The request is too large for something on the way. */
  | { kind: "too large" }
  /** Anything else: no answer, another status, or an answer that is not the worker's. */
  | { kind: "failed"; retryAfter: number };

/** An event that has ended. */
export interface Ended<E> {
  entry: E;
  state: "delivered" | "rejected" | "dropped";
  reason?: string;
  violations?: Violation[];
}

export interface QueueOptions {
  /** Milliseconds that an event waits for others. */
  flushInterval: number;
  /** Most events of a request. */
  flushSize: number;
  /** Most bytes of a request. */
  flushBytes: number;
  /** Most events that wait in memory. */
  bufferSize: number;
  /** Most bytes that wait in memory. */
  bufferBytes: number;
  /** Milliseconds after which an event is given up. */
  maxAge: number;
}

/** What an answer has changed. */
export interface Outcome<E> {
  ended: Ended<E>[];
  /** Events that the worker answered with 429. */
  throttled: number;
  /** Events that were not accepted for another reason, and are sent again. */
  failed: number;
}

/** Events in the order in which they were recorded. One batch is in flight at a time. */
export class Queue<E extends Entry> {
  #fresh: E[] = [];
  /** Events that failed by themselves, each to be sent again at its own time. */
  #again: E[] = [];
  #size = 0;
  #bytes = 0;
  #urgent = false;
  /** Requests in a row that failed. */
  #failures = 0;
  #pausedUntil = 0;
  /** How many events the next request may have; fewer after one that was too large. */
  #limit: number;

  constructor(readonly options: QueueOptions) {
    this.#limit = options.flushSize;
  }

  /** Events in memory, with those in flight. */
  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  hasRoom(bytes: number): boolean {
    return this.#size < this.options.bufferSize && this.#bytes + bytes <= this.options.bufferBytes;
  }

  add(entry: E): void {
    this.#fresh.push(entry);
    this.#size++;
    this.#bytes += entry.bytes;
  }

  /** Until `calm()`, batches do not wait for more events. A pause after a failure still holds. */
  urge(): void {
    this.#urgent = true;
  }

  calm(): void {
    this.#urgent = false;
  }

  /** Takes out the events that are too old to be sent. */
  expired(now: number): Ended<E>[] {
    const isOld = (entry: E) => now - entry.at > this.options.maxAge;
    // The oldest come first, except those of another process.
    if (!this.#fresh.some(isOld) && !this.#again.some(isOld)) return [];
    const old = [...this.#again, ...this.#fresh].filter(isOld);
    this.#fresh = this.#fresh.filter((entry) => !isOld(entry));
    this.#again = this.#again.filter((entry) => !isOld(entry));
    this.#forget(old);
    return old.map((entry) => ({ entry, state: "dropped", reason: TOO_OLD }));
  }

  /** The batch to send now; `undefined` if there is none. */
  take(now: number): E[] | undefined {
    const at = this.wakeAt();
    if (at === undefined || at > now) return undefined;
    const batch: E[] = [];
    let bytes = 0;
    const takes = (entry: E) => {
      const fits = batch.length < this.#limit && bytes + entry.bytes < this.options.flushBytes;
      if (!fits && batch.length > 0) return false;
      batch.push(entry);
      bytes += entry.bytes + 1;
      return true;
    };
    this.#again = this.#again.filter((entry) => entry.notBefore > now || !takes(entry));
    let count = 0;
    while (count < this.#fresh.length && takes(this.#fresh[count])) count++;
    this.#fresh.splice(0, count);
    return batch;
  }

  /** When `take()` gives a batch next, in milliseconds since the epoch; `undefined` if nothing waits. */
  wakeAt(): number | undefined {
    const [first] = this.#fresh;
    let at = Number.POSITIVE_INFINITY;
    for (const { notBefore } of this.#again) at = Math.min(at, notBefore);
    if (first) at = Math.min(at, this.#isDue() ? 0 : first.at + this.options.flushInterval);
    return at === Number.POSITIVE_INFINITY ? undefined : Math.max(at, this.#pausedUntil);
  }

  #isDue(): boolean {
    const { flushSize, flushBytes } = this.options;
    return this.#urgent || this.#fresh.length >= flushSize || this.#bytes >= flushBytes;
  }

  /** Says what became of a batch. `random` is from 0 to 1. */
  answered(batch: E[], answer: Answer, now: number, random: number): Outcome<E> {
    const outcome: Outcome<E> = { ended: [], throttled: 0, failed: 0 };
    if (answer.kind === "results") this.#judge(batch, answer, now, random, outcome);
    else {
      this.#failures++;
      outcome.failed = batch.length;
      let retryAfter = 0;
      if (answer.kind === "failed") retryAfter = answer.retryAfter;
      else {
        this.#limit = Math.max(1, Math.floor(batch.length / 2));
        // Smaller batches may pass at once.
        if (batch.length > 1) this.#failures = 0;
      }
      const isTooLarge = answer.kind === "too large" && batch.length === 1;
      const [entry] = batch;
      if (isTooLarge && ++entry.tries >= MOST_TOO_LARGE) {
        outcome.ended.push({ entry, state: "dropped", reason: TOO_LARGE });
      }
      const left = outcome.ended.length ? [] : batch;
      if (isTooLarge) this.#later(left, now, 0, random);
      // In order, before events that were recorded since.
      else this.#fresh.unshift(...left);
      const waits = this.#failures > 0 && !isTooLarge;
      if (waits) this.#pausedUntil = now + wait(this.#failures, retryAfter, random);
    }
    this.#forget(outcome.ended.map(({ entry }) => entry));
    return outcome;
  }

  #judge(
    batch: E[],
    { results, retryAfter }: Answer & { kind: "results" },
    now: number,
    random: number,
    outcome: Outcome<E>,
  ): void {
    const again: E[] = [];
    results.forEach(({ status, message, reasons }, index) => {
      const entry = batch[index];
      if (status === 202) outcome.ended.push({ entry, state: "delivered" });
      else if (status === 400) {
        outcome.ended.push({ entry, state: "rejected", reason: message, violations: reasons });
      } else {
        if (status === 429) outcome.throttled++;
        else outcome.failed++;
        entry.tries++;
        again.push(entry);
      }
    });
    this.#later(again, now, retryAfter, random);
    if (outcome.ended.length === 0) {
      // The sink is down or busy: other events would fail, too.
      this.#failures++;
      this.#pausedUntil = now + wait(this.#failures, retryAfter, random);
      return;
    }
    this.#failures = 0;
    // In small steps: a size that was too large lately may still be.
    const more = this.#limit + Math.ceil(this.#limit / 8);
    this.#limit = Math.min(this.options.flushSize, more);
  }

  #later(entries: E[], now: number, retryAfter: number, random: number): void {
    for (const entry of entries) entry.notBefore = now + wait(entry.tries, retryAfter, random);
    this.#again.push(...entries);
  }

  /** Takes out all events that wait, but not those in flight. */
  drain(): E[] {
    const all = [...this.#again, ...this.#fresh];
    this.#again = [];
    this.#fresh = [];
    this.#forget(all);
    return all;
  }

  #forget(entries: E[]): void {
    this.#size -= entries.length;
    for (const { bytes } of entries) this.#bytes -= bytes;
  }
}

/** Milliseconds to wait after so many failures: back-off with full jitter, and no less than the endpoint asks for. */
function wait(failures: number, retryAfter: number, random: number): number {
  const most = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** Math.min(failures - 1, 20));
  return Math.max(Math.min(retryAfter, LONGEST_RETRY_AFTER), random * most);
}
