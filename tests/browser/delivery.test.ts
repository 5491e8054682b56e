import assert from "node:assert/strict";
import { test } from "node:test";
import type { Page } from "playwright-core";
import { setClock } from "../delivery/support/numbered.ts";
import { type Endpoint, results } from "../support/endpoint.ts";
import { lacks } from "../support/engines/engine.ts";
import { delivered, states } from "../support/page.ts";
import { endpoint, site } from "../support/visits.ts";

test("an event arrives as it was recorded, signed", async () => {
  const page = await site.open();
  const before = Date.now();
  const id = await page.evaluate((config) => {
    forebay.configure(config);
    return forebay.record({
      name: "PiecePlayedEvent",
      attributes: { piece: 'Für Elise, "Bagatelle" 𝄞', completed: "true" },
      metrics: { minutes: 12.5, mistakes: 0 },
    }).id;
  }, endpoint.config);
  await delivered(page, 1);

  const [batch] = endpoint.batches;
  assert.equal(batch.signed, true);
  assert.match(batch.endpointId, /^[0-9a-f-]{36}$/);
  const event = batch.events.get(id);
  assert.ok(event);
  assert.equal(event.EventType, "PiecePlayedEvent");
  assert.deepEqual(event.Attributes, { piece: 'Für Elise, "Bagatelle" 𝄞', completed: "true" });
  assert.deepEqual(event.Metrics, { minutes: 12.5, mistakes: 0 });
  assert.equal(event.SdkName, "forebay");
  assert.match(event.ClientSdkVersion, /^\d+\.\d+\.\d+/);
  assert.match(event.Session.Id, /^[0-9a-f-]{36}$/);
  const [start, at] = [event.Session.StartTimestamp, event.Timestamp].map(Date.parse);
  assert.ok(before <= start && start <= at && at <= Date.now(), `${before} ${start} ${at}`);
  assert.deepEqual(await way(page, id), ["recorded", "sent", "delivered"]);
});

test("what is recorded at once leaves in batches of a hundred", async () => {
  const page = await site.open();
  const ids = await page.evaluate((config) => {
    forebay.configure(config);
    return Array.from({ length: 250 }, (_, n) =>
      forebay.record({ name: "Counted", metrics: { n } }),
    ).map((receipt) => receipt.id);
  }, endpoint.config);
  await delivered(page, 250);

  assert.deepEqual(
    endpoint.batches.map((batch) => batch.events.size).sort((a, b) => b - a),
    [100, 100, 50],
  );
  assert.deepEqual(endpoint.accepted.toSorted(), ids.toSorted());
  assert.deepEqual(await page.evaluate(() => forebay.stats()), {
    recorded: 250,
    invalid: 0,
    delivered: 250,
    rejected: 0,
    dropped: 0,
    droppedBy: {},
    queued: 0,
    aside: 0,
    durable: true,
    leader: true,
    traps: 0,
  });
});

test("an immediate event does not wait for the interval, and takes along what does", async () => {
  const page = await site.open();
  await page.evaluate((config) => {
    forebay.configure({ ...config, flushInterval: 600_000 });
    forebay.record({ name: "First" });
  }, endpoint.config);
  await delivered(page, 1);
  await page.evaluate(() => {
    forebay.record({ name: "Waits" });
    forebay.record({ name: "Immediate", immediate: true });
  });
  await delivered(page, 3);

  assert.deepEqual(names(endpoint), [["First"], ["Waits", "Immediate"]]);
});

test("flushEvents sends what waits for the interval", async () => {
  const page = await site.open();
  await page.evaluate((config) => {
    forebay.configure({ ...config, flushInterval: 600_000 });
    forebay.record({ name: "First" });
  }, endpoint.config);
  await delivered(page, 1);
  await page.evaluate(() => {
    forebay.record({ name: "Waits" });
    forebay.flushEvents();
  });
  await delivered(page, 2);

  assert.deepEqual(names(endpoint), [["First"], ["Waits"]]);
});

test("an event that is refused has a receipt that says why, and its neighbours arrive", async () => {
  endpoint.next((batch) =>
    results(batch, (event) =>
      event.EventType === "Bad"
        ? { StatusCode: 400, Message: "no such event type" }
        : { StatusCode: 202, Message: "Accepted" },
    ),
  );
  const page = await site.open();
  const [good, bad] = await page.evaluate((config) => {
    forebay.configure(config);
    return [forebay.record({ name: "Good" }).id, forebay.record({ name: "Bad" }).id];
  }, endpoint.config);
  await delivered(page, 1);
  await delivered(page, 1, "rejected");

  assert.deepEqual(await way(page, good), ["recorded", "sent", "delivered"]);
  assert.deepEqual(await way(page, bad), ["recorded", "sent", "rejected"]);
  const reasons = await page.evaluate(() => deliveries.map((delivery) => delivery.reason));
  assert.deepEqual(
    reasons.filter((reason) => reason),
    ["no such event type"],
  );
  assert.equal(endpoint.batches.length, 1);
});

test("an event that failed inside a 202 is sent again by itself, under its id", async () => {
  endpoint.next((batch) =>
    results(batch, (event) =>
      event.EventType === "Unlucky"
        ? { StatusCode: 500, Message: "the stream is busy" }
        : { StatusCode: 202, Message: "Accepted" },
    ),
  );
  const page = await site.open();
  const id = await page.evaluate((config) => {
    forebay.configure(config);
    forebay.record({ name: "Lucky" });
    return forebay.record({ name: "Unlucky" }).id;
  }, endpoint.config);
  await delivered(page, 2);

  assert.deepEqual(names(endpoint), [["Lucky", "Unlucky"], ["Unlucky"]]);
  assert.ok(endpoint.batches[1].events.has(id));
  assert.equal(new Set(endpoint.accepted).size, endpoint.accepted.length);
});

for (const [what, after, ahead] of [
  ["seconds", () => "2", 0],
  ["a date of its clock", () => new Date(Date.now() + 3_000).toUTCString(), -600_000],
] as const) {
  test(`a 503 is tried again, not before the time it asks for by ${what}`, async () => {
    endpoint.next(() => ({ status: 503, headers: { "retry-after": after() } }));
    const page = await site.open();
    await setClock(page, ahead);
    const id = await page.evaluate((config) => {
      forebay.configure(config);
      return forebay.record({ name: "Patient" }).id;
    }, endpoint.config);
    await delivered(page, 1);

    assert.equal(endpoint.batches.length, 2);
    const [first, second] = endpoint.batches;
    assert.ok(second.at - first.at >= 2000, `waited ${second.at - first.at} ms`);
    assert.deepEqual([...second.events.keys()], [id]);
  });
}

test("a reset connection is no error of record(), and nothing is lost by it", async () => {
  for (let n = 0; n < 3; n++) endpoint.next(() => "reset");
  const page = await site.open();
  const ids = await page.evaluate((config) => {
    forebay.configure(config);
    return [1, 2, 3].map((n) => forebay.record({ name: "Sturdy", metrics: { n } }).id);
  }, endpoint.config);
  await delivered(page, 3);

  assert.ok(endpoint.batches.length >= 4);
  assert.deepEqual(endpoint.accepted.toSorted(), ids.toSorted());
});

test("what is recorded offline leaves when the network is back", {
  skip: lacks("offline"),
}, async () => {
  const page = await site.open();
  await page.evaluate((config) => {
    forebay.configure(config);
    forebay.record({ name: "Online" });
  }, endpoint.config);
  await delivered(page, 1);
  await page.context().setOffline(true);
  await page.evaluate(() => {
    forebay.record({ name: "Offline" });
    forebay.record({ name: "Offline", immediate: true });
  });
  await delivered(page, 3, "recorded");
  assert.equal((await page.evaluate(() => forebay.stats())).queued, 2);
  await page.context().setOffline(false);
  await delivered(page, 3);

  assert.deepEqual(names(endpoint), [["Online"], ["Offline", "Offline"]]);
});

test("credentials are asked for once, and the identity and endpoint outlive the page", async () => {
  const context = await site.browser.newContext();
  for (let visit = 0; visit < 2; visit++) {
    const page = await site.open({ context });
    for (let n = 1; n <= 3; n++) {
      await page.evaluate((config) => {
        forebay.configure(config);
        forebay.record({ name: "Visited", immediate: true });
      }, endpoint.config);
      await delivered(page, n);
    }
    await page.close();
  }

  assert.deepEqual(
    endpoint.identityCalls.map((call) => call.operation),
    ["GetId"],
  );
  assert.equal(new Set(endpoint.batches.map((batch) => batch.identityId)).size, 1);
  assert.equal(endpoint.batches.length, 6);
  assert.equal(new Set(endpoint.batches.map((batch) => batch.endpointId)).size, 1);
});

test("a page whose storage is closed to it sends all the same", async () => {
  const page = await site.open();
  await page.evaluate((config) => {
    Object.defineProperty(window, "localStorage", {
      get() {
        throw new DOMException("The operation is insecure.", "SecurityError");
      },
    });
    forebay.configure(config);
    forebay.record({ name: "Stateless" });
  }, endpoint.config);
  await delivered(page, 1);
  assert.equal(endpoint.accepted.length, 1);
});

for (const [where, address] of [
  ["away", () => "about:blank"],
  ["to another site", () => site.url.replace("127.0.0.1", "localhost")],
] as [string, () => string][]) {
  test(`what is recorded as the page goes ${where} still leaves`, async () => {
    const page = await site.open();
    await page.evaluate((config) => {
      forebay.configure({ ...config, flushInterval: 600_000 });
      forebay.record({ name: "First" });
    }, endpoint.config);
    await delivered(page, 1);
    await page.evaluate(() => {
      forebay.record({ name: "Last" });
    });
    await page.goto(address());
    await endpoint.until(() => endpoint.accepted.length === 2);
    assert.deepEqual(names(endpoint), [["First"], ["Last"]]);
  });
}

test("a page that is asked to go, and stays, goes on", async () => {
  const page = await site.open();
  await page.evaluate(async (config) => {
    forebay.configure({ ...config, flushInterval: 600_000 });
    forebay.record({ name: "Before" });
  }, endpoint.config);
  await delivered(page, 1);
  await page.evaluate(() => {
    forebay.record({ name: "Asked" });
    dispatchEvent(new Event("beforeunload"));
    forebay.record({ name: "After" });
  });
  await delivered(page, 2);
  await page.evaluate(() => forebay.flushEvents());
  await delivered(page, 3);
  assert.deepEqual(names(endpoint), [["Before"], ["Asked"], ["After"]]);
});

test("identifyUser describes the endpoint as Amplify does", async () => {
  const page = await site.open();
  await page.evaluate(async (config) => {
    forebay.configure(config);
    await forebay.identifyUser({
      userId: "user-1",
      userProfile: {
        email: "ada@example.com",
        name: "Ada",
        plan: "pro",
        customProperties: { instruments: ["piano", "organ"] },
        demographic: { appVersion: "1.2", locale: "en_GB", timezone: "Europe/London" },
        location: { city: "London", postalCode: "W1", latitude: 51.5 },
        metrics: { level: 7 },
      },
      options: { userAttributes: { team: ["blue"] }, optOut: "NONE" },
    });
    forebay.record({ name: "Identified" });
  }, endpoint.config);
  await delivered(page, 1);

  const [update] = endpoint.endpointUpdates;
  assert.equal(update.signed, true);
  assert.equal(update.id, endpoint.batches[0].endpointId);
  const { EffectiveDate, RequestId, ...body } = update.body;
  assert.ok(Math.abs(Date.parse(String(EffectiveDate)) - Date.now()) < 60_000);
  assert.match(String(RequestId), /^[0-9a-f-]{36}$/);
  assert.deepEqual(body, {
    Attributes: {
      email: ["ada@example.com"],
      name: ["Ada"],
      plan: ["pro"],
      instruments: ["piano", "organ"],
    },
    Demographic: { AppVersion: "1.2", Locale: "en_GB", Timezone: "Europe/London" },
    Location: { City: "London", PostalCode: "W1", Latitude: 51.5 },
    Metrics: { level: 7 },
    OptOut: "NONE",
    User: { UserId: "user-1", UserAttributes: { team: ["blue"] } },
  });
});

test("a listener may record, flush and throw", async () => {
  const page = await site.open();
  const errors: string[] = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.evaluate((config) => {
    forebay.configure(config);
    let answered = false;
    forebay.onDelivery((delivery) => {
      if (delivery.state === "recorded" && !answered) {
        answered = true;
        forebay.record({ name: "Answer" });
        forebay.flushEvents();
        throw new Error("the listener's own");
      }
    });
    forebay.record({ name: "Question" });
  }, endpoint.config);
  await delivered(page, 2);

  assert.deepEqual(names(endpoint).flat(), ["Question", "Answer"]);
  assert.deepEqual(errors, ["the listener's own"]);
});

test("onDelivery ends when asked to", async () => {
  const page = await site.open();
  await page.evaluate((config) => {
    const heard: string[] = [];
    Object.assign(window, { heard });
    const end = forebay.onDelivery((delivery) => heard.push(delivery.name));
    end();
    forebay.configure(config);
    forebay.record({ name: "Unheard" });
  }, endpoint.config);
  await delivered(page, 1);
  assert.deepEqual(await page.evaluate("heard"), []);
});

/** The steps of an event, but for the one to the disk, which the others do not wait for. */
async function way(page: Page, id: string): Promise<string[]> {
  return (await states(page, id)).filter((state) => state !== "stored");
}

function names(endpoint: Endpoint): string[][] {
  return endpoint.batches.map((batch) =>
    [...batch.events.values()].map((event) => event.EventType),
  );
}
