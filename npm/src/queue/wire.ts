// Events as texts: as they are kept, and as they travel.

import { encode } from "../module/validator.js";
import type { AnalyticsEvent } from "../types.js";
import type { Row } from "./disk.js";

/** Bytes that an event's id, times and session take in a request. */
const OVERHEAD = 182;
/** And those more of an event that ends a session. */
const STOP_OVERHEAD = 64;

/** An event as it travels. */
export function wired({ id, at, session, body }: Row, offset: number): string {
  const time = (at: number) => new Date(at + offset).toISOString();
  const Session = session && {
    Id: session.id,
    StartTimestamp: time(session.start),
    ...(session.stop !== undefined && {
      StopTimestamp: time(session.stop),
      Duration: session.stop - session.start,
    }),
  };
  const times = JSON.stringify({ Timestamp: time(at), Session });
  return `${JSON.stringify(id)}:${times.slice(0, -1)},${body.slice(1)}`;
}

/** Bytes that it takes in a request, all in all. */
export function bytesOf({ body, session }: Row): number {
  return encode(body).length + OVERHEAD + (session?.stop === undefined ? 0 : STOP_OVERHEAD);
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

/** The event in a row that was recorded on an earlier visit, before it could be validated. */
export function eventOf({ name, body }: Row): AnalyticsEvent {
  const { Attributes, Metrics } = JSON.parse(body);
  return { name, attributes: Attributes, metrics: Metrics };
}
