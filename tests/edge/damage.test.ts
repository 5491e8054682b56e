// One bad thing costs only itself: events that cannot be read, endpoints that Pinpoint would refuse, times that no
// table takes.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { readStream } from "../support/kinesis.ts";
import { type Credentials, guest, sendPresigned } from "../support/requests.ts";
import { type Stack, startStack } from "../support/stack.ts";

let stack: Stack;
let credentials: Credentials;
before(async () => {
  stack = await startStack({ withLake: false });
  credentials = await guest(stack);
});
after(() => stack?.stop());

const GOOD = (time = new Date().toISOString()) =>
  `{"EventType":"SignUpEvent","Timestamp":"${time}","Attributes":{"email":"a@example.com"}}`;

/** Sends a body of any bytes. */
async function put(body: Uint8Array<ArrayBuffer> | string) {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const path = `/v1/apps/${stack.app_id}/events`;
  const response = await sendPresigned(stack, credentials, { path, body: bytes });
  const text = await response.text();
  assert.equal(response.status, 202, text);
  return JSON.parse(text).Results;
}

const letters = async (clientId: string) =>
  (await readStream(stack, stack.dead_letter_stream)).filter(
    ({ json }) => json?.client_id === clientId,
  );

for (const [what, bad] of [
  ["NaN", '{"EventType":"SignUpEvent","Metrics":{"m":NaN}}'],
  ["a name twice", GOOD().replace("{", '{"EventType":"SignUpEvent",')],
  ["an attribute twice", GOOD().replace('"email"', '"email":"b@example.com","email"')],
  ["bytes that are not UTF-8", GOOD().replace("a@example", "\u00ff@example")],
  ["brackets that do not fit together", GOOD().replace("{", '{"x":[1},')],
  ["a bracket that is not closed", GOOD().replace("{", '{"x":{"y":[1},')],
  ["an escape that there is not", GOOD().replace("a@", "a\\q@")],
  ["no value", ""],
] as const) {
  test(`an event with ${what} costs none of its neighbours`, async () => {
    const [endpoint, before, broken, after] = Array.from({ length: 4 }, () => randomUUID());
    const events = `"${before}":${GOOD()},"${broken}":${bad},"${after}":${GOOD()}`;
    const body = `{"BatchItem":{"${endpoint}":{"Endpoint":{},"Events":{${events}}}}}`;
    // Latin-1, so that a character beyond ASCII is one byte, and no UTF-8.
    const results = await put(Uint8Array.from(Buffer.from(body, "latin1")));
    const { EventsItemResponse: items } = results[endpoint];
    assert.equal(items[before].StatusCode, 202);
    assert.equal(items[after].StatusCode, 202);
    assert.equal(items[broken].StatusCode, 400, JSON.stringify(items[broken]));
    const [letter, ...others] = await letters(endpoint);
    assert.deepEqual(others, []);
    assert.equal(letter.json.event_id, broken);
    assert.equal(letter.json.reasons.length, 1);
  });
}

for (const [what, endpoint, message] of [
  [
    "an attribute that is too long",
    `{"User":{"UserAttributes":{"a":["${"v".repeat(101)}"]}}}`,
    /^User\.UserAttributes\.a: /,
  ],
  ["another OptOut", '{"OptOut":"none"}', /^OptOut: /],
  ["another channel", '{"ChannelType":"WEB"}', /^ChannelType: /],
  ["a number as UserId", '{"User":{"UserId":7}}', /^User\.UserId: /],
  ["a latitude as text", '{"Location":{"Latitude":"55.7"}}', /^Location\.Latitude: /],
  ["a number beyond doubles", '{"Metrics":{"m":1e999999999}}', /^Metrics\.m: /],
  ["no endpoint", undefined, /expected an object/],
] as const) {
  test(`an endpoint with ${what} is refused by itself`, async () => {
    const [first, second, a, b] = Array.from({ length: 4 }, () => randomUUID());
    const described = endpoint === undefined ? "" : `"Endpoint":${endpoint},`;
    const results = await put(
      `{"BatchItem":{"${first}":{${described}"Events":{"${a}":${GOOD()}}},
        "${second}":{"Endpoint":{"OptOut":"ALL"},"Events":{"${b}":${GOOD()}}}}}`,
    );
    assert.equal(results[first].EndpointItemResponse.StatusCode, 400);
    assert.match(results[first].EndpointItemResponse.Message, message);
    assert.equal(results[first].EventsItemResponse[a].StatusCode, 202);
    assert.equal(results[second].EndpointItemResponse.StatusCode, 202);
    assert.equal(results[second].EventsItemResponse[b].StatusCode, 202);
    const [letter] = await letters(first);
    assert.deepEqual(letter.json.endpoint, JSON.parse(endpoint ?? "null"));
  });
}

for (const [what, event] of [
  ["before 2000", GOOD("1999-12-31T23:59:59Z")],
  [
    "in a session of the year 0",
    GOOD().replace("{", '{"Session":{"Id":"s","StartTimestamp":"0000-05-01T00:00:00Z"},'),
  ],
] as const) {
  test(`an event ${what} is refused at the edge, and not by the lake alone`, async () => {
    const [endpoint, id, good] = Array.from({ length: 3 }, () => randomUUID());
    const results = await put(
      `{"BatchItem":{"${endpoint}":{"Endpoint":{},"Events":{"${id}":${event},"${good}":${GOOD()}}}}}`,
    );
    const { EventsItemResponse: items } = results[endpoint];
    assert.equal(items[id].StatusCode, 400);
    assert.equal(items[good].StatusCode, 202);
    const [letter] = await letters(endpoint);
    assert.equal(letter.json.reasons[0].rule, "time");
  });
}
