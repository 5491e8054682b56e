// How rows are stored in the database.

import type { Row } from "./disk.js";

/** The store of rows, and the store for records that cannot be read as rows. */
export const OUTBOX = "outbox";
export const ASIDE = "aside";

/** The rows of a record, which may also be a single row. */
export function rowsOf(record: Row & { rows?: Row[] }): Row[] {
  return Array.isArray(record.rows) ? record.rows : [record];
}

/** A request to the database as a promise. */
export function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
