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

/** The longest pause, in milliseconds, before a module that traps again and again is started once more. */
const LONGEST_PAUSE = 60_000;
/** How often the module may trap on an event. */
const MOST_TRAPS = 2;

let invalid = 0;
let aside = 0;
/** How many events waited on disk alone until another tab sent them: the core counts them as lost. */
let elsewhere = 0;
let traps = 0;
/** Whether the disk was read. */
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

/** Puts an event on disk that the core does not have; as it was recorded, if no core was there to validate it. */
function addEarly(held: Held, event: AnalyticsEvent): void {
  try {
    if (!held.row.checked) held.row.body = bodyOf(event);
    held.place ??= put(held.row);
  } catch {
    // It cannot be written as JSON; the validator will say what is wrong with it.
  }
  if (early.size > settings.bufferSize) {
    const [oldest] = settings.dropPolicy === "newest" ? [held] : early;
    end(oldest, { state: "dropped", reason: ENDS[DROPPED_TOO_MANY - DELIVERED] });
  }
}

/** Hands an event to the disk, and then to the core. Gives whether the core has it, or it has ended. */
export function accept(held: Held): boolean {
  const { row, number, immediate, traps = 0 } = held;
  if (traps >= MOST_TRAPS) {
    end(held, { state: "dropped", reason: "the WebAssembly module fails on it" });
    return true;
  }
  const isTaken = hand(held, (core, who) => {
    held.place ??= put(row);
    // The core refuses it if it has no room for its identity: then it waits on disk for a later visit.
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
 * Hands an event from disk to the core. Gives whether the core has taken it into memory; nothing if the event has
 * ended, or the core has trapped.
 */
export function offer(held: Held): boolean | undefined {
  const { row, number } = held;
  return hand(held, (core, who) => core.outbox_load(number, bytesOf(row), who, row.at));
}

/** Validates an event and hands it to the core by `give`. Gives the same as `offer`. */
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

/** Rows are on disk, or their put failed. */
export function settled(rows: Row[], isStored: boolean): void {
  const found = rows.flatMap(({ id }) => byId.get(id) ?? []);
  for (const held of found) held.isStored = isStored;
  written(found.filter(({ isAccepted }) => isAccepted));
}

/** The core has these events, and the disk has answered about them. */
function written(all: Held[]): void {
  handOver(all);
  for (const held of all) {
    if (held.isStored) tell(held, "stored");
    shed(held);
  }
}

/** The database was opened anew and has these records: puts again those that were deleted with the old one. */
export function putAgain(records: IDBValidKey[]): void {
  for (const held of byNumber.values()) {
    if (!held.isStored || records.includes(`${held.place?.key}`)) continue;
    held.isStored = undefined;
    held.place = put(held.row);
  }
}

/** Leaves an event on disk alone where the core has enough in memory. */
export function shed(held: Held): void {
  // Another tab's event stays in memory: read from disk it would look like one of this tab.
  if (!isLeader || !held.isStored || !held.isAccepted || !held.isOurs) return;
  if (!withCore((core) => core.outbox_evict(held.number))) return;
  evict(held);
  // `others.js` reads what is on disk alone: it is loaded now, while there is a network.
  others();
}

/** Whether an event is valid. An event that is not ends here. */
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
  // Never sent: no other tab asks how it ended.
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

/** What is wrong with an event that is not valid. Asks again for the script that says so if it has failed to load. */
export async function explained(event: AnalyticsEvent): Promise<Violation[]> {
  return (await import("../module/violations.js")).violationsOf(event, settings.schema);
}

/** Tells the core how an event ended that another tab sent. */
export function endedElsewhere(held: Held, ending: Ending): void {
  held.ending = ending;
  if (!held.isAccepted) return;
  withCore((core) => {
    core.outbox_ended_elsewhere(held.number, actionFor(ending));
    drain(core, true);
  });
}

/** Hands rows on disk to the core: of all identities, or of the one that it asks for. */
export async function load(whose?: number): Promise<void> {
  const isSame = untilChanged();
  const hasOthers = hasLoaded || (await othersHave().catch(() => false));
  hasLoaded = true;
  if (hasOthers) return (await others()).load(whose);
  if (!isSame()) return;
  withCore((core) => core.outbox_loaded());
  for (const held of [...byNumber.values()]) shed(held);
}

/** Whether other pages may have rows on disk, or on their way there. Rejects without a disk. */
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
 * The module has trapped: all events in memory wait for a new instance. Gives how many milliseconds to wait before that
 * one starts.
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

/** Ends all events, as dropped. */
export function forgetEvents(): void {
  for (const held of [...byNumber.values()]) end(held, { state: "dropped", reason: "forgotten" });
  clearBooks();
  invalid = aside = elsewhere = 0;
}

export function stats(): Stats {
  const book = (at: number) => withCore((core) => core.outbox_books(at)) ?? 0;
  const counted = books();
  // Nobody knows which events these are, so they are only counted.
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
