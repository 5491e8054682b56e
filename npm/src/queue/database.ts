// How rows stand in the database.

import type { Row } from "./disk.js";

/** Where rows are; and where what is no row is set aside. */
export const OUTBOX = "outbox";
export const ASIDE = "aside";

/** The rows of a record: it may be one row by itself. */
export function rowsOf(record: Row & { rows?: Row[] }): Row[] {
  return Array.isArray(record.rows) ? record.rows : [record];
}

/** What the database answers. */
export function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
