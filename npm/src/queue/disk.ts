// The disk. Without one everything fails, and nothing throws.

import type { SessionStamp } from "../identity/session.js";
import { parsedList } from "../json.js";
import { keep, kept, keysOf, remove as removeKept } from "../local-storage.js";
import { nameOf, say } from "../setup.js";

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
  /** Of this form. */
  v: 1;
}

const OUTBOX = "outbox";
const ASIDE = "aside";
/** Rows that are read at once. */
const CHUNK = 1000;
/** Milliseconds after which a disk that says nothing counts as none. */
const PATIENCE = 10_000;

let database: IDBDatabase | undefined;
/** What opens it first: without an end, where it says nothing; and no later than patience lasts. */
let opening: Promise<void>;
let opened: Promise<unknown>;
let isSettled = false;
/** What is asked for in one task is one transaction. */
let task: { transaction: IDBTransaction; done: Promise<boolean> } | undefined;
/** What is asked of the disk and not done yet, by id: a row, or its removal. */
const pending = new Map<string, Row | string>();

/** What the keys of localStorage begin with under which pages leave what is pending. */
const leaving = () => `${nameOf("")}.leaving.`;
const own = Math.random();
let hasLeft = false;

/** Opens the database of this application, or creates it. */
export function openStore(): void {
  opening = open(1).then(use);
  const late = new Promise((_, late) => setTimeout(late, PATIENCE));
  opened = Promise.race([opening, late])
    .catch((reason) => say("noDisk", reason))
    .finally(() => {
      isSettled = true;
    });
}

/** Whether there is a disk. */
export function isOpen(): boolean {
  return !!database;
}

/** Puts a row on its way to disk in this task. Gives whether it is there. */
export const put = (row: Row) => about(row.id, row, (outbox) => outbox.put(row));

export const remove = (id: string) => about(id, id, (outbox) => outbox.delete(id));

/**
 * The page may end before the disk has done what it was asked for: that is kept where writing does not
 * take long, and the next scan makes up for it.
 */
export function leave(): void {
  if (!pending.size && !hasLeft) return;
  hasLeft = pending.size > 0;
  keep(leaving() + own, hasLeft ? JSON.stringify([...pending.values()]) : null);
}

/**
 * What another page left under this key of localStorage, if it is one for that; only once: rows, and the
 * ids of those that ended.
 */
export function left(key: string | null): (Row | string)[] {
  if (!key?.startsWith(leaving())) return [];
  const found = leftIn(kept(key));
  keep(key, null);
  return found;
}

export function clear(): void {
  pending.clear();
  removeKept(keysOf(leaving()));
  inTask((outbox) => outbox.clear());
}

/**
 * Gives the rows to `take`, the oldest first, since ids begin with the time, until it says that it has enough.
 * What is no row is set aside; gives how many were. Fails without a disk.
 */
export async function scan(take: (row: Row) => boolean | undefined): Promise<number> {
  // However late: what an earlier visit left is there.
  await opening;
  for (const key of keysOf(leaving())) {
    await Promise.all(
      leftIn(kept(key)).map((left) => (typeof left === "string" ? remove(left) : put(left))),
    );
    keep(key, null);
  }
  let aside = 0;
  let isEnough = false;
  for (let range: IDBKeyRange | undefined; ; ) {
    const transaction = transact([OUTBOX, ASIDE]);
    const outbox = transaction.objectStore(OUTBOX);
    const rows = await answer<Row[]>(outbox.getAll(range, CHUNK));
    for (const row of rows) {
      if (isRow(row)) {
        isEnough = take(row) || isEnough;
      } else {
        aside++;
        transaction.objectStore(ASIDE).add(row);
        outbox.delete((row as Row).id);
      }
    }
    if (isEnough || rows.length < CHUNK) return aside;
    range = IDBKeyRange.lowerBound(rows[CHUNK - 1].id, true);
  }
}

function use(opened: IDBDatabase): void {
  // Throws where another program has one of that name.
  opened.transaction([OUTBOX, ASIDE]);
  database = opened;
  // Another version of this package, or someone who deletes it, is not to wait for this page.
  opened.onversionchange = opened.onclose = () => {
    opened.close();
    database = undefined;
    opening = open().then(use);
    opening.catch(() => {});
  };
}

function transact(names: string[]): IDBTransaction {
  return (database as IDBDatabase).transaction(names, "readwrite");
}

/** Keeps in mind what is asked for about a row until it is done. */
async function about(
  id: string,
  asked: Row | string,
  ask: (outbox: IDBObjectStore) => unknown,
): Promise<boolean> {
  pending.set(id, asked);
  const isDone = await inTask(ask);
  if (pending.get(id) === asked) pending.delete(id);
  if (!pending.size) leave();
  return isDone;
}

/** Gives whether it was done. */
async function inTask(ask: (outbox: IDBObjectStore) => unknown): Promise<boolean> {
  if (!isSettled) await opened;
  try {
    task ??= begin();
    ask(task.transaction.objectStore(OUTBOX));
    return task.done;
  } catch {
    return false;
  }
}

function begin() {
  const transaction = transact([OUTBOX]);
  queueMicrotask(() => {
    task = undefined;
    try {
      transaction.commit();
    } catch {
      // It failed, and says so by itself.
    }
  });
  const done = new Promise<boolean>((resolve) => {
    transaction.oncomplete = () => resolve(true);
    transaction.onabort = () => resolve(false);
  });
  return { transaction, done };
}

/** What `leave` kept. */
function leftIn(text: string | null): (Row | string)[] {
  return parsedList(text).filter((left) => typeof left === "string" || left?.id);
}

/** Whether it is a row that this version can read, whoever wrote it. */
export function isRow(row: Row): boolean {
  const { id, at, name, body, who, session, v } = row;
  const texts = [id, name, body, who, session?.id ?? ""];
  const times = [at, session?.start ?? 0, session?.stop ?? 0];
  if (v !== 1 || !id || texts.some((text) => typeof text !== "string")) return false;
  if (!times.every(isTime)) return false;
  try {
    JSON.parse(body);
    return body.startsWith('{"');
  } catch {
    return false;
  }
}

/** Whether it is milliseconds since the epoch, as far as there are dates. */
export function isTime(at: unknown): boolean {
  return typeof at === "number" && Math.abs(at) < 8e15;
}

/** A later version of this package may have opened it as a later version: its rows tell. */
async function open(version?: number): Promise<IDBDatabase> {
  const opening = indexedDB.open(nameOf(""), version);
  opening.onupgradeneeded = () => {
    const { result } = opening;
    // What is there already stays.
    if (!result.objectStoreNames.contains(OUTBOX)) {
      result.createObjectStore(OUTBOX, { keyPath: "id" });
      result.createObjectStore(ASIDE, { autoIncrement: true });
    }
  };
  return answer(opening).catch((error) =>
    version && error.name === "VersionError" ? open() : Promise.reject(error),
  );
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
