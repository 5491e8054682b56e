// Whether a lake has what was accepted: each event once.

import { join } from "node:path";
import { filesBelow, query } from "../../support/lake.ts";

export interface Books {
  /** Accepted events without a row, and with more than one. */
  lost: number;
  twice: number;
  rows: number;
}

/** Compares the rows of a lake with the ids of accepted events. */
export async function books(lake: string, accepted: ReadonlyMap<string, unknown>): Promise<Books> {
  const folder = join(lake, "events");
  if ((await filesBelow(folder, ".parquet")).length === 0) {
    return { lost: accepted.size, twice: 0, rows: 0 };
  }
  const files = `'${folder.replaceAll("'", "''")}/**/*.parquet'`;
  const found = await query(
    `SELECT event_id, count(*)::INTEGER AS rows FROM ${files} GROUP BY event_id`,
  );
  const ids = new Set(found.map(({ event_id }) => String(event_id)));
  const lost = [...accepted.keys()].filter((id) => !ids.has(id)).length;
  const twice = found.filter(({ rows }) => Number(rows) > 1).length;
  const rows = found.reduce((sum, { rows }) => sum + Number(rows), 0);
  return { lost, twice, rows };
}
