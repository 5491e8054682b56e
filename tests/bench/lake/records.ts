// Records as the edge writes them, some 1.6 KB each: two event types on three days, or many types on many days.

import { randomUUID } from "node:crypto";

/** 2026-11-21T12:00:00Z */
const NOON = 1_795_262_400_000;
const DAY = 86_400_000;
const APP = "f0e1d2c3b4a5968778695a4b3c2d1e0f";
const CITIES = ["Malmö", "Göteborg", "Stockholm", "Uppsala", "Lund", "Örebro", "Västerås"];
const BROWSERS = ["Chrome", "Firefox", "Safari", "Edge"];

interface Client {
  id: string;
  cognito: string;
  session: string;
}

/** How many event types there are, and days on which the events happened. */
export interface Spread {
  types: number;
  days: number;
}

/** The two large event types of the demo. */
export const NARROW: Spread = { types: 2, days: 3 };
/** As after a night on which many phones were offline, in an app with many event types. */
export const WIDE: Spread = { types: 300, days: 30 };

/** The event types of a spread, as a schema file. */
export function schema({ types }: Spread): string {
  const properties = {
    piece: { type: "string" },
    minutes: { type: "number" },
    mistakes: { type: "integer" },
    completed: { type: "boolean" },
    started_at: { type: "string", format: "date-time" },
  };
  const $defs = Array.from({ length: types }, (_, type) => [
    eventType(type),
    { type: "object", properties, additionalProperties: false },
  ]);
  return JSON.stringify({
    $schema: "https://json-schema.org/draft/2020-12/schema",
    $defs: Object.fromEntries($defs),
  });
}

function eventType(type: number): string {
  return `Played${String(type).padStart(3, "0")}Event`;
}

/** Lines of NDJSON, a record each, in the order of a stream. */
export function* records(count: number, spread: Spread): Generator<string> {
  let clients: Client[] = [];
  for (let at = 0; at < count; at++) {
    if (at % 20_000 === 0) {
      clients = Array.from({ length: 1_000 }, () => ({
        id: randomUUID(),
        cognito: `us-east-1:${randomUUID()}`,
        session: randomUUID(),
      }));
    }
    yield JSON.stringify(record(at, clients[(at * 7919) % clients.length], spread));
  }
}

function record(at: number, client: Client, { types, days }: Spread) {
  const time = NOON - (Math.floor(at / types) % days) * DAY + Math.floor(at / days);
  const isNarrow = types === NARROW.types;
  const isSignUp = isNarrow && at % 2 === 0;
  const ofDemo = isSignUp ? "SignUpEvent" : "PiecePlayedEvent";
  return {
    event_type: isNarrow ? ofDemo : eventType(at % types),
    event_timestamp: time,
    arrival_timestamp: NOON + at,
    event_version: "3.1",
    application: {
      app_id: APP,
      cognito_identity_pool_id: "us-east-1:f0e1d2c3-0000-4000-8000-000000000001",
      sdk: { name: "forebay", version: "0.1.0" },
      title: "Piano practice",
      version_name: "4.12.0",
    },
    client: { client_id: client.id, cognito_id: client.cognito },
    device: {
      locale: { code: "sv-SE", country: "SE", language: "sv" },
      make: "Apple",
      model: "Macintosh",
      platform: { name: "macos", version: "26.1" },
    },
    session: { session_id: client.session, start_timestamp: time - 60_000 },
    attributes: isSignUp
      ? { email: `visitor-${at}@example.com`, plan: "pro", referrer: "a friend of mine" }
      : {
          piece: `Nocturne no. ${at % 21} in E-flat major, op. 9`,
          completed: at % 5 === 1 ? "false" : "true",
          started_at: new Date(time - 600_000).toISOString(),
        },
    metrics: isSignUp ? {} : { minutes: 12.5 + (at % 40), mistakes: at % 17 },
    endpoint: {
      ChannelType: "EMAIL",
      Address: `visitor-${at % 1_000}@example.com`,
      EndpointStatus: "ACTIVE",
      OptOut: "NONE",
      Demographic: { Locale: "sv-SE", Platform: "web", Timezone: "Europe/Stockholm" },
      EffectiveDate: "2026-11-21T01:02:04.005Z",
      Attributes: { interests: ["piano", "chamber music"] },
      Metrics: { age: 42 },
      User: { UserId: `user-${at % 1_000}`, UserAttributes: { plan: ["pro"] } },
      ApplicationId: APP,
      Id: client.id,
    },
    forebay: {
      event_id: randomUUID(),
      schema_version: 1,
      original_event_timestamp: time - 41,
      amr: "unauthenticated",
      geo: {
        source: "request",
        country: "SE",
        continent: "EU",
        region: "Skåne",
        region_code: "M",
        city: CITIES[at % CITIES.length],
        postal_code: "211 20",
        timezone: "Europe/Stockholm",
        latitude: 55.6,
        longitude: 13,
      },
      browser: { name: BROWSERS[at % BROWSERS.length], version: `${130 + (at % 13)}.0` },
      device_category: "desktop",
    },
  };
}
