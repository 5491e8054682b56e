// Records of a shard, made from their number alone: a million of them take no memory.

const START = Date.parse("2026-11-21T00:00:00Z");
const DAY = 86_400_000;
/** The hundredth record is poison, and every 97th is an event that was sent before. */
const POISON_EVERY = 100;
const AGAIN_EVERY = 97;

const POISON: ((number: number) => string)[] = [
  () => "",
  () => "not JSON",
  () => '{"event_type":"SignUpEvent"',
  () => "\u001f\u008bnot gzip",
  (number) => event(number, "UnknownEvent", {}, {}),
  (number) => event(number, "SignUpEvent", { email: "none" }, {}),
  (number) => event(number, "PiecePlayedEvent", { piece: "a", completed: "yes" }, { minutes: 1 }),
];

export const isPoison = (number: number) => number % POISON_EVERY === POISON_EVERY - 1;

/** The number of the event that a record has: an earlier record's where it was sent twice. */
export function eventOf(number: number): number {
  const earlier = number - AGAIN_EVERY * 3 - 1;
  return number % AGAIN_EVERY === 0 && earlier >= 0 && !isPoison(earlier) ? earlier : number;
}

/** What a producer put into the stream. */
export function recordData(number: number): string {
  if (isPoison(number)) return POISON[((number / POISON_EVERY) % POISON.length) | 0](number);
  const of = eventOf(number);
  if (of % 2 === 0) return event(of, "SignUpEvent", { email: `user${of}@example.com` }, {});
  return event(of, "PiecePlayedEvent", { piece: `Op. ${of}`, completed: "true" }, { minutes: 5 });
}

function event(
  number: number,
  event_type: string,
  attributes: Record<string, string>,
  metrics: Record<string, number>,
): string {
  // Three days, as clients were offline.
  const at = START + (number % 3) * DAY + (number % 86_400) * 1_000;
  return JSON.stringify({
    event_type,
    event_timestamp: at,
    arrival_timestamp: at + 40,
    event_version: "3.1",
    application: { app_id: "app", sdk: {} },
    client: { client_id: `client-${number % 1_000}` },
    device: { platform: {} },
    session: { session_id: `session-${number % 5_000}`, start_timestamp: at - 60_000 },
    attributes,
    metrics,
    endpoint: {},
    forebay: { event_id: `event-${number}`, schema_version: 1, amr: "unauthenticated" },
  });
}

export const ARRIVAL = START + 3 * DAY;

export function sequenceNumber(number: number): string {
  return `49590338271490256608559692538361${String(number).padStart(24, "0")}`;
}

/** A record as the event source mapping gives it. */
export function kinesisRecord(shard: string, number: number) {
  const sequence = sequenceNumber(number);
  return {
    kinesis: {
      kinesisSchemaVersion: "1.0",
      partitionKey: `client-${number % 1_000}`,
      sequenceNumber: sequence,
      data: Buffer.from(recordData(number)).toString("base64"),
      approximateArrivalTimestamp: ARRIVAL / 1_000,
    },
    eventSource: "aws:kinesis",
    eventVersion: "1.0",
    eventID: `${shard}:${sequence}`,
    eventName: "aws:kinesis:record",
    invokeIdentityArn: "arn:aws:iam::1:role/forebay",
    awsRegion: "us-east-1",
    eventSourceARN: "arn:aws:kinesis:us-east-1:1:stream/forebay",
  };
}
