// Dead letters, and the plain events that they become when they are sent again. docs/edge-worker.md has the form.

import { createHash } from "node:crypto";
import { jsonObject } from "./json.js";

/** What `replay` reads of a dead letter. */
export interface DeadLetter {
  app_id: string;
  client_id: string;
  event_id: string;
  format: "put_events" | "plain";
  /** The event that is to be sent; nothing where the letter holds none. */
  event?: Record<string, unknown>;
  /** Paths of members that are not as they were sent; `*` stands for all. */
  redacted: string[];
}

/** An event as `POST /v1/events` takes it. */
export type PlainEvent = Record<string, unknown>;

/** Reads a line; nothing where it is not a dead letter of this version. */
export function deadLetter(line: string): DeadLetter | undefined {
  const letter = jsonObject(line);
  if (letter?.dead_letter_version !== 1) return undefined;
  const { app_id, client_id, event_id, kind, format, redacted } = letter;
  if (typeof app_id !== "string" || typeof client_id !== "string" || !Array.isArray(redacted)) {
    return undefined;
  }
  const isEvent = kind === "event" && (format === "put_events" || format === "plain");
  const event = isEvent ? objectOf(letter.event) : undefined;
  return {
    app_id,
    client_id,
    event_id: String(event_id ?? ""),
    format: format as DeadLetter["format"],
    event,
    redacted: redacted.map(String),
  };
}

/** An object, or its JSON text, as a table may hold it. */
function objectOf(value: unknown): Record<string, unknown> | undefined {
  return jsonObject(typeof value === "string" ? value : JSON.stringify(value ?? null));
}

/** The letter without the members that are not as they were sent. */
export function withoutRedacted(letter: DeadLetter): DeadLetter {
  const event = structuredClone(letter.event ?? {});
  for (const path of letter.redacted) {
    // Attributes and metrics are the only members whose own members are judged one by one.
    const [, parent, name] = /^(Attributes|Metrics|attributes|metrics)\.(.*)$/s.exec(path) ?? [];
    const within = parent ? objectIn(event, parent) : event;
    if (within) delete within[name ?? path];
  }
  return { ...letter, event, redacted: [] };
}

function objectIn(event: Record<string, unknown>, name: string) {
  const value = event[name];
  return value !== null && typeof value === "object" && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

/** What members of PutEvents are called in a plain event, and within which member they stand. */
const MEMBERS: [string, string, string?][] = [
  ["EventType", "name"],
  ["Timestamp", "timestamp"],
  ["Attributes", "attributes"],
  ["Metrics", "metrics"],
  ["AppTitle", "title", "app"],
  ["AppPackageName", "package_name", "app"],
  ["AppVersionCode", "version_code", "app"],
  ["SdkName", "name", "sdk"],
  ["ClientSdkVersion", "version", "sdk"],
];
const SESSION: [string, string][] = [
  ["Id", "id"],
  ["StartTimestamp", "start"],
  ["StopTimestamp", "stop"],
];

/** The event of a letter, to be sent. It leaves out members that PutEvents does not have, and would ignore. */
export function plainEvent(letter: DeadLetter): PlainEvent {
  const sent = letter.event ?? {};
  const id = idOf(letter);
  if (letter.format === "plain") {
    return { endpoint_id: letter.client_id, ...sent, ...(sent.id === undefined ? { id } : {}) };
  }
  const event: PlainEvent = { id, endpoint_id: letter.client_id };
  for (const [name, plain, parent] of MEMBERS) {
    if (sent[name] === undefined || sent[name] === null) continue;
    if (!parent) event[plain] = sent[name];
    else event[parent] = { ...(event[parent] as object), [plain]: sent[name] };
  }
  const session = objectIn(sent, "Session");
  if (session) {
    const members = SESSION.filter(
      ([name]) => session[name] !== undefined && session[name] !== null,
    );
    event.session = Object.fromEntries(members.map(([name, plain]) => [plain, session[name]]));
  }
  return event;
}

/**
 * The id that an event is sent under: its own where that is a UUID. Any other key names an event only together with
 * application, endpoint and content, as the worker has it, and so becomes a UUID (version 8) of all of them.
 */
function idOf({ app_id, client_id, event_id, event }: DeadLetter): string {
  if (UUID.test(event_id)) return event_id;
  const hash = createHash("sha256");
  for (const part of ["forebay dead letter", app_id, client_id, event_id, JSON.stringify(event)]) {
    hash.update(`${Buffer.byteLength(part)}:${part}`);
  }
  const bytes = hash.digest().subarray(0, 16);
  bytes[6] = (bytes[6] & 0x0f) | 0x80;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** As the worker knows a UUID (RFC 9562, versions 1 to 8). */
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[1-8][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;
