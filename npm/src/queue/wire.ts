// Events as texts: as they are kept on disk, and as they are sent.

import type { AnalyticsEvent } from "../types.js";
import type { Row } from "./disk.js";

/** Bytes that an event's id, times and session take in a request. */
const OVERHEAD = 182;
/** Bytes more for an event that ends a session. */
const STOP_OVERHEAD = 64;

/** An event as it is sent, with `offset` milliseconds added to its times. */
export function wired({ id, at, session, body }: Row, offset: number): string {
  const time = (at: number) => new Date(at + offset).toISOString();
  let text = "";
  if (session) {
    const { id: Id, start, stop } = session;
    const ended = stop === undefined ? {} : { StopTimestamp: time(stop), Duration: stop - start };
    text = `"Session":${JSON.stringify({ Id, StartTimestamp: time(start), ...ended })},`;
  }
  return `${JSON.stringify(id)}:{"Timestamp":"${time(at)}",${text}${body.slice(1)}`;
}

/** Bytes that an event takes in a request, all in all. */
export function bytesOf({ body, session }: Row): number {
  let bytes = OVERHEAD + (session?.stop === undefined ? 0 : STOP_OVERHEAD);
  for (let at = 0; at < body.length; at++) {
    const unit = body.charCodeAt(at);
    // Counts six bytes for a surrogate pair, which has four: an upper bound will do.
    bytes += unit < 128 ? 1 : unit < 2048 ? 2 : 3;
  }
  return bytes;
}

declare const VERSION: string;

export function bodyOf({ name, attributes, metrics }: AnalyticsEvent): string {
  return JSON.stringify({
    EventType: name,
    Attributes: attributes ?? undefined,
    Metrics: metrics ?? undefined,
    SdkName: "forebay",
    ClientSdkVersion: VERSION,
  });
}
