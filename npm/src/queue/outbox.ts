// Events on their way from the intake to the validator, the disk and the core.

import { numberOf } from "../identity/credentials.js";
import {
  BOOK_ENDED,
  BOOK_QUEUED,
  DELIVERED,
  DROPPED_LOST,
  DROPPED_TOO_MANY,
  ENDS,
} from "../module/contract.js";
import { type Core, checked, clocks, core, withCore } from "../module/core.js";
import { round, say, settings } from "../setup.js";
import { handOver } from "../tabs/handover.js";
import { isLeader } from "../tabs/lock.js";
import type { AnalyticsEvent, Stats, Violation } from "../types.js";
import { isDurable, type Place, put, type Row, scan, type Verdict } from "./disk.js";
import type { Taken } from "./intake.js";
import {
  books,
  byId,
  byNumber,
  clearBooks,
  type Ending,
  early,
  end,
  evict,
  type Held,
  hold,
  lately,
  remove,
  tell,
} from "./ledger.js";
import { actionFor, drain, soon } from "./turns.js";
import { bodyOf, bytesOf, eventOf } from "./wire.js";

/** Milliseconds before a module that traps again and again is tried once more. */
const LONGEST_PAUSE = 60_000;
/** How often the module may trap on an event. */
const MOST_TRAPS = 2;

let invalid = 0;
let aside = 0;
let traps = 0;
/** The event that is being handed to the core. */
let handed: Held | undefined;

/** Takes events of an identity. */
export function add(all: Taken[], who: string): void {
  for (const { id, at, event, session } of all) {
    const row: Row = { id, at, name: event.name, body: "", session, who, checked: false, v: 1 };
    const held = hold(row, true, !!event.immediate);
    held.event = event;
    early.add(held);
    if (!accept(held)) addEarly(held, event);
  }
}

/** An event that the core does not have is put on disk; as it is, where there was none to validate it. */
function addEarly(held: Held, event: AnalyticsEvent): void {
  try {
    if (!held.row.checked) held.row.body = bodyOf(event);
    held.place ??= put(held.row);
  } catch {
    // The validator says what is wrong with it.
  }
  if (early.size > settings.bufferSize) {
    const [oldest] = settings.dropPolicy === "newest" ? [held] : early;
    end(oldest, { state: "dropped", reason: ENDS[DROPPED_TOO_MANY - DELIVERED] });
  }
}

/** Hands an event to the disk, and then to the core. Gives whether that has it, or it has ended. */
export function accept(held: Held): boolean {
  const { row, number, immediate, traps = 0 } = held;
  if (traps >= MOST_TRAPS) {
    end(held, { state: "dropped", reason: "the WebAssembly module fails on it" });
    return true;
  }
  const isDone = withCore((core) => {
    handed = held;
    let isTaken = true;
    if (isValid(core, held)) {
      held.place ??= put(row);
      const who = numberOf(row.who);
      // Not where there is no room for its identity: it waits on disk for a later visit.
      isTaken = !!core.outbox_record(number, bytesOf(row), who, row.at, immediate, ...clocks());
      if (isTaken) accepted(held);
    }
    handed = undefined;
    return isTaken;
  });
  if (held.isAccepted) {
    if (held.isStored !== undefined) written([held]);
    soon();
  }
  return !!isDone;
}

/** The core has an event. */
function accepted(held: Held): void {
  held.isAccepted = true;
  early.delete(held);
  if (!held.traps) tell(held, "recorded");
  if (held.ending) endedElsewhere(held, held.ending);
}

/** Rows are on disk, or could not be put there. */
export function settled(rows: Row[], isStored: boolean): void {
  const found = rows.flatMap(({ id }) => byId.get(id) ?? []);
  for (const held of found) held.isStored = isStored;
  written(found.filter(({ isAccepted }) => isAccepted));
}

/** The core has these events, and the disk has them too, or cannot take them. */
function written(all: Held[]): void {
  handOver(all);
  for (const held of all) {
    if (held.isStored) tell(held, "stored");
    shed(held);
  }
}

/** The database is a new one: puts what was in the old one again. */
export function putAgain(): void {
  for (const held of byNumber.values()) {
    if (!held.isStored) continue;
    held.isStored = undefined;
    held.place = put(held.row);
  }
}

/** Leaves an event on disk alone where the core has enough in memory. */
function shed(held: Held): void {
  // An event of another tab's is kept: from disk this tab could not tell that it is not its own.
  if (!isLeader || !held.isStored || !held.isAccepted || !held.isOurs) return;
  if (withCore((core) => core.outbox_evict(held.number))) evict(held);
}

/** Whether an event is valid. One that is not comes to its end here. */
function isValid(core: Core, held: Held): boolean {
  const { row } = held;
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
  // No other tab asks how it ended: it was never sent.
  remove(held, { state: "rejected" });
  explained(given).then(
    (violations) => {
      say("invalidEvent", [row.name, violations]);
      tell(held, "invalid", { violations });
    },
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
export function endedElsewhere(held: Held, ending: Ending): void {
  held.ending = ending;
  if (!held.isAccepted) return;
  withCore((core) => {
    core.outbox_ended_elsewhere(held.number, actionFor(ending));
    drain(core, true);
  });
}

/**
 * Hands what is on disk to the core, which leaves there what is too much; all of it, or as much as it takes of
 * an identity.
 */
export async function load(whose?: number): Promise<void> {
  const [begun, machine] = [round, core];
  const known = whose === undefined ? [...byNumber.values()] : [];
  // Another tab has ended what was on disk and is not there any more, and this tab did not hear of it.
  const gone = new Set(known.filter((held) => held.isStored));
  const found: Held[] = [];
  const read = (row: Row, place: Place, isStored: boolean): Verdict => {
    const held = byId.get(row.id);
    gone.delete(held as Held);
    if (lately.has(row.id)) return "over";
    // A page that did not hear of the disk left it to be put there once more.
    if (held) return held.isStored && held.place?.key !== place.key ? "over" : undefined;
    if (begun !== round || core !== machine) return "enough";
    const loaded = hold(row, true);
    loaded.place = place;
    if (isStored) loaded.isStored = true;
    handed = loaded;
    const verdict = withCore((core) => {
      if (!isValid(core, loaded)) return undefined;
      const who = numberOf(row.who);
      if (core.outbox_load(loaded.number, bytesOf(row), who, row.at)) {
        found.push(loaded);
        return undefined;
      }
      evict(loaded);
      return who === whose ? "enough" : undefined;
    });
    handed = undefined;
    return verdict;
  };
  try {
    aside += await scan(read);
  } catch {
    gone.clear();
  }
  if (begun !== round || core !== machine) return;
  withCore((core) => core.outbox_loaded());
  for (const held of gone) endedElsewhere(held, { state: "delivered" });
  // Events that were stored before the disk was read.
  for (const held of known) shed(held);
  for (const held of found) {
    held.isAccepted = true;
    if (held.ending) endedElsewhere(held, held.ending);
  }
  soon();
}

/**
 * The module has trapped: what is in memory waits for another, to which it is handed anew. Gives how many
 * milliseconds to wait before that one begins.
 */
export function outlive(): number {
  traps++;
  if (handed) handed.traps = (handed.traps ?? 0) + 1;
  handed = undefined;
  for (const held of byNumber.values()) {
    held.isAccepted = false;
    early.add(held);
  }
  return traps > 1 ? Math.min(500 * 2 ** traps, LONGEST_PAUSE) : 0;
}

/** Ends all there is. */
export function forgetEvents(): void {
  for (const held of [...byNumber.values()]) end(held, { state: "dropped", reason: "forgotten" });
  clearBooks();
  invalid = aside = 0;
}

export function stats(): Stats {
  const book = (at: number) => withCore((core) => core.outbox_books(at)) ?? 0;
  const counted = books();
  // Which those are nobody knows, so that they do not come to an end one by one.
  const lost = book(BOOK_ENDED + DROPPED_LOST - DELIVERED);
  if (lost) counted.droppedBy[ENDS[DROPPED_LOST - DELIVERED]] = lost;
  const dropped = counted.dropped + lost;
  const queued = book(BOOK_QUEUED) + early.size;
  return {
    ...counted,
    recorded: counted.delivered + counted.rejected + dropped + queued,
    invalid,
    dropped,
    queued,
    aside,
    durable: isDurable(),
    leader: isLeader,
    traps,
  };
}
