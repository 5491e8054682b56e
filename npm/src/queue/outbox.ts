// Events on their way from the intake to the disk and, once they are valid, to the core.

import { numberOf } from "../identity/credentials.js";
import {
  BOOK_ENDED,
  BOOK_QUEUED,
  BOOK_RECORDED,
  DELIVERED,
  DROPPED_TOO_MANY,
  ENDS,
} from "../module/contract.js";
import { type Core, checked, clocks, core } from "../module/core.js";
import { drain, soon } from "../send/turns.js";
import { round, settings } from "../setup.js";
import { isLeader, share } from "../tabs/leader.js";
import type { AnalyticsEvent, Stats, Violation } from "../types.js";
import { isOpen, put, type Row, scan } from "./disk.js";
import type { Taken } from "./intake.js";
import {
  byId,
  byNumber,
  type Ending,
  early,
  end,
  evict,
  type Held,
  hold,
  isHeld,
  isKnown,
  remove,
  tell,
  writing,
} from "./ledger.js";
import { bodyOf, bytesOf, eventOf } from "./wire.js";

let isDurable = true;
let invalid = 0;
let aside = 0;
/** Events that were dropped before the core had them, by reason. */
let dropped: Record<string, number> = {};

/** Takes events of an identity. */
export function add(all: Taken[], who: string): void {
  for (const { id, at, event, session } of all) {
    const row: Row = { id, at, name: event.name, body: "", session, who, checked: false, v: 1 };
    const held = hold(row, true, !!event.immediate);
    held.event = event;
    early.add(held);
    if (core) accept(core, held);
    else addEarly(held, row, event);
  }
}

/** Without a core they are put on disk as they are. */
function addEarly(held: Held, row: Row, event: AnalyticsEvent): void {
  try {
    row.body = bodyOf(event);
    toDisk(held, row);
  } catch {
    // The validator says what is wrong with it.
  }
  if (early.size > settings.bufferSize) {
    const [oldest] = settings.dropPolicy === "newest" ? [held] : early;
    const reason = ENDS[DROPPED_TOO_MANY - DELIVERED];
    dropped[reason] = (dropped[reason] ?? 0) + 1;
    end(oldest, DROPPED_TOO_MANY);
  }
}

/** Hands an event to the core. */
export function accept(core: Core, held: Held): void {
  const { row, number } = held;
  early.delete(held);
  if (!isValid(core, held, row)) return;
  const who = numberOf(row.who);
  tell(held, "recorded");
  held.isAccepted = true;
  core.outbox_record(number, bytesOf(row), who, row.at, held.immediate, ...clocks());
  if (held.end) endedElsewhere(held, held.end);
  if (held.isStored !== undefined) written(core, held);
  else if (!writing.has(held)) toDisk(held, row);
  soon();
}

function toDisk(held: Held, row: Row): void {
  writing.add(held);
  put(row).then((isStored) => {
    writing.delete(held);
    isDurable = isStored;
    if (!isHeld(held)) return;
    held.isStored = isStored;
    if (core && held.isAccepted) written(core, held);
  });
}

/** The core has an event, and the disk has it too, or cannot take it. */
function written(core: Core, held: Held): void {
  share(held);
  if (held.isStored) tell(held, "stored");
  shed(core, held);
}

/** Leaves an event on disk alone where the core has enough in memory. */
function shed(core: Core, held: Held): void {
  // Of another tab's it would not be known any more whose it is.
  if (isLeader && held.isStored && held.isAccepted && held.isOurs && core.outbox_evict(held.number))
    evict(held);
}

/** Whether an event is valid. One that is not comes to its end here. */
function isValid(core: Core, held: Held, row: Row): boolean {
  if (row.checked) return true;
  const given = held.event ?? eventOf(row);
  const valid = checked(core, given);
  if (valid) {
    row.body = bodyOf(valid);
    row.checked = true;
    held.event = undefined;
    return true;
  }
  invalid++;
  remove(held);
  explained(given).then(
    (violations) => tell(held, "invalid", { violations }),
    (error) =>
      tell(held, "invalid", {
        violations: [],
        reason: `what is wrong could not be loaded: ${error}`,
      }),
  );
  return false;
}

/** What is wrong with an event that is not valid. Loaded again where it did not come. */
export async function explained(event: AnalyticsEvent): Promise<Violation[]> {
  return (await import("../module/violations.js")).violationsOf(event, settings.schema);
}

/** The core hears how an event ended: it was not this tab that sent it. */
export function endedElsewhere(held: Held, [how, reason]: Ending): void {
  held.reason = reason;
  if (!core) return;
  core.outbox_ended_elsewhere(held.number, how);
  drain(core, true);
}

/**
 * Hands what is on disk to the core, which leaves there what is too much; all of it, or as much as it takes of
 * an identity.
 */
export async function load(core: Core, whose?: number): Promise<void> {
  const begun = round;
  const known = whose === undefined ? byNumber : new Map<number, Held>();
  // What was on disk and is not is what another tab ended without this one hearing of it.
  const gone = new Set([...known.values()].filter((held) => held.isStored));
  const found: Held[] = [];
  const read = (row: Row) => {
    gone.delete(byId.get(row.id) as Held);
    if (isKnown(row.id) || begun !== round) return;
    const loaded = hold(row, true);
    loaded.isStored = true;
    if (!isValid(core, loaded, row)) return;
    const who = numberOf(row.who);
    if (core.outbox_load(loaded.number, bytesOf(row), who, row.at)) {
      found.push(loaded);
      return;
    }
    evict(loaded);
    return who === whose;
  };
  try {
    aside += await scan(read);
  } catch {
    gone.clear();
  }
  core.outbox_loaded();
  for (const held of gone) endedElsewhere(held, [DELIVERED]);
  // What was stored before it was known what waits on disk.
  for (const held of known.values()) shed(core, held);
  for (const held of found) {
    held.isAccepted = true;
    if (held.end) endedElsewhere(held, held.end);
  }
  soon();
}

/** Ends all there is. */
export function forgetEvents(): void {
  for (const held of [...byNumber.values()]) {
    held.reason = "forgotten";
    end(held, DROPPED_TOO_MANY);
  }
  invalid = aside = 0;
  dropped = {};
}

export function stats(): Stats {
  const book = (at: number) => core?.outbox_books(at) ?? 0;
  const droppedBy = { ...dropped };
  const [delivered, rejected, ...byReason] = ENDS.map((_, at) => book(BOOK_ENDED + at));
  for (const [at, count] of byReason.entries()) {
    const reason = ENDS[at + 2];
    if (count) droppedBy[reason] = (droppedBy[reason] ?? 0) + count;
  }
  const sum = (counts: Record<string, number>) =>
    Object.values(counts).reduce((sum, count) => sum + count, 0);
  return {
    recorded: book(BOOK_RECORDED) + early.size + sum(dropped),
    invalid,
    delivered,
    rejected,
    dropped: sum(droppedBy),
    droppedBy,
    queued: book(BOOK_QUEUED) + early.size,
    aside,
    durable: isDurable && isOpen(),
    leader: isLeader,
  };
}
