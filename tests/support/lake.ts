// What the lake holds, read through DuckDB.

import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";

/** One row, by column name. Timestamps are ISO 8601 text in UTC, 64-bit integers are bigints. */
export type Row = Record<string, unknown>;

/** The rows that a query gives, asked in a time zone. */
export async function query(sql: string, timeZone = "UTC"): Promise<Row[]> {
  const instance = await DuckDBInstance.create(":memory:");
  const connection = await instance.connect();
  try {
    // Not an option of the instance: its time zones are loaded after its options are read.
    await connection.run(`SET TimeZone = '${timeZone}'`);
    const result = await connection.runAndReadAll(sql);
    return result.getRowObjectsJS().map((row) => {
      const values = Object.entries(row).map(([name, value]) => [
        name,
        value instanceof Date ? value.toISOString() : value,
      ]);
      return Object.fromEntries(values);
    });
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** DuckDB takes the days `01` to `09` for texts, where there are no others. */
const DAY = "{'year': BIGINT, 'month': BIGINT, 'day': BIGINT}";

/** The rows of one event type, by the name of its table, in the order of their time. */
export async function rows(lake: string, table: string): Promise<Row[]> {
  const folder = join(lake, "events", table);
  if ((await filesBelow(folder, ".parquet")).length === 0) return [];
  const files = `${folder}/**/*.parquet`.replaceAll("'", "''");
  return query(
    `SELECT * FROM read_parquet('${files}', hive_types = ${DAY}, union_by_name = true)
     ORDER BY event_timestamp, event_id`,
  );
}

/** The event ids of all rows of all event types, as often as there are rows. */
export async function eventIds(lake: string): Promise<string[]> {
  const folder = join(lake, "events");
  if ((await filesBelow(folder, ".parquet")).length === 0) return [];
  const files = `${folder}/**/*.parquet`.replaceAll("'", "''");
  const ids = await query(
    `SELECT event_id FROM read_parquet('${files}', union_by_name = true) ORDER BY event_id`,
  );
  return ids.map((row) => String(row.event_id));
}

/** The files below a folder whose names end so; none where there is no folder. */
export async function filesBelow(folder: string, ending: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true }).catch((error) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names.filter((name) => name.endsWith(ending)).map((name) => join(folder, name));
}
