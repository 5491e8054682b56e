// Events on their way from the intake to the validator, the disk and the core.

import { numberOf } from "../identity/credentials.js";
import {
  BOOK_LOST,
  BOOK_QUEUED,
  DELIVERED,
  DROPPED_LOST,
  DROPPED_TOO_MANY,
  ENDS,
} from "../module/contract.js";
import { type Core, checked, untilChanged, withCore } from "../module/core.js";
import { others } from "../others/load.js";
import { say, settings } from "../setup.js";
import { isAlone } from "../tabs/channel.js";
import { handOver, isLeader } from "../tabs/lock.js";
import type { AnalyticsEvent, Stats, Violation } from "../types.js";
import { isDurable, keysOfLeft, keysOnDisk, put, type Row } from "./disk.js";
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
import { bodyOf, bytesOf } from "./wire.js";

/** Milliseconds before a module that traps again and again is tried once more. */
const LONGEST_PAUSE = 60_000;
/** How often the module may trap on an event. */
const MOST_TRAPS = 2;

let invalid = 0;
let aside = 0;
/** Events that waited on disk alone until another tab sent them: the core takes them for lost. */
let elsewhere = 0;
let traps = 0;
/** Whether the disk was looked through. */
let hasLoaded = false;
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
  const isTaken = hand(held, (core, who) => {
    held.place ??= put(row);
    // Not where there is no room for its identity: it waits on disk for a later visit.
    return core.outbox_record(number, bytesOf(row), who, row.at, immediate);
  });
  if (isTaken) accepted(held);
  if (held.isAccepted) {
    if (held.isStored !== undefined) written([held]);
    soon();
  }
  return held.isAccepted || !byNumber.has(number);
}

/**
 * Hands an event from disk to the core. Gives whether that has taken it into memory; nothing where the event has
 * ended, or the core with it.
 */
export function offer(held: Held): boolean | undefined {
  const { row, number } = held;
  return hand(held, (core, who) => core.outbox_load(number, bytesOf(row), who, row.at));
}

/** The same where it is valid. `give` gives it to the core. */
function hand(held: Held, give: (core: Core, who: number) => number): boolean | undefined {
  return withCore((core) => {
    handed = held;
    const isTaken = isValid(core, held) ? !!give(core, numberOf(held.row.who)) : undefined;
    handed = undefined;
    return isTaken;
  });
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

/** The database was opened anew, with these records: puts again what was in one that was deleted meanwhile. */
export function putAgain(records: IDBValidKey[]): void {
  for (const held of byNumber.values()) {
    if (!held.isStored || records.includes(`${held.place?.key}`)) continue;
    held.isStored = undefined;
    held.place = put(held.row);
  }
}

/** Leaves an event on disk alone where the core has enough in memory. */
export function shed(held: Held): void {
  // An event of another tab's is kept: from disk this tab could not tell that it is not its own.
  if (!isLeader || !held.isStored || !held.isAccepted || !held.isOurs) return;
  if (!withCore((core) => core.outbox_evict(held.number))) return;
  evict(held);
  // What is on disk alone will have to be read: better to have what does so while there is a network.
  others();
}

/** Whether an event is valid. One that is not comes to its end here. */
function isValid(core: Core, held: Held): boolean {
  const { row } = held;
  if (row.checked) return true;
  const given = held.event as AnalyticsEvent;
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

/** Hands what is on disk to the core; of all identities, or what it asks for of one. */
export async function load(whose?: number): Promise<void> {
  const isSame = untilChanged();
  const hasOthers = hasLoaded || (await othersHave().catch(() => false));
  hasLoaded = true;
  if (hasOthers) return (await others()).load(whose);
  if (!isSame()) return;
  withCore((core) => core.outbox_loaded());
  for (const held of [...byNumber.values()]) shed(held);
}

/** Whether other pages may have something on disk, or on its way there. Fails without a disk. */
async function othersHave(): Promise<boolean> {
  if (!isAlone || keysOfLeft().length) return true;
  const isOwn = (id: IDBValidKey) => byId.has(`${id}`) || lately.has(`${id}`);
  return !(await keysOnDisk()).every(isOwn);
}

export function setAside(rows: number): void {
  aside += rows;
}

export function sentElsewhere(events: number): void {
  elsewhere += events;
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
  invalid = aside = elsewhere = 0;
}

export function stats(): Stats {
  const book = (at: number) => withCore((core) => core.outbox_books(at)) ?? 0;
  const counted = books();
  // Which those are nobody knows, so that they do not come to an end one by one.
  const lost = Math.max(0, book(BOOK_LOST) - elsewhere);
  counted.delivered += elsewhere;
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
