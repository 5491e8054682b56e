// What the schema marks as personal data, sent in every way, right and wrong, and then looked for in
// everything that the browser, the worker, the stream and the lake leave behind.

import assert from "node:assert/strict";
import { createHmac, randomUUID } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { compile } from "forebay/tools";
import type { BrowserContext, Page } from "playwright-core";
import { readStream } from "../support/kinesis.ts";
import { filesBelow, query, rows } from "../support/lake.ts";
import { delivered, Site } from "../support/page.ts";
import { type Credentials, guest, send } from "../support/requests.ts";
import { disguises, find, type Place } from "../support/secrets.ts";
import { ROOT, type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";

const SCHEMA = new URL("personal-data.schema.json", import.meta.url).pathname;

/** What stands in every value that must not be seen again, in a form of its own in each test. */
class Secret {
  readonly word = randomUUID().replaceAll("-", "");
  readonly number = Number(1n + BigInt(`0x${this.word.slice(0, 12)}`) * 2n + 10n ** 15n);
  readonly uuid = randomUUID();
  readonly date = "1957-10-04";
  readonly time = "1961-04-12T06:07:00.123Z";
  /** With what JSON and URLs escape. A mask may keep its first letter. */
  readonly text = `Z${this.word} é/"+&%`;
  readonly email = `${this.word}@example.com`;
  readonly url = `https://${this.word}:pw@example.com:8443/~${this.word}?q=${this.word}#a`;
  /** What is looked for. */
  readonly parts = [this.word, String(this.number), this.uuid, this.date, this.time.slice(0, 19)];

  /** Attributes and metrics of a SignUpEvent with all fields. */
  signUp() {
    return {
      attributes: {
        email: this.email,
        phone: this.text,
        name: this.text,
        contact: this.email,
        homepage: this.url,
        device: this.uuid,
        born: this.date,
        seen: this.time,
        plan: "pro",
      },
      metrics: { seats: 3 },
    };
  }

  /** Those that are to be dropped. */
  dropped() {
    return { attributes: { diary: this.text }, metrics: { income: this.number } };
  }
}

let stack: Stack;
let site: Site;
let context: BrowserContext;
let credentials: Credentials;
const answers: Place[] = [];
const said: Place[] = [];
const requests: Place[] = [];

before(async () => {
  stack = await startStack({ schema: SCHEMA });
  site = await Site.start();
  context = await site.browser.newContext();
  credentials = await guest(stack);
});
after(async () => {
  await site?.close();
  await stack?.stop();
});

/** A page that sends to the stack; what it says and asks for is kept. */
async function openPage(): Promise<Page> {
  context.on("console", (message) => said.push(["the console", message.text()]));
  context.on("request", (request) => {
    const sent = request.postDataBuffer() ?? Buffer.alloc(0);
    // Compressed, nothing would be found in it.
    const body = String(sent[0] === 0x1f ? gunzipSync(sent) : sent);
    const headers = JSON.stringify(request.headers());
    requests.push([`a request of the browser`, `${request.url()} ${headers} ${body}`]);
  });
  context.on("response", async (response) => {
    if (response.url().startsWith(stack.edge)) {
      answers.push(["an answer to the browser", await response.text().catch(() => "")]);
    }
  });
  const page = await site.open({ context });
  page.on("pageerror", (error) => said.push(["an error of the page", String(error)]));
  await page.evaluate((config) => forebay.configure(config), {
    endpoint: stack.edge,
    appId: stack.app_id,
    region: stack.region,
    identityPoolId: stack.identity_pool_id,
    flushInterval: 50,
    schema: compile(await readFile(SCHEMA, "utf8")),
  });
  return page;
}

/** Sends a body as another client would, and keeps the answer. */
async function put(body: string, from = credentials): Promise<{ status: number; text: string }> {
  const path = `/v1/apps/${stack.app_id}/events`;
  const response = await send(stack, from, { path, body });
  const text = await response.text();
  answers.push(["an answer", `${JSON.stringify([...response.headers])} ${text}`]);
  return { status: response.status, text };
}

/** Sends events as they are, each by itself; gives their statuses. */
async function putEvents(events: unknown[]): Promise<number[]> {
  const statuses: number[] = [];
  for (const event of events) {
    const id = randomUUID();
    const batch = { Endpoint: {}, Events: { [id]: event } };
    const { text } = await put(JSON.stringify({ BatchItem: { [randomUUID()]: batch } }));
    const [results] = Object.values<{ EventsItemResponse: object }>(JSON.parse(text).Results);
    const [item] = Object.values<{ StatusCode: number }>(results.EventsItemResponse as never);
    statuses.push(item.StatusCode);
  }
  return statuses;
}

const event = (members: object) => ({
  EventType: "SignUpEvent",
  Timestamp: new Date().toISOString(),
  ...members,
});

test("a secret is found in every disguise, and nothing else is", () => {
  const text = 'Åsa "x"/y+z?';
  const url = encodeURIComponent(text);
  for (const disguised of [
    text,
    JSON.stringify({ a: [text] }),
    '{"a":"\\u00c5sa \\"x\\"\\/y+z?"}',
    `q=${url}&`,
    ...["", "a", "ab", "abc"].flatMap((lead) => {
      const bytes = Buffer.from(`${lead}${text}!`);
      return [bytes.toString("base64"), bytes.toString("base64url"), bytes.toString("hex")];
    }),
    Buffer.from(`ab${JSON.stringify(text)}`).toString("base64"),
    Buffer.from(text, "utf16le"),
  ]) {
    assert.equal(find([text], [["here", disguised]]).length, 1, String(disguised));
  }
  assert.deepEqual(find([text], [["here", 'Åsa "x"/y+z, åsa, Asa']]), []);
  assert.ok(disguises(text).every((disguise) => disguise.length >= 8));
});

test("a browser sends what is hashed and masked, and nothing of what is dropped", async () => {
  const page = await openPage();
  const secret = new Secret();
  const kept = new Secret();
  const { attributes, metrics } = secret.signUp();
  const dropped = kept.dropped();
  const signUp = {
    name: "SignUpEvent",
    attributes: { ...attributes, ...dropped.attributes },
    metrics: { ...metrics, ...dropped.metrics },
  };
  const valid = [
    signUp,
    { name: "OrderEvent", attributes: { buyer: secret.email }, metrics: { total: 12.5 } },
    signUp,
    { name: "SignUpEvent", attributes: { email: `${secret.word}@example.org`, phone: "null" } },
  ];
  // What is invalid is never sent, so that all of it stays there.
  const invalid = [
    { name: "SignUpEvent", attributes: { email: kept.text, diary: kept.text } },
    { name: "SignUpEvent", attributes: { email: 5, mail: kept.text } },
    { name: "SignUpEvent", attributes: kept.text },
    { name: "SignUpEvent", metrics: { income: kept.text, email: kept.number } },
    { name: "SignOutEvent", attributes: { email: kept.text } },
  ];
  await page.evaluate(
    (events) => {
      for (const event of events) forebay.record(event as never);
    },
    [...valid, ...invalid],
  );
  await delivered(page, valid.length);
  await delivered(page, invalid.length, "invalid");
  const stored = JSON.stringify([
    await context.storageState({ indexedDB: true }),
    await page.evaluate(() => ({ ...sessionStorage })),
    await page.evaluate(() => caches.keys()),
  ]);
  const databases = await page.evaluate(() => indexedDB.databases());
  said.push(["the receipts", await page.evaluate(() => JSON.stringify(deliveries))]);
  await page.close();

  assert.deepEqual(find([...secret.parts, ...kept.parts], said), []);
  assert.deepEqual(find(kept.parts.slice(0, 2), [["storage", stored], ...requests]), []);
  assert.deepEqual(
    databases.map(({ name }) => name),
    [`forebay.${stack.app_id}`],
    "what is in the storage is all there is",
  );
  // What is hashed does travel, so that the requests were seen.
  const sent = requests.filter(([, text]) => text.includes(secret.email));
  assert.ok(sent.length > 0);

  const found = await until("the rows", async () => {
    const signUps = await rows(stack.lake, "sign_up_event");
    const orders = await rows(stack.lake, "order_event");
    return signUps.length === 3 && orders.length === 1 && signUps;
  });
  const hash = async (text: string) =>
    createHmac("sha256", await salt())
      .update(text)
      .digest("hex");
  const row = found.find(({ phone }) => phone !== null) ?? {};
  assert.equal(row.email, await hash(secret.email));
  assert.equal(row.phone, await hash(secret.text));
  assert.equal(row.name, "Z***");
  assert.equal(row.contact, "***@example.com");
  assert.equal(row.homepage, "https://example.com/***");
  assert.equal(row.device, "00000000-0000-0000-0000-000000000000");
  assert.equal(String(row.born).slice(0, 10), "1957-01-01");
  assert.equal(row.seen, "1961-01-01T00:00:00.000Z");
  assert.deepEqual([row.plan, row.seats], ["pro", 3n]);
  assert.ok(!("diary" in row) && !("income" in row), "what is dropped has no column");

  const [joined] = await query(`
    SELECT count(*) AS count, any_value(buyer) AS buyer
    FROM read_parquet('${stack.lake}/events/sign_up_event/**/*.parquet')
    JOIN read_parquet('${stack.lake}/events/order_event/**/*.parquet') ON email = buyer`);
  assert.deepEqual(joined, { count: 2n, buyer: await hash(secret.email) });
  assert.deepEqual(find([...secret.parts, ...kept.parts], await leftBehind()), []);
});

test("what other clients send, right or wrong, leaves no trace of personal data", async () => {
  const secret = new Secret();
  const records = (await readStream(stack)).length;
  const { attributes, metrics } = secret.signUp();
  const dropped = secret.dropped();
  const all = {
    Attributes: { ...attributes, ...dropped.attributes },
    Metrics: { ...metrics, ...dropped.metrics },
  };
  const accepted = [
    event(all),
    // Members that the wire does not have are passed over.
    event({ ...all, Note: secret.text }),
  ];
  assert.deepEqual(await putEvents(accepted), [202, 202]);

  const beforeAllEvents = event({ ...all, Timestamp: "1999-12-31T23:59:59Z" });
  const refused = [...wrongEvents(secret, all), beforeAllEvents];
  for (const [index, status] of (await putEvents(refused)).entries()) {
    assert.equal(status, 400, JSON.stringify(refused[index]).slice(0, 500));
  }
  const letters = await readStream(stack, stack.dead_letter_stream);
  assert.equal(letters.length, refused.length);
  for (const [body, status] of wrongBodies(secret)) {
    assert.equal((await put(body)).status, status, body.slice(0, 500));
  }
  const stranger = { ...credentials, secretAccessKey: "wrong" };
  assert.equal((await put(bodyOf(JSON.stringify(event(all))), stranger)).status, 403);

  await until("its rows", async () => (await rows(stack.lake, "sign_up_event")).length === 5);
  assert.equal((await readStream(stack)).length, records + 2);
  assert.deepEqual(find(secret.parts, await leftBehind()), []);
});

/** Events that are wrong in every way, with what is secret in every place. */
function wrongEvents(
  secret: Secret,
  all: { Attributes: Record<string, string>; Metrics: Record<string, number> },
): unknown[] {
  const { email, text, word, number } = secret;
  const nested = { a: [text, { b: number, c: email }] };
  const marked = [...Object.keys(all.Attributes), "income"].filter((name) => name !== "plan");
  const wrong = { email, plan: "gold" };
  return [
    ...marked.flatMap((name) => [
      // Of another form or type than its own, or beside something else that is wrong.
      ...[text, text.repeat(9), email, number, [text], nested, true, null].map((value) =>
        event({ Attributes: { ...all.Attributes, [name]: value, plan: "gold" } }),
      ),
      // In the other map, or under another name.
      ...[text, number, [number]].flatMap((value) => [
        event({ Attributes: wrong, Metrics: { [name]: value } }),
        event({ Attributes: { ...wrong, [`${name}_`]: value } }),
        event({ Attributes: wrong, Metrics: { [name.toUpperCase()]: value } }),
      ]),
    ]),
    event({ Attributes: { email: `${email}, ${text}` } }),
    event({ Attributes: { email, contact: `a@${word}.${word}, ${text}` } }),
    event({ Attributes: { email, homepage: `https://${word} ${text}` } }),
    event({ Attributes: { email, born: `${word}-10-04` } }),
    event({ Attributes: { email, device: `${word}0` } }),
    event({ Attributes: { email }, Metrics: { income: -number } }),
    ...[text, [text], number, nested].flatMap((value) => [
      event({ Attributes: value }),
      event({ Attributes: { email }, Metrics: value }),
      event({ Attributes: wrong, Session: value }),
      event({ Attributes: wrong, Session: { Id: value } }),
      event({ Attributes: wrong, AppTitle: value, SdkName: value, Note: value }),
      event({ Attributes: { email }, AppTitle: [value] }),
      event({ ...all, Timestamp: value }),
      event({ ...all, EventType: value }),
      value,
    ]),
    event({ ...all, EventType: email }),
    event({ ...all, EventType: "SignOutEvent" }),
    event({ ...all, EventType: null }),
    event({
      Attributes: {
        email,
        ...Object.fromEntries([...Array(45).keys()].map((n) => [`a${n}`, text])),
      },
    }),
    event({ Attributes: { email, ["n".repeat(60)]: text } }),
    // Larger than an event may be, and large.
    event({ Attributes: { email }, AppTitle: text.padEnd(1_100_000, "é") }),
    event({ Attributes: { email, name: text.padEnd(900_000, word) } }),
  ];
}

const bodyOf = (event: string) =>
  `{"BatchItem":{"e":{"Endpoint":{},"Events":{"${randomUUID()}":${event}}}}}`;

/** Bodies that are wrong, with the status of the answer. */
function wrongBodies({ text, word }: Secret): [string, number][] {
  const quoted = JSON.stringify(text);
  const batch = (item: unknown) => JSON.stringify({ BatchItem: { e: item } });
  return [
    // An event or endpoint that can be told from the rest is refused alone, in its item of the answer.
    [bodyOf(`{"Attributes":{"email":${quoted},"email":${quoted}}}`), 202],
    [bodyOf(`{"Attributes":{"email":${word}}}`), 202],
    [bodyOf(`{"Attributes":{"email":"\\q${word}"}}`), 202],
    [batch({ Endpoint: text, Events: {} }), 202],
    [batch({ Endpoint: { ChannelType: text }, Events: {} }), 202],
    [batch({ Endpoint: {}, Events: [text] }), 202],
    [bodyOf(`{"Attributes":{"email":${quoted}`), 400],
    [JSON.stringify({ BatchItem: text }), 400],
    [bodyOf(JSON.stringify(text.padEnd(4_200_000, word))), 413],
  ];
}

/** All that can be read once the events are through. */
async function leftBehind(): Promise<Place[]> {
  const records = await readStream(stack);
  const letters = await readStream(stack, stack.dead_letter_stream);
  const places: Place[] = [
    ...records.map(({ text }): Place => ["a record", text]),
    ...letters.map(({ text }): Place => ["a dead letter", text]),
    ...answers,
    ...said,
    ["what the stack prints", stack.output()],
    // What its programs print, what they are configured with, and the lake.
    ...(await everyFile(stack.logs)),
    ...(await everyRow(stack.lake)),
  ];
  for (const name of ["worker.log", "lake.log", "kinesis.log", ".parquet"]) {
    assert.ok(
      places.some(([place]) => place.endsWith(name)),
      name,
    );
  }
  return places;
}

async function salt(): Promise<Buffer> {
  return Buffer.from(await readFile(join(ROOT, ".forebay/pii-salt"), "utf8"), "base64");
}

async function everyFile(folder: string): Promise<Place[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return Promise.all(
    files.map(async ({ parentPath, name }): Promise<Place> => {
      const path = join(parentPath, name);
      const content = await readFile(path).catch((error) => {
        // The lake is at work: what was a draft has its own name by now.
        if (error.code === "ENOENT") return "";
        throw error;
      });
      return [path, content];
    }),
  );
}

/** All that the Parquet files hold, as text: rows, statistics and metadata. */
async function everyRow(lake: string): Promise<Place[]> {
  const places: Place[] = [];
  for (const file of await filesBelow(join(lake, "events"), ".parquet")) {
    for (const from of ["read_parquet", "parquet_metadata", "parquet_kv_metadata"]) {
      const found = await query(`SELECT * FROM ${from}('${file}')`);
      places.push([`${from} of ${file}`, text(found)]);
    }
  }
  assert.ok(places.some(([, rows]) => rows.includes("SignUpEvent")));
  return places;
}

function text(value: unknown): string {
  return JSON.stringify(value, (_, each) => (typeof each === "bigint" ? String(each) : each));
}
