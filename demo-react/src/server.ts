// What the page's own server answers.

import type { CompiledSchema } from "forebay";
import { createContext } from "react";

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
  /** Whether the server sends dead letters again, and reads the worker's metrics. */
  replays: boolean;
  /** The rules of a schema that is not the demo's own. */
  rules?: CompiledSchema;
}

/** Where the parts are, for whoever shows or asks something of them. */
export const Stack = createContext<StackConfig | undefined>(undefined);

export type PartState = "starting" | "up" | "behind" | "down";

export interface DeadLetter {
  dead_letter_id: string;
  kind: "event" | "endpoint";
  client_id: string;
  event_id: string | null;
  event_type: string | null;
  arrival_timestamp: number | string;
  reasons: { path: string; rule: string; expected: string; actual: string }[];
  /** As it was sent; null where the letter holds none. */
  event: { Attributes?: Record<string, unknown>; Metrics?: Record<string, unknown> } | null;
  /** Whether the stream has a record of this event by now: it was replayed. */
  is_in_stream: boolean;
}

/** What a sink got since the worker started. */
export interface SinkStatus {
  name: string;
  /** Which records it takes, in EventBridge's pattern language; all where there is none. */
  filter?: object;
  records: number;
  bytes: number;
  /** Records that it did not take. */
  failed: number;
  /** Whether the worker makes no calls to it for now. */
  left_alone: boolean;
}

/** What `npx forebay-worker replay` did. */
export interface Replay {
  command: string;
  output: string;
  accepted: boolean;
  /** The event as it was sent: what the edge has accepted, where it is accepted. */
  event: { Attributes?: Record<string, string>; Metrics?: Record<string, number> };
}

/** How the parts are. Times are milliseconds since the epoch. */
export interface Status {
  edge: { state: PartState; latency_ms?: number; detail?: string };
  stream: { state: PartState; detail?: string; name: string; shards: number; records: number };
  lake: { state: PartState; detail?: string; files: number; rows: number; rejected_files: number };
  /** Nothing where the worker's metrics cannot be read. */
  sinks?: SinkStatus[];
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

/** Sends a plain event that nobody has validated; gives the worker's answer to it. */
export function sendUnchecked(event: object): Promise<{ status: number; message: string }> {
  return request("/api/send", { event });
}

/**
 * Sends the event of a dead letter again.
 * @param id of the event
 * @param changes what members of it are to be, by their paths; an empty text takes one out
 */
export function replay(id: string, changes: Record<string, string>): Promise<Replay> {
  return request("/api/replay", { id, changes });
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
