// What becomes of events: a record each, a dead letter each, an answer each.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { readStream } from "../support/kinesis.ts";
import {
  type Credentials,
  guest,
  putEvents,
  putEventsBody,
  send,
  sendPresigned,
} from "../support/requests.ts";
import { type Stack, startStack } from "../support/stack.ts";

const CF = {
  country: "SE",
  continent: "EU",
  region: "Stockholm",
  regionCode: "AB",
  city: "Stockholm",
  postalCode: "111 22",
  timezone: "Europe/Stockholm",
  latitude: "59.32510",
  longitude: "18.05510",
  colo: "ARN",
  asn: 3301,
  // As no platform should send them, and none may make the worker fall over.
  isEUCountry: { yes: true },
  tlsClientAuth: null,
};

let stack: Stack;
let credentials: Credentials;

before(async () => {
  stack = await startStack({ withLake: false, cf: CF });
  credentials = await guest(stack);
});
after(() => stack?.stop());

const records = async (ids: string[]) =>
  (await readStream(stack)).filter((record) => ids.includes(record.json?.forebay?.event_id));
const letters = async (ids: string[]) =>
  (await readStream(stack, stack.dead_letter_stream)).filter((record) =>
    ids.includes(record.json?.event_id),
  );

test("a valid event becomes a record of Pinpoint's event stream, whole", async () => {
  const eventId = randomUUID();
  const endpointId = randomUUID();
  const sessionId = randomUUID();
  const happened = Date.now() - 1_500;
  const body = {
    BatchItem: {
      [endpointId]: {
        Endpoint: {
          ChannelType: "EMAIL",
          Address: "a@example.com",
          OptOut: "NONE",
          Attributes: { plan: ["pro"] },
          Metrics: { visits: 3 },
          Demographic: { AppVersion: "2.1", Timezone: "Europe/Stockholm" },
          User: { UserId: "u1", UserAttributes: { team: ["a", "b"] } },
        },
        Events: {
          [eventId]: {
            EventType: "PiecePlayedEvent",
            Timestamp: new Date(happened).toISOString(),
            AppPackageName: "com.example",
            AppTitle: "Example",
            AppVersionCode: "21",
            SdkName: "forebay",
            ClientSdkVersion: "0.1.0",
            Attributes: { piece: 'Gymnopédie "No. 1" 🎹', completed: "true" },
            Metrics: { minutes: 12.5, mistakes: 0 },
            Session: { Id: sessionId, StartTimestamp: new Date(happened - 60_000).toISOString() },
          },
        },
      },
    },
  };
  const sent = Date.now();
  const response = await send(stack, credentials, {
    path: `/v1/apps/${stack.app_id}/events`,
    body: JSON.stringify(body),
    headers: {
      "user-agent":
        "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
      "accept-language": "sv-SE,sv;q=0.9,en;q=0.8",
      "sec-ch-ua": '"Chromium";v="142", "Google Chrome";v="142", "Not_A Brand";v="99"',
      "sec-ch-ua-mobile": "?0",
      "sec-ch-ua-platform": '"Windows"',
    },
  });
  const answered = Date.now();
  assert.equal(response.status, 202);
  assert.deepEqual(await response.json(), {
    Results: {
      [endpointId]: {
        EndpointItemResponse: { Message: "Accepted", StatusCode: 202 },
        EventsItemResponse: { [eventId]: { Message: "Accepted", StatusCode: 202 } },
      },
    },
  });

  const [record, ...others] = await records([eventId]);
  assert.deepEqual(others, []);
  assert.equal(record.partition_key, endpointId);
  assert.ok(record.text.endsWith("}\n") && record.text.indexOf("\n") === record.text.length - 1);
  const arrival = record.json.arrival_timestamp;
  assert.ok(sent <= arrival && arrival <= answered, `${sent} <= ${arrival} <= ${answered}`);
  assert.deepEqual(record.json, {
    event_type: "PiecePlayedEvent",
    event_timestamp: happened,
    arrival_timestamp: arrival,
    event_version: "3.1",
    application: {
      app_id: stack.app_id,
      cognito_identity_pool_id: stack.identity_pool_id,
      package_name: "com.example",
      sdk: { name: "forebay", version: "0.1.0" },
      title: "Example",
      version_name: "2.1",
      version_code: "21",
    },
    client: { client_id: endpointId, cognito_id: credentials.identityId },
    device: {
      locale: { code: "sv_SE", language: "sv", country: "SE" },
      platform: { name: "windows" },
    },
    session: { session_id: sessionId, start_timestamp: happened - 60_000 },
    attributes: { piece: 'Gymnopédie "No. 1" 🎹', completed: "true" },
    metrics: { minutes: 12.5, mistakes: 0 },
    endpoint: {
      ChannelType: "EMAIL",
      Address: "a@example.com",
      OptOut: "NONE",
      Attributes: { plan: ["pro"] },
      Metrics: { visits: 3 },
      Demographic: { AppVersion: "2.1", Timezone: "Europe/Stockholm" },
      User: { UserId: "u1", UserAttributes: { team: ["a", "b"] } },
      EffectiveDate: new Date(arrival).toISOString(),
      ApplicationId: stack.app_id,
      Id: endpointId,
    },
    forebay: {
      event_id: eventId,
      schema_version: 1,
      amr: "unauthenticated",
      geo: {
        source: "request",
        country: "SE",
        continent: "EU",
        region: "Stockholm",
        region_code: "AB",
        city: "Stockholm",
        postal_code: "111 22",
        timezone: "Europe/Stockholm",
        latitude: 59.3251,
        longitude: 18.0551,
      },
      browser: { name: "Chrome", version: "142.0" },
      device_category: "desktop",
      network: { asn: 3301 },
    },
  });
});

test("of a valid, an invalid and an unknown event each gets what it deserves", async () => {
  const [valid, invalid, unknown] = [randomUUID(), randomUUID(), randomUUID()];
  const endpointId = randomUUID();
  const answers = await putEvents(
    stack,
    credentials,
    {
      [valid]: { EventType: "SignUpEvent", Attributes: { email: "a@example.com", plan: "pro" } },
      [invalid]: {
        EventType: "SignUpEvent",
        Attributes: { email: "Jane Doe, 12 High Street", colour: "teal" },
      },
      [unknown]: { EventType: "OrderEvent", Attributes: { item: "Grand piano" } },
    },
    endpointId,
  );
  assert.deepEqual(answers[valid], { Message: "Accepted", StatusCode: 202 });
  assert.equal(answers[invalid].StatusCode, 400);
  assert.match(answers[invalid].Message, /Attributes\.email: .*; Attributes\.colour: /);
  assert.equal(answers[unknown].StatusCode, 400);
  assert.match(answers[unknown].Message, /EventType: .*SignUpEvent/);

  const ids = [valid, invalid, unknown];
  const stored = await records(ids);
  assert.deepEqual(
    stored.map((record) => record.json.forebay.event_id),
    [valid],
  );

  const kept = await letters(ids);
  assert.deepEqual(kept.map((letter) => letter.json.event_id).sort(), [invalid, unknown].sort());
  const letter = kept.find((record) => record.json.event_id === invalid)?.json;
  const { arrival_timestamp, reasons, event, ...rest } = letter;
  assert.ok(Math.abs(arrival_timestamp - Date.now()) < 60_000);
  assert.deepEqual(rest, {
    event_id: invalid,
    event_type: "SignUpEvent",
    app_id: stack.app_id,
    client_id: endpointId,
    schema_version: 1,
  });
  assert.deepEqual(
    reasons.map(({ path, rule }: { path: string; rule: string }) => [path, rule]),
    [
      ["Attributes.email", "format"],
      ["Attributes.colour", "additionalProperties"],
    ],
  );
  assert.deepEqual(event.Attributes, { email: "Jane Doe, 12 High Street", colour: "teal" });
  // What it says beside the event as it was sent repeats nothing of it.
  const beside = JSON.stringify({ ...rest, reasons });
  for (const personal of ["Jane", "High Street", "teal", credentials.identityId, "Stockholm"]) {
    assert.ok(!beside.includes(personal), `${personal} stands beside the event: ${beside}`);
  }
  const strange = kept.find((record) => record.json.event_id === unknown)?.json;
  assert.deepEqual(
    strange.reasons.map(({ path, rule }: { path: string; rule: string }) => [path, rule]),
    [["EventType", "eventType"]],
  );
  assert.deepEqual(strange.event.Attributes, { item: "Grand piano" });
});

test("an event that is none is refused by itself", async () => {
  const [whole, broken] = [randomUUID(), randomUUID()];
  const answers = await putEvents(stack, credentials, {
    [whole]: { EventType: "SignUpEvent", Attributes: { email: "a@example.com" } },
    // biome-ignore lint/suspicious/noExplicitAny: what no typed client would send.
    [broken]: { EventType: "SignUpEvent", Attributes: { email: ["a@example.com"] } } as any,
  });
  assert.equal(answers[whole].StatusCode, 202);
  assert.equal(answers[broken].StatusCode, 400);
  assert.match(answers[broken].Message, /^Attributes\.email: expected a string/);
  const [letter] = await letters([broken]);
  assert.deepEqual(letter.json.event.Attributes, { email: ["a@example.com"] });
});

test("a hundred events are stored in the order they were sent, and null is no value", async () => {
  const ids = Array.from({ length: 100 }, () => randomUUID());
  const event = (referrer: string) => ({
    EventType: "SignUpEvent",
    Attributes: { email: "a@example.com", referrer },
  });
  const answers = await putEvents(
    stack,
    credentials,
    Object.fromEntries(ids.map((id) => [id, event("null")])),
  );
  assert.ok(ids.every((id) => answers[id].StatusCode === 202));
  const stored = await records(ids);
  assert.deepEqual(
    stored.map((record) => record.json.forebay.event_id),
    ids,
  );
});

test("a clock that is ahead is corrected for, and one behind may be a request's way", async () => {
  for (const [off, known] of [
    [120_000, 120_000],
    [-20_000, 0],
    [-120_000, 0],
  ]) {
    const id = randomUUID();
    const happened = Date.now() - 5_000;
    const body = {
      BatchItem: {
        e1: {
          Endpoint: {},
          Events: {
            [id]: {
              EventType: "SignUpEvent",
              Timestamp: new Date(happened + off).toISOString(),
              Attributes: { email: "a@example.com" },
            },
          },
        },
      },
    };
    const response = await send(stack, credentials, {
      path: `/v1/apps/${stack.app_id}/events`,
      body: JSON.stringify(body),
      date: new Date(Date.now() + off),
    });
    assert.equal(response.status, 202);
    const [record] = await records([id]);
    const { event_timestamp, arrival_timestamp, forebay } = record.json;
    const wrong = event_timestamp - (happened + off - known);
    // A signature's date has whole seconds; the rest is the way of the request.
    assert.ok(Math.abs(wrong) < 2_000 && (known || wrong === 0), `${wrong} ms off`);
    assert.ok(event_timestamp <= arrival_timestamp);
    assert.equal(forebay.original_event_timestamp, known ? happened + off : undefined);
  }
});

test("a compressed body is taken in a request that costs a browser no preflight", async () => {
  const path = `/v1/apps/${stack.app_id}/events`;
  const eventId = randomUUID();
  const event = { EventType: "SignUpEvent", Attributes: { email: "zip@example.com" } };
  const body = gzipSync(JSON.stringify(putEventsBody({ [eventId]: event })));
  const response = await sendPresigned(stack, credentials, { path, body });
  assert.equal(response.status, 202, await response.clone().text());
  const [record] = await records([eventId]);
  assert.equal(record.json.attributes.email, "zip@example.com");

  const broken = await sendPresigned(stack, credentials, { path, body: body.subarray(0, -9) });
  assert.equal(broken.status, 400);
  assert.equal(broken.headers.get("x-amzn-errortype"), "BadRequestException");

  const small = gzipSync(JSON.stringify({ BatchItem: {}, padding: " ".repeat(5_000_000) }));
  const large = await sendPresigned(stack, credentials, { path, body: small });
  assert.equal(large.status, 413);
  assert.equal(large.headers.get("x-amzn-errortype"), "PayloadTooLargeException");
});

test("what is told about a user is taken in a request that costs a browser no preflight", async () => {
  const path = `/v1/apps/${stack.app_id}/endpoints/${randomUUID()}`;
  for (const [user, status] of [
    [{ UserId: "u1" }, 202],
    [{ UserId: 1 }, 400],
  ] as const) {
    const body = new TextEncoder().encode(JSON.stringify({ User: user }));
    const response = await sendPresigned(stack, credentials, { path, body });
    assert.equal(response.status, status, await response.text());
  }
});
