// What the page's own server answers.

import type { CompiledSchema } from "forebay";

/** Where the parts of Forebay are: the line that `cargo xtask stack` prints, and its schema. */
export interface StackConfig {
  edge: string;
  kinesis: string;
  stream: string;
  dead_letter_stream: string;
  lake: string;
  app_id: string;
  identity_pool_id: string;
  region: string;
  event_types: string[];
  /** The rules of a schema that is not the demo's own. */
  rules?: CompiledSchema;
}

export type PartState = "starting" | "up" | "behind" | "down";

export interface DeadLetter {
  dead_letter_id: string;
  kind: "event" | "endpoint";
  client_id: string;
  event_id: string | null;
  event_type: string | null;
  arrival_timestamp: number | string;
  reasons: { path: string; rule: string; expected: string; actual: string }[];
}

/** How the parts are. Times are milliseconds since the epoch. */
export interface Status {
  edge: { state: PartState; latency_ms?: number; detail?: string };
  stream: { state: PartState; detail?: string; name: string; shards: number; records: number };
  lake: { state: PartState; detail?: string; files: number; rows: number; rejected_files: number };
  dead_letters: { count: number; latest: DeadLetter[] };
}

/** Where an event's record and row are, once they are there. */
export interface Whereabouts {
  kinesis?: { shard: string; sequence_number: string; arrived_at: number };
  parquet?: { file: string; table: string; written_at: number };
}

/** A value as DuckDB gives it in JSON: integers of 64 bits and times come as text. */
export type Cell = string | number | boolean | null;

export interface QueryAnswer {
  columns: { name: string; type: string }[];
  rows: Cell[][];
  /** Whether there were more rows than an answer holds. */
  truncated: boolean;
  elapsed_ms: number;
}

export function fetchConfig(): Promise<StackConfig> {
  return request("/config.json");
}

export function fetchStatus(): Promise<Status> {
  return request("/api/status");
}

/** Where each of these events is by now, by its id. At most 1000 ids. */
export async function fetchWhereabouts(ids: string[]): Promise<Record<string, Whereabouts>> {
  const { events } = await request<{ events: Record<string, Whereabouts> }>("/api/trace", { ids });
  return events;
}

/** Runs one SELECT over the lake. Rejects with DuckDB's message where the query is at fault. */
export function runQuery(sql: string): Promise<QueryAnswer> {
  return request("/api/sql", { sql });
}

async function request<T>(path: string, body?: object): Promise<T> {
  const answer = await fetch(path, {
    method: body ? "POST" : "GET",
    ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
  }).catch(() => {
    throw new Error("The page's server does not answer. Is `cargo xtask demo` still running?");
  });
  const json = await answer.json().catch(() => ({ error: `the server answered ${answer.status}` }));
  if (!answer.ok) throw new Error(json.error);
  return json;
}
