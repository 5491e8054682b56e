// Events that earlier visits and closed tabs left on disk and in localStorage.

import type { Page } from "../engine.js";
import { parsedList } from "../json.js";
import { keep, kept, keysOf } from "../local-storage.js";
import { BOOK_LOST } from "../module/contract.js";
import { ASIDE, answer, OUTBOX, rowsOf } from "../queue/database.js";
import type { Place, Row } from "../queue/disk.js";
import type { Held } from "../queue/ledger.js";
import { parts } from "./parts.js";
import { eventOf, isRecorded, isRow, leftIn } from "./rows.js";
import { hasOtherLed, hearEnded, take } from "./tabs.js";

/** How many records the first read gets at once; and about how many rows each later read should get. */
const RECORDS = 10;
const ROWS = 1000;

/** Milliseconds before a disk that could not be read is read again. */
const PAUSE = 2000;

/** The answer to `scan` about a row: enough were read; or the row has ended and is to be deleted. */
type Verdict = "enough" | "over" | undefined;

/** A record as it is read: rows, or one row by itself. */
type Stored = Row & { rows?: Row[] };

/**
 * Hands rows on disk to the core, which leaves there what is too much: rows of all identities, or of the one it named.
 */
export async function load(whose?: number): Promise<void> {
  const { byId, byNumber, evict, lately } = parts;
  const isSame = parts.untilChanged();
  const known = whose === undefined ? [...byNumber.values()] : [];
  // A row that was on disk and is gone has ended in another tab, and this tab did not hear of it.
  const gone = new Set(known.filter((held) => held.isStored));
  const found: Held[] = [];
  // Rows that other pages left in localStorage may be on disk, too: the core must not count them twice.
  const counted = new Set<string>();
  const read = (row: Row, place: Place, isStored: boolean): Verdict => {
    const held = byId.get(row.id);
    gone.delete(held as Held);
    if (lately.has(row.id)) return "over";
    // A page that had no answer from the disk left the row in localStorage too, so it may have been put twice.
    if (held) return held.isStored && held.place?.key !== place.key ? "over" : undefined;
    if (!isSame()) return "enough";
    if (counted.has(row.id)) return undefined;
    const loaded = parts.hold(row, true);
    loaded.place = place;
    if (isStored) loaded.isStored = true;
    if (!row.checked) loaded.event = eventOf(row);
    const isTaken = parts.offer(loaded);
    if (isTaken) found.push(loaded);
    if (isTaken !== false) return undefined;
    evict(loaded);
    if (!isStored) counted.add(row.id);
    return parts.numberOf(row.who) === whose ? "enough" : undefined;
  };
  let isRead = true;
  try {
    parts.setAside(await scan(read));
  } catch {
    gone.clear();
    // Reading failed, and the events that wait on disk alone are still there: the core must not take them for lost.
    isRead = whose === undefined;
    if (!isRead) setTimeout(() => isSame() && load(whose), PAUSE);
  }
  if (!isSame()) return;
  if (isRead) loaded();
  for (const held of gone) parts.endedElsewhere(held, { state: "delivered" });
  // Events that were stored before the disk was read.
  for (const held of known) parts.shed(held);
  for (const held of found) {
    held.isAccepted = true;
    if (held.ending) parts.endedElsewhere(held, held.ending);
  }
  parts.soon();
}

/** The disk was read. If another tab has led meanwhile, it has sent the events that the core misses there. */
function loaded(): void {
  parts.withCore((core) => {
    const before = core.outbox_books(BOOK_LOST);
    core.outbox_loaded();
    if (hasOtherLed) parts.sentElsewhere(core.outbox_books(BOOK_LOST) - before);
  });
}

/**
 * Gives rows to `take` until that says "enough": first those that other pages left in localStorage, before the disk has
 * opened; then those on disk, the oldest first, since ids begin with the time. Sets aside what is not a row, and gives
 * how many those were. Rejects without a disk.
 */
async function scan(take: (row: Row, place: Place, isStored: boolean) => Verdict): Promise<number> {
  const over = new Set<string>();
  for (const key of parts.keysOfLeft()) {
    parts.adopt(key);
    for (const left of leftIn(kept(key))) {
      if (typeof left === "string") over.add(left);
      else if (isRow(left)) take(left, parts.put(left), false);
    }
  }
  // Without a time limit: events of earlier visits are there.
  await parts.whenOpen();
  let aside = 0;
  let isEnough = false;
  let count = RECORDS;
  for (let range: IDBKeyRange | undefined; ; ) {
    let found = 0;
    const transaction = parts.begin();
    const outbox = transaction.objectStore(OUTBOX);
    const records = await answer<Stored[]>(outbox.getAll(range, count));
    for (const record of records) {
      const place = { key: record.id, size: 0 };
      const all = rowsOf(record);
      found += all.length;
      const rows = all.filter((row) => {
        if (!isRow(row)) {
          aside++;
          transaction.objectStore(ASIDE).add(row);
          return false;
        }
        const verdict = over.has(row.id) ? "over" : take(row, place, true);
        isEnough ||= verdict === "enough";
        return verdict !== "over";
      });
      place.size = rows.length;
      if (!rows.length) outbox.delete(record.id);
      else if (rows.length < all.length) outbox.put({ id: record.id, rows });
    }
    if (isEnough || records.length < count) break;
    range = IDBKeyRange.lowerBound(records[count - 1].id, true);
    if (found < ROWS / 2) count *= 2;
  }
  parts.forgetLeft();
  return aside;
}

/** Takes what a page left under this key after the leader had looked for such keys. */
export function takeLeft(key: string): void {
  if (!parts.isLeader()) return;
  const left = leftIn(kept(key));
  keep(key, null);
  for (const one of left) {
    if (typeof one === "string") hearEnded({ id: one, state: "delivered" });
    else take({ row: one, immediate: false });
  }
  parts.soon();
}

/**
 * Takes what pages left that had no engine, once such a page has ended or has an engine. A page that ends may still
 * hold its lock for some time.
 */
export function takeEarly({ early, lose }: Page): void {
  for (const key of keysOf(early)) {
    const take = () => {
      const left = parsedList(kept(key));
      keep(key, null);
      left.filter(isRecorded).forEach(parts.record);
      for (const { lost } of left) if (lost > 0) lose("no room to keep", lost);
    };
    if (!navigator.locks) take();
    else navigator.locks.request(key, take).catch(take);
  }
}
