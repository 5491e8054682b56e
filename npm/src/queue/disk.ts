// The disk: events in IndexedDB. Without IndexedDB calls fail, but do not throw.

import type { SessionStamp } from "../identity/session.js";
import { keep, kept, keysOf, remove as removeKept } from "../local-storage.js";
import { nameOf, say } from "../setup.js";
import { ASIDE, answer, OUTBOX, rowsOf } from "./database.js";

/** An event as it is kept on disk, and as tabs hand it over. */
export interface Row {
  /** The event's id. */
  id: string;
  /** When it was recorded, by this browser's clock, uncorrected: milliseconds since the epoch. */
  at: number;
  name: string;
  /** The event's JSON as it is sent, but without its times, which are corrected then. */
  body: string;
  session?: SessionStamp;
  /** The identity that it was recorded under; empty for the guest of this browser. */
  who: string;
  /** Whether it was validated. An event that was recorded before the WebAssembly module had loaded was not. */
  checked: boolean;
  /** The version of this form. */
  v: 1;
}

/**
 * The record of the database that a row is in. The rows of a task share one, since a record costs the main
 * thread more than the rows in it.
 */
export interface Place {
  /** The record's key: the id of the first row that was put into it. */
  key: string;
  /** How many rows it has. */
  size: number;
}

/** A record that is not on disk yet. */
interface Unsaved {
  place: Place;
  rows: Row[];
}

/** Rows of a record that have ended, and are to be deleted. */
interface Ending {
  place: Place;
  ids: Set<string>;
}

/** Most rows in a record. */
const RECORD_ROWS = 100;
/** Most rows and ids in an item of localStorage. */
const ITEM = 100;
/** Milliseconds after which a disk that does not answer counts as none. */
const PATIENCE = 10_000;

let database: IDBDatabase | undefined;
/** The first opening of the database: `opening` may never settle, `opened` resolves after `PATIENCE` at the latest. */
let opening: Promise<void>;
let opened: Promise<unknown>;
let isSettled = false;
/** Whether the database was ever opened, so that rows may be in it. */
let hasOpened = false;
/** Whether the page is frozen, and has closed the database. */
let isClosed = false;

/** Transactions that are under way. */
const active = new Set<IDBTransaction>();

let isDue = false;
/** The record that the next row is put into. */
let current: Unsaved | undefined;
/** Records for the next transaction. */
let waiting: Unsaved[] = [];
/** All records that are not on disk: they wait, are being written, or failed. */
const unsaved = new Map<Place, Unsaved>();
/** Records whose put failed. */
const failed = new Set<Unsaved>();
/** Rows to delete with the next transaction, by their records' keys; and rows that are being deleted. */
let ending = new Map<string, Ending>();
const deleting = new Set<Ending[]>();

/** Resolves the promises of `clear()`. */
let clearing: (() => void)[] = [];

let settled: (rows: Row[], isStored: boolean) => void;
let reopened: (records: IDBValidKey[]) => void;

/** Pages leave rows that are not on disk under keys of localStorage that begin with this. */
const leaving = () => `${nameOf("")}.leaving.`;
const own = () => `${leaving()}${page}.`;
const page = Math.random();
let hasLeft = false;
/** Keys under which other pages left rows that are not on disk yet. */
let adopted: string[] = [];

/**
 * Opens the database of this application, or creates it. `whenSettled` is called with rows that are on disk, or whose
 * put failed; `whenReopened` with the keys of all records after the database was opened anew: it may have been deleted
 * meanwhile, and created by another tab.
 */
export function openDisk(whenSettled: typeof settled, whenReopened: typeof reopened): void {
  settled = whenSettled;
  reopened = whenReopened;
  opening = open();
  const late = new Promise((_, late) => setTimeout(late, PATIENCE));
  opened = Promise.race([opening, late])
    .catch((reason) => say("noDisk", reason))
    .finally(() => {
      isSettled = true;
    });
}

/** Whether there is a disk, and no put has failed. */
export function isDurable(): boolean {
  return !!database && !failed.size;
}

/** Adds a row to the transaction of this task. */
export function put(row: Row): Place {
  if (!current || current.rows.length === RECORD_ROWS) {
    current = { place: { key: row.id, size: 0 }, rows: [] };
    unsaved.set(current.place, current);
    waiting.push(current);
  }
  current.rows.push(row);
  current.place.size++;
  flushSoon();
  return current.place;
}

/** Lets the next row begin a new record, so that the places of earlier rows do not change. */
export function seal(): void {
  current = undefined;
}

/** Deletes a row. */
export function remove(id: string, place: Place): void {
  const record = unsaved.get(place);
  if (record) {
    record.rows = record.rows.filter((row) => row.id !== id);
    // One failed record without rows is enough to know that the disk fails.
    if (!record.rows.length && failed.size > 1 && failed.delete(record)) unsaved.delete(place);
  }
  toDelete(place, [id]);
  flushSoon();
}

function toDelete(place: Place, all: Iterable<string>): void {
  const { ids } = ending.get(place.key) ?? { ids: new Set() };
  ending.set(place.key, { place, ids });
  for (const id of all) ids.add(id);
}

function flushSoon(): void {
  if (isDue) return;
  isDue = true;
  if (isSettled) queueMicrotask(flush);
  else opened.then(flush);
}

/** A task makes two transactions, one to put and one to delete, since a full disk still deletes. */
function flush(): void {
  isDue = false;
  seal();
  // First, since the waiting records were made afterwards.
  if (clearing.length) clearRows();
  if (waiting.length) putRecords(waiting);
  waiting = [];
  if (ending.size) deleteRows();
}

function putRecords(records: Unsaved[]): void {
  const given = records.map(({ rows }) => rows);
  transact((outbox) => {
    for (const { place, rows } of records) outbox.put({ id: place.key, rows });
  }).then((error) => {
    for (const record of records) {
      if (error) failed.add(record);
      else unsaved.delete(record.place);
    }
    if (!error) tryAgain(true);
    else if (database) say("noRoom", error);
    // The page recorded these events while it was being frozen: too late for the disk.
    else if (isClosed) leave();
    for (const rows of given) settled(rows, !error);
  });
}

/** The disk has done something: it may now take records whose put failed. */
function tryAgain(hasPut = false): void {
  for (const record of failed) {
    if (record.rows.length) waiting.push(record);
    else if (hasPut) unsaved.delete(record.place);
    // A record without rows is not tried again: only a put of another one shows that the disk works.
    if (record.rows.length || hasPut) failed.delete(record);
  }
  if (waiting.length) flushSoon();
  if (unsaved.size) return;
  removeKept(adopted);
  adopted = [];
  if (hasLeft) leave();
}

function deleteRows(): void {
  const asked = [...ending.values()];
  ending = new Map();
  deleting.add(asked);
  // Transactions run in order: the next one finds the record with this size.
  for (const { place, ids } of asked) place.size -= ids.size;
  transact((outbox) => {
    let reads = false;
    for (const { place, ids } of asked) {
      if (place.size > 0) {
        deleteFrom(outbox, place.key, ids);
        reads = true;
      } else outbox.delete(place.key);
    }
    return reads;
  }).then((error) => {
    deleting.delete(asked);
    if (!error) tryAgain();
    else if (hasOpened) {
      for (const { place, ids } of asked) {
        place.size += ids.size;
        toDelete(place, ids);
      }
    }
  });
}

/** Deletes rows from a record that has other rows, too. */
function deleteFrom(outbox: IDBObjectStore, key: string, ids: Set<string>): void {
  const asked = outbox.get(key);
  asked.onsuccess = () => {
    const rows = asked.result && rowsOf(asked.result).filter(({ id }) => !ids.has(id));
    if (rows?.length) outbox.put({ id: key, rows });
    else outbox.delete(key);
  };
}

/**
 * The page may end before IndexedDB has done what it was asked for. So rows and ids of deleted rows are written to
 * localStorage, which is synchronous, as many as fit; the next scan reads them.
 */
export function leave(): void {
  const stale = new Set(keysOf(own()));
  const rows = [...unsaved.values()].flatMap(({ rows }) => rows);
  const ids = [...deleting, ending.values()].flatMap((all) =>
    [...all].flatMap(({ ids }) => [...ids]),
  );
  const left = [...ids, ...rows];
  hasLeft = left.length > 0;
  for (let at = 0; at < left.length; at += ITEM)
    leaveItem(left.slice(at, at + ITEM), `${own()}${at}`, stale);
  removeKept([...stale]);
}

function leaveItem(item: (Row | string)[], key: string, stale: Set<string>): void {
  const text = JSON.stringify(item);
  // Not deleted and written again: Firefox may lose that when the page ends.
  if (kept(key) === text || keep(key, text)) stale.delete(key);
  else if (item.length > 1) {
    const half = item.length / 2;
    leaveItem(item.slice(0, half), key, stale);
    leaveItem(item.slice(half), `${key}.`, stale);
  }
}

/** Deletes all rows. Resolves when the disk has done that, or has failed. */
export function clear(): Promise<void> {
  waiting = [];
  unsaved.clear();
  failed.clear();
  ending.clear();
  return new Promise((resolve) => {
    clearing.push(resolve);
    flushSoon();
  });
}

function clearRows(): void {
  const asked = clearing;
  clearing = [];
  transact((outbox) => {
    outbox.clear();
    outbox.transaction.objectStore(ASIDE).clear();
  }).then(() => {
    for (const done of asked) done();
  });
}

/** The keys under which other pages left rows that this one has not read yet. */
export function keysOfLeft(): string[] {
  return keysOf(leaving()).filter((key) => !key.startsWith(own()) && !adopted.includes(key));
}

/** Whether it is a key of localStorage under which a page left rows. */
export const isOfLeft = (key: string | null) => key?.startsWith(leaving());

/** Takes over what is under this key, to delete the key once the rows are on disk. */
export function adopt(key: string): void {
  adopted.push(key);
}

/** Deletes what other pages left, if all records are on disk. */
export function forgetLeft(): void {
  if (!unsaved.size) tryAgain();
}

/** Resolves when the disk is open. Rejects without a disk. */
export const whenOpen = () => opening;

/** The keys of all records on disk. Rejects without a disk. */
export async function keysOnDisk(): Promise<IDBValidKey[]> {
  await opening;
  return answer(begin().objectStore(OUTBOX).getAllKeys());
}

/** Closes the database. A frozen page with an open database or a transaction would block other pages. */
export function close(): void {
  isClosed = true;
  for (const transaction of active) {
    try {
      transaction.abort();
    } catch {
      // It has ended already.
    }
  }
  database?.close();
  database = undefined;
}

/** Opens it again, and once more after a while: clearing a site's data may also end the first attempt. */
export function reopen(): void {
  isClosed = false;
  if (database) return;
  opening = open();
  opening.catch((reason) => {
    say("noDisk", reason);
    setTimeout(() => isClosed || reopen(), PATIENCE);
  });
}

function use(opened: IDBDatabase): void {
  if (isClosed) {
    opened.close();
    return;
  }
  // Throws if another program has a database of that name.
  opened.transaction([OUTBOX, ASIDE]);
  database = opened;
  hasOpened = true;
  // An upgrade by another version of this package, or a deletion, must not wait for this page.
  opened.onversionchange = opened.onclose = () => {
    opened.close();
    database = undefined;
    reopen();
  };
  if (isSettled) keysOnDisk().then(reopened, () => {});
  tryAgain();
}

export function begin(): IDBTransaction {
  const transaction = (database as IDBDatabase).transaction([OUTBOX, ASIDE], "readwrite");
  active.add(transaction);
  for (const end of ["complete", "abort"]) {
    transaction.addEventListener(end, () => active.delete(transaction));
  }
  return transaction;
}

/** Runs a transaction. Resolves with the error if it failed. `ask` gives whether it has more to ask after a read. */
function transact(ask: (outbox: IDBObjectStore) => unknown): Promise<unknown> {
  return new Promise((resolve) => {
    try {
      const transaction = begin();
      transaction.oncomplete = () => resolve(undefined);
      transaction.onabort = () => resolve(transaction.error ?? true);
      // Without an explicit commit a page that dies now would lose its requests.
      if (!ask(transaction.objectStore(OUTBOX))) transaction.commit();
    } catch (error) {
      resolve(error);
    }
  });
}

/** Opens the database in any version: a later version of this package may have made it, and each row has its own. */
async function open(): Promise<void> {
  const opening = indexedDB.open(nameOf(""));
  opening.onupgradeneeded = () => {
    const { result } = opening;
    // Existing stores stay.
    if (!result.objectStoreNames.contains(OUTBOX)) {
      result.createObjectStore(OUTBOX, { keyPath: "id" });
      result.createObjectStore(ASIDE, { autoIncrement: true });
    }
    // Without waiting for the page, which may be frozen by now.
    opening.transaction?.commit();
  };
  use(await answer(opening));
}
