// Reads rows and events that another page wrote, perhaps with another version of this package.

import type { Recorded } from "../engine.js";
import { parsedList } from "../json.js";
import type { Row } from "../queue/disk.js";
import type { AnalyticsEvent } from "../types.js";

/** Reads what a page left in localStorage: rows, and the ids of those that ended. */
export function leftIn(text: string | null): (Row | string)[] {
  return parsedList(text).filter((left) => typeof left === "string" || left?.id);
}

/** Whether it is a row that this version can read. */
export function isRow(row: Row): boolean {
  const { id, at, name, body, who, session, v } = row ?? {};
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

/** Whether it is an event in the form that pages without an engine leave. */
export function isRecorded(left: unknown): left is Recorded {
  const { id, at, event } = (left ?? {}) as Partial<Recorded>;
  return !!id && typeof id === "string" && !!event?.name && isTime(at);
}

/** Whether it is milliseconds since the epoch, within the range of `Date`. */
function isTime(at: unknown): boolean {
  return typeof at === "number" && Math.abs(at) < 8e15;
}

/** The event in a row that was kept before it could be validated. */
export function eventOf({ name, body }: Row): AnalyticsEvent {
  const { Attributes, Metrics } = JSON.parse(body);
  return { name, attributes: Attributes, metrics: Metrics };
}
