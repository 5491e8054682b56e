// The disk: events in IndexedDB. Without a disk, calls fail and do not throw.

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
  /** The event's JSON as it travels, but without its times, which are corrected when it is sent. */
  body: string;
  session?: SessionStamp;
  /** The identity that it was recorded under; empty for the guest of this browser. */
  who: string;
  /** Whether it was validated; not where it was recorded before the WebAssembly module was there. */
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
/** Milliseconds after which a disk that says nothing counts as none. */
const PATIENCE = 10_000;

let database: IDBDatabase | undefined;
/** The first opening: `opening` may never end, `opened` ends when patience does. */
let opening: Promise<void>;
let opened: Promise<unknown>;
let isSettled = false;
/** Whether there ever was a database, in which rows may be. */
let hasOpened = false;
/** Whether the page is frozen, and has to let go of the database. */
let isClosed = false;

/** Transactions that are under way. */
const active = new Set<IDBTransaction>();

let isDue = false;
/** The record that the next row is put into. */
let current: Unsaved | undefined;
/** Records for the next transaction. */
let waiting: Unsaved[] = [];
/** All records that are not on disk: waiting, under way or failed. */
const unsaved = new Map<Place, Unsaved>();
/** Records that the disk did not take. */
const failed = new Set<Unsaved>();
/** Rows to delete with the next transaction, by their records' keys; and those that are being deleted. */
let ending = new Map<string, Ending>();
const deleting = new Set<Ending[]>();

/** Who waits for the disk to be cleared. */
let clearing: (() => void)[] = [];

let settled: (rows: Row[], isStored: boolean) => void;
let reopened: (records: IDBValidKey[]) => void;

/** Pages leave what is not on disk under keys of localStorage that begin like this. */
const leaving = () => `${nameOf("")}.leaving.`;
const own = () => `${leaving()}${page}.`;
const page = Math.random();
let hasLeft = false;
/** Keys of what other pages left, as long as it is not on disk. */
let adopted: string[] = [];

/**
 * Opens the database of this application, or creates it. `whenSettled` hears of rows that are on disk, or
 * could not be put there; `whenReopened` of the records in a database that was opened anew: it may have been deleted
 * meanwhile, and made by another tab.
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

/** Whether there is a disk, and it took all that it was given. */
export function isDurable(): boolean {
  return !!database && !failed.size;
}

/** Puts a row on its way to disk in this task. */
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

/** Lets the next row begin a record, so that the places that are known by now stay as they are. */
export function seal(): void {
  current = undefined;
}

/** Deletes a row. */
export function remove(id: string, place: Place): void {
  const record = unsaved.get(place);
  if (record) {
    record.rows = record.rows.filter((row) => row.id !== id);
    // One that has nothing left is enough to know that the disk fails.
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

/** A task is two transactions, one to put and one to delete: a disk that is full still deletes. */
function flush(): void {
  isDue = false;
  seal();
  // First, since what waits was recorded afterwards.
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

/** The disk did something: it may take what it did not before. */
function tryAgain(hasPut = false): void {
  for (const record of failed) {
    if (record.rows.length) waiting.push(record);
    else if (hasPut) unsaved.delete(record.place);
    // A record without rows is not tried again: only another one that is put shows that the disk is well.
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
  // Transactions are done in their order: the next one finds the record like this.
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

/** Deletes rows from a record that has others. */
function deleteFrom(outbox: IDBObjectStore, key: string, ids: Set<string>): void {
  const asked = outbox.get(key);
  asked.onsuccess = () => {
    const rows = asked.result && rowsOf(asked.result).filter(({ id }) => !ids.has(id));
    if (rows?.length) outbox.put({ id: key, rows });
    else outbox.delete(key);
  };
}

/**
 * The page may end before the disk has done what it was asked for: that is kept where writing does not
 * take long, as much as fits, and the next scan makes up for it.
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
  // Firefox may lose what a page that ends deletes and writes again.
  if (kept(key) === text || keep(key, text)) stale.delete(key);
  else if (item.length > 1) {
    const half = item.length / 2;
    leaveItem(item.slice(0, half), key, stale);
    leaveItem(item.slice(half), `${key}.`, stale);
  }
}

/** Deletes all rows. Resolves once the disk has done that, or cannot. */
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

/** The keys under which other pages left something that this one has not read yet. */
export function keysOfLeft(): string[] {
  return keysOf(leaving()).filter((key) => !key.startsWith(own()) && !adopted.includes(key));
}

/** Whether it is a key of localStorage under which a page left something. */
export const isOfLeft = (key: string | null) => key?.startsWith(leaving());

/** What is under this key is put on disk, and deleted once it is there. */
export function adopt(key: string): void {
  adopted.push(key);
}

/** What other pages left is deleted if all that is to be put is on disk. */
export function forgetLeft(): void {
  if (!unsaved.size) tryAgain();
}

/** Fails where there is no disk. */
export const whenOpen = () => opening;

/** The keys of all records on disk. Fails where there is no disk. */
export async function keysOnDisk(): Promise<IDBValidKey[]> {
  await opening;
  return answer(begin().objectStore(OUTBOX).getAllKeys());
}

/**
 * Lets go of the database, which a page that is frozen keeps from others, as it does with transactions that
 * wait for it.
 */
export function close(): void {
  isClosed = true;
  for (const transaction of active) {
    try {
      transaction.abort();
    } catch {
      // It does not wait for the page any more.
    }
  }
  database?.close();
  database = undefined;
}

/** Opens it again, and once more after a while: who clears a site's data also ends what opens the database anew. */
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
  // Throws where another program has one of that name.
  opened.transaction([OUTBOX, ASIDE]);
  database = opened;
  hasOpened = true;
  // Another version of this package, or someone who deletes it, is not to wait for this page.
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

/** Gives why it was not done, if it was not. `ask` gives whether it goes on to ask once it has read. */
function transact(ask: (outbox: IDBObjectStore) => unknown): Promise<unknown> {
  return new Promise((resolve) => {
    try {
      const transaction = begin();
      transaction.oncomplete = () => resolve(undefined);
      transaction.onabort = () => resolve(transaction.error ?? true);
      // Else a page that dies now would take with it what it asked for.
      if (!ask(transaction.objectStore(OUTBOX))) transaction.commit();
    } catch (error) {
      resolve(error);
    }
  });
}

/** In whatever version it is: a later version of this package may have made it, and its rows tell. */
async function open(): Promise<void> {
  const opening = indexedDB.open(nameOf(""));
  opening.onupgradeneeded = () => {
    const { result } = opening;
    // Existing stores stay.
    if (!result.objectStoreNames.contains(OUTBOX)) {
      result.createObjectStore(OUTBOX, { keyPath: "id" });
      result.createObjectStore(ASIDE, { autoIncrement: true });
    }
    // It does not wait for a page that is frozen by now.
    opening.transaction?.commit();
  };
  use(await answer(opening));
}
