import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type CompiledSchema, compile } from "forebay/tools";
import type { Page } from "playwright-core";
import { countRows, delivered, hold } from "../support/page.ts";
import { until } from "../support/until.ts";
import { endpoint, site } from "../support/visits.ts";

const schema = compile(
  readFileSync(new URL("../../demo-react/forebay.schema.json", import.meta.url), "utf8"),
);

/** A page that has the schema, or none. */
async function open(withSchema = true): Promise<Page> {
  const page = await site.open();
  await page.evaluate((config) => forebay.configure(config), {
    ...endpoint.config,
    ...(withSchema && { schema }),
  });
  return page;
}

/** Path and rule of each violation; `event` is JavaScript, so that it can be wrong in every way. */
async function violations(page: Page, event: string): Promise<string[]> {
  const found = await page.evaluate<import("forebay").Violation[]>(`forebay.validate(${event})`);
  return found.map(({ path, rule }) => `${path} ${rule}`);
}

test("an invalid event gets a receipt with every violation, and never leaves", async () => {
  const page = await open();
  const id = await page.evaluate(() => {
    const { id } = forebay.record({
      name: "SignUpEvent",
      attributes: { email: "not an address", plan: "gold", colour: "red" },
    });
    forebay.record({ name: "SignUpEvent", attributes: { email: "ada@example.com" } });
    return id;
  });
  await delivered(page, 1);
  await delivered(page, 1, "invalid");

  const delivery = await page.evaluate(
    (id) => deliveries.find((delivery) => delivery.id === id),
    id,
  );
  assert.equal(delivery?.state, "invalid");
  assert.equal(delivery?.name, "SignUpEvent");
  assert.deepEqual(
    delivery?.violations?.map(({ path, rule }) => `${path} ${rule}`),
    ["Attributes.email format", "Attributes.plan enum", "Attributes.colour additionalProperties"],
  );
  assert.ok(!JSON.stringify(delivery).includes("not an address"), "a receipt holds no values");
  assert.ok(!endpoint.accepted.includes(id));
  const stats = await page.evaluate(() => forebay.stats());
  assert.deepEqual([stats.recorded, stats.invalid, stats.delivered], [1, 1, 1]);
});

test("an invalid event is in the books at once, whether or not it can be said what is wrong", async () => {
  const page = await open();
  const wrong = { name: "SignUpEvent", attributes: { email: "not an address" } };
  const record = () => page.evaluate((event) => forebay.record(event).id, wrong);
  const refuse = await hold(page, "**/violations.js", { go: (route) => route.abort() });

  const first = await record();
  await page.waitForFunction(() => forebay.stats().invalid === 1);
  const { recorded, queued } = await page.evaluate(() => forebay.stats());
  assert.deepEqual([recorded, queued], [0, 0]);
  assert.deepEqual(await page.evaluate(() => deliveries), []);

  refuse();
  await delivered(page, 1, "invalid");
  const [told] = await page.evaluate(() => deliveries);
  assert.deepEqual([told.id, told.violations], [first, []]);
  assert.match(told.reason ?? "", /^what is wrong could not be loaded: TypeError/);
  await assert.rejects(violations(page, JSON.stringify(wrong)), /TypeError/);
  const valid = `{ name: "SignUpEvent", attributes: { email: "ada@example.com" } }`;
  assert.deepEqual(await violations(page, valid), [], "a valid event needs no explanation");

  await page.unroute("**/violations.js");
  const second = await record();
  await delivered(page, 2, "invalid");
  const explained = await page.evaluate(() => deliveries[1]);
  assert.deepEqual([explained.id, explained.reason], [second, undefined]);
  assert.deepEqual(
    explained.violations?.map(({ path, rule }) => `${path} ${rule}`),
    ["Attributes.email format"],
  );
});

test("validate says what record would find", async () => {
  const page = await open();
  assert.deepEqual(
    await violations(page, `{ name: "SignUpEvent", attributes: { email: "ada@example.com" } }`),
    [],
  );
  assert.deepEqual(await violations(page, `{ name: "SignUpEvent" }`), [
    "Attributes.email required",
  ]);
  assert.deepEqual(await violations(page, `{ name: "Unheard" }`), ["EventType eventType"]);
  assert.deepEqual(
    await violations(
      page,
      `{ name: "PiecePlayedEvent", attributes: { piece: "", completed: "yes" }, metrics: { minutes: 0 } }`,
    ),
    ["Attributes.piece minLength", "Attributes.completed type", "Metrics.minutes exclusiveMinimum"],
  );
});

test("what is no string in attributes and no number in metrics is named", async () => {
  const page = await open(false);
  for (const [event, expected] of [
    [`{ name: "A", attributes: { a: 1 } }`, ["Attributes.a type"]],
    [
      `{ name: "A", attributes: { a: true, b: {}, c: "c" } }`,
      ["Attributes.a type", "Attributes.b type"],
    ],
    [`{ name: "A", attributes: { a: null } }`, ["Attributes.a type"]],
    [`{ name: "A", attributes: "text" }`, ["Attributes type"]],
    // What has fields that nobody means is not taken for an object without any.
    [`{ name: "A", attributes: [1] }`, ["Attributes type"]],
    [`{ name: "A", attributes: ["text"] }`, ["Attributes type"]],
    [`{ name: "A", attributes: new Map([["a", "b"]]) }`, ["Attributes type"]],
    [`{ name: "A", attributes: new FormData() }`, ["Attributes type"]],
    [`{ name: "A", attributes: new URLSearchParams("a=b") }`, ["Attributes type"]],
    [
      `{ name: "A", attributes: new Date(), metrics: new Set([1]) }`,
      ["Attributes type", "Metrics type"],
    ],
    [`{ name: "A", attributes: Promise.resolve({}) }`, ["Attributes type"]],
    [`{ name: "A", attributes: Object.assign(Object.create(null), { a: "b" }) }`, []],
    [`{ name: "A", attributes: new (class { a = "b" })() }`, []],
    [
      `{ name: "A", metrics: { a: NaN, b: Infinity, c: "1", d: null, e: 1n } }`,
      ["Metrics.a type", "Metrics.b type", "Metrics.c type", "Metrics.d type", "Metrics.e type"],
    ],
    [`{ name: "A", attributes: { a: "x".repeat(201) } }`, ["Attributes.a maxLength"]],
    [`{ name: "A", attributes: { a: "x".repeat(5_000_000) } }`, ["Attributes.a maxLength"]],
    [
      `{ name: "A", attributes: { ["k".repeat(51)]: "x" } }`,
      [`Attributes.${"k".repeat(50)}… propertyNames`],
    ],
    [
      `{ name: "A", metrics: Object.fromEntries(Array.from({ length: 41 }, (_, n) => ["m" + n, n])) }`,
      ["Attributes maxProperties"],
    ],
    [`{ name: "A", attributes: { a: undefined }, metrics: null }`, []],
    [
      `{ name: "A", metrics: { a: 1e300, b: -0, c: 1e-7, d: 0.1, e: Number.MAX_SAFE_INTEGER } }`,
      [],
    ],
  ] as const) {
    assert.deepEqual(await violations(page, event), expected, event);
  }
});

test("null is left out where the schema allows null, and is a violation elsewhere", async () => {
  const page = await open();
  const event = (member: string) =>
    `{ name: "SignUpEvent", attributes: { email: "ada@example.com", ${member} } }`;
  assert.deepEqual(await violations(page, event("referrer: null")), []);
  assert.deepEqual(await violations(page, event("plan: null")), ["Attributes.plan type"]);
});

test("createEvent puts every value where it travels", async () => {
  const page = await open();
  const events = await page.evaluate(() => [
    forebay.createEvent("PiecePlayedEvent", {
      piece: "Gymnopédie No. 1",
      minutes: 3.5,
      mistakes: undefined,
      completed: false,
      started_at: new Date(Date.UTC(2026, 10, 21, 10, 30, 0, 7)),
    }),
    forebay.createEvent("SignUpEvent", { email: "ada@example.com", referrer: null }),
  ]);
  assert.deepEqual(events, [
    {
      name: "PiecePlayedEvent",
      attributes: {
        piece: "Gymnopédie No. 1",
        completed: "false",
        started_at: "2026-11-21T10:30:00.007Z",
      },
      metrics: { minutes: 3.5 },
    },
    {
      name: "SignUpEvent",
      attributes: { email: "ada@example.com", referrer: null },
      metrics: {},
    },
  ]);
  const event = (type: string, fields: string) => `forebay.createEvent("${type}", { ${fields} })`;
  const played = `piece: "Prelude", minutes: 1, completed: true`;
  assert.deepEqual(await violations(page, event("PiecePlayedEvent", played)), []);
  assert.deepEqual(
    await violations(page, event("PiecePlayedEvent", `${played}, started_at: new Date(NaN)`)),
    ["Attributes.started_at format"],
  );
  assert.deepEqual(
    await violations(page, event("PiecePlayedEvent", `piece: {}, minutes: NaN, completed: 1n`)),
    ["Attributes.piece type", "Attributes.completed type", "Metrics.minutes type"],
  );
  assert.deepEqual(
    await violations(page, event("SignUpEvent", `email: "ada@example.com", referrer: null`)),
    [],
  );
});

test("numbers keep every digit", async () => {
  const page = await open(false);
  const metrics = { a: 0.1, b: 1e21, c: 1.7976931348623157e308, d: -0.000001, e: 9007199254740991 };
  const id = await page.evaluate(
    (metrics) => forebay.record({ name: "Numbers", metrics, immediate: true }).id,
    metrics,
  );
  await delivered(page, 1);
  const sent = endpoint.batches.find((batch) => batch.events.has(id))?.events.get(id);
  assert.deepEqual(sent?.Metrics, metrics);
});

test("an event is recorded as it was, whatever the caller does to it afterwards", async () => {
  const page = await open(false);
  const id = await page.evaluate(() => {
    const attributes = { piece: "Prelude" };
    const { id } = forebay.record({ name: "Kept", attributes, immediate: true });
    attributes.piece = "Fugue";
    return id;
  });
  await delivered(page, 1);
  const sent = endpoint.batches.find((batch) => batch.events.has(id))?.events.get(id);
  assert.deepEqual(sent?.Attributes, { piece: "Prelude" });
});

test("rules that cannot be read are named on the console, and events go on", async () => {
  const page = await site.open();
  const errors: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") errors.push(message.text());
  });
  const said = page.waitForEvent("console", (message) => message.type() === "error");
  await page.evaluate(
    (config) => {
      forebay.configure(config);
      forebay.record({ name: "Anything" });
    },
    { ...endpoint.config, schema: "[0]" as CompiledSchema },
  );
  await Promise.all([said, delivered(page, 1)]);
  assert.equal(errors.length, 1);
  assert.match(errors[0], /schema cannot be read/);
  assert.match(errors[0], /npx forebay codegen/);
});

test("a receipt names what stands in the place of attributes", async () => {
  const page = await open(false);
  const said = await page.evaluate(async () => {
    const given = [new Map([["a", "b"]]), new FormData(), ["a"], new Date(), 7] as never[];
    const ended = given.map((attributes) => forebay.record({ name: "A", attributes }).settled);
    return (await Promise.all(ended)).map(({ state, violations }) => [state, violations]);
  });
  assert.deepEqual(
    said,
    ["Map", "FormData", "Array", "Date", "number"].map((actual) => [
      "invalid",
      [{ path: "Attributes", rule: "type", expected: "an object", actual }],
    ]),
  );
});

test("mistakes of the program are thrown", async () => {
  const page = await site.open();
  const thrown = await page.evaluate((config) => {
    const codes: string[] = [];
    const attempt = (action: () => unknown) => {
      try {
        action();
      } catch (error) {
        const { name, code } = error as InstanceType<typeof forebay.ForebayError>;
        codes.push(`${name} ${code}`);
      }
    };
    attempt(() => forebay.record({ name: "Early" }));
    attempt(() => forebay.flushEvents());
    attempt(() => forebay.configure({ ...config, endpoint: "" }));
    forebay.configure(config);
    forebay.configure({ ...config });
    attempt(() => forebay.configure({ ...config, appId: "another" }));
    attempt(() => forebay.record({ name: "" }));
    return codes;
  }, endpoint.config);
  assert.deepEqual(thrown, [
    "ForebayError NotConfigured",
    "ForebayError NotConfigured",
    "ForebayError InvalidConfig",
    "ForebayError AlreadyConfigured",
    "ForebayError InvalidEvent",
  ]);
});

test("an event is read by its members, and one that cannot be read traps nothing", async () => {
  const page = await open(false);
  const said = await page.evaluate(async () => {
    class Opened {
      get name() {
        return "Opened";
      }
      get attributes() {
        return { by: "menu" };
      }
    }
    const throwing = {
      get by(): string {
        throw new RangeError("gone");
      },
    };
    const { proxy: revoked, revoke } = Proxy.revocable({}, {});
    revoke();
    const given = [
      new Opened(),
      Object.create({ name: "Inherited" }),
      { name: "Throwing", attributes: throwing },
      { name: "Revoked", metrics: revoked },
    ];
    const found: unknown[] = [];
    for (const event of [undefined, {}, { name: 7 }, ...given]) {
      const validated = forebay.validate(event);
      found.push(
        await validated.then(
          (all) => all.map(({ path, actual }) => `${path} is ${actual}`),
          ({ code }) => code,
        ),
      );
    }
    const ended = await Promise.all(given.map((event) => forebay.record(event).settled));
    const { traps, droppedBy } = forebay.stats();
    return { found, ended: ended.map(({ name, state }) => `${name} ${state}`), traps, droppedBy };
  });
  assert.deepEqual(said, {
    found: [
      ...Array(3).fill("InvalidEvent"),
      ...[[], [], ["Attributes is Error"], ["Metrics is Error"]],
    ],
    ended: ["Opened delivered", "Inherited delivered", "Throwing invalid", "Revoked invalid"],
    traps: 0,
    droppedBy: {},
  });
  const sent = endpoint.batches.flatMap(({ events }) => [...events.values()]);
  const opened = sent.find(({ EventType }) => EventType === "Opened");
  assert.deepEqual(opened?.Attributes, { by: "menu" });
});

test("what is recorded before the module has loaded keeps to itself what is to be dropped", async () => {
  const noted = compile(
    JSON.stringify({
      $schema: "https://json-schema.org/draft/2020-12/schema",
      $defs: {
        Noted: {
          type: "object",
          properties: { number: { type: "integer" }, email: { type: "string", "x-pii": "drop" } },
          required: ["number"],
        },
      },
    }),
  );
  const page = await site.open();
  const load = await hold(page, "**/forebay_wasm_bg.wasm");
  const from = endpoint.batches.length;
  // More than have their texts in memory once they are on disk.
  const count = 2_500;
  await page.evaluate(
    ({ config, count }) => {
      forebay.configure(config);
      for (let number = 0; number < count; number++) {
        const attributes = { email: "ada@example.com" };
        forebay.record({ name: "Noted", attributes, metrics: { number } });
      }
    },
    { config: { ...endpoint.config, schema: noted }, count },
  );
  await page.waitForFunction(() => forebay.stats().durable);
  await until("all are on disk", async () => (await countRows(page, "outbox")) === count);
  load();
  await delivered(page, count);
  const events = endpoint.batches.slice(from).flatMap((batch) => [...batch.events.values()]);
  assert.equal(events.filter(({ EventType }) => EventType === "Noted").length, count);
  assert.ok(!JSON.stringify(events).includes("ada@example.com"));
});
