// From the form of the demo page to a row in Parquet, all parts real, in a real Chromium.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { gunzipSync } from "node:zlib";
import type { Browser, Page } from "playwright-core";
import { launchChromium } from "../support/chromium.ts";
import { readStream } from "../support/kinesis.ts";
import { eventIds, type Row, rows } from "../support/lake.ts";
import { until } from "../support/until.ts";
import { type Demo, startDemo } from "./demo-process.ts";

const DESKTOP = { width: 1440, height: 900 };
const PHONE = { width: 360, height: 780 };

let stack: Demo;
let browser: Browser;

before(async () => {
  stack = await startDemo({ country: "SE", city: "Stockholm", timezone: "Europe/Stockholm" });
  browser = await launchChromium();
});

after(async () => {
  await browser?.close();
  await stack?.stop();
});

/** The demo page in a profile of its own, and the sessions its requests named. */
async function openPage(viewport = DESKTOP) {
  const context = await browser.newContext({ viewport, locale: "sv-SE" });
  const page = await context.newPage();
  const sessions = new Set<string>();
  page.on("request", (request) => {
    if (!request.url().startsWith(stack.edge) || !request.url().includes("/events")) return;
    for (const session of sessionsOf(request.postDataBuffer())) sessions.add(session);
  });
  await page.goto(stack.url);
  await page.getByRole("heading", { name: "Forebay" }).waitFor();
  return { page, sessions };
}

/** The session ids of a PutEvents body, which may be compressed: then it begins like gzip (RFC 1952). */
function sessionsOf(body: Buffer | null): string[] {
  if (!body) return [];
  const batch = JSON.parse(String(body[0] === 0x1f ? gunzipSync(body) : body)).BatchItem ?? {};
  const items = Object.values(batch) as { Events: Record<string, { Session: { Id: string } }> }[];
  return items.flatMap(({ Events }) => Object.values(Events).map(({ Session }) => Session.Id));
}

async function signUp(page: Page, email: string) {
  await page.getByRole("tabpanel", { name: "Sign up" }).getByLabel("Email").fill(email);
  await page.getByRole("button", { name: "Sign up", exact: true }).click();
}

/** Mends the address in the dead letter that the trail shows, and replays it. */
async function replay(page: Page, email: string) {
  const field = trail(page).getByRole("textbox", { name: "email" });
  await field.fill(email);
  await field.press("Enter");
}

/** The trail's rows, newest first. */
function trail(page: Page) {
  return page.getByRole("region", { name: "Events", exact: true }).getByRole("listitem");
}

test("what is typed into the sign-up form becomes a row, and the SQL panel shows it", async () => {
  const { page, sessions } = await openPage();
  const email = `ada.${randomUUID()}@example.com`;
  const panel = page.getByRole("tabpanel", { name: "Sign up" });
  await panel.getByRole("radio", { name: "team" }).check();
  await panel.getByLabel("Heard of us from").fill("en vän på Södermalm");
  const before = Date.now();
  await signUp(page, email);
  const after = Date.now();

  const row = await until(
    "the row in Parquet",
    async (): Promise<Row | undefined> =>
      (await rows(stack.lake, "sign_up_event")).find((each) => each.email === email),
  );
  assert.equal(row.event_type, "SignUpEvent");
  assert.equal(row.plan, "team");
  assert.equal(row.referrer, "en vän på Södermalm");
  assert.equal(row.country, "SE");
  assert.equal(row.city, "Stockholm");
  assert.equal(row.timezone, "Europe/Stockholm");
  assert.deepEqual([row.session_id], [...sessions]);
  assert.equal(row.app_id, stack.app_id);
  const recorded = Date.parse(String(row.event_timestamp));
  assert(recorded >= before - 1000 && recorded <= after + 1000, `${row.event_timestamp}`);
  const arrived = Date.parse(String(row.arrival_timestamp));
  assert(arrived >= recorded - 1000 && arrived <= Date.now() + 1000, `${row.arrival_timestamp}`);
  const session = Date.parse(String(row.session_start_timestamp));
  assert(session <= recorded && session >= before - 60_000, `${row.session_start_timestamp}`);

  const newest = trail(page).first();
  await newest.locator('[data-stage="parquet"][data-state="done"]').waitFor();
  await newest.getByRole("button", { expanded: false }).click();
  for (const value of [row.event_id, email, "shardId-", "events/sign_up_event/"]) {
    await newest.getByText(String(value)).first().waitFor();
  }

  await newest.getByRole("button", { name: "Show its row in SQL" }).click();
  const result = page.getByRole("region", { name: "Result" });
  await result.getByRole("cell", { name: email, exact: true }).waitFor();
  await result.getByRole("cell", { name: String(row.session_id), exact: true }).waitFor();
});

test("the ready queries run, by button and by keyboard", async () => {
  const { page } = await openPage();
  const email = `bo.${randomUUID()}@example.com`;
  await signUp(page, email);
  await until("the row in Parquet", async () =>
    (await rows(stack.lake, "sign_up_event")).some((row) => row.email === email),
  );
  const result = page.getByRole("region", { name: "Result" });
  await page.getByRole("button", { name: "Latest 20 events" }).click();
  await result.getByText(email).waitFor();
  await page.getByRole("button", { name: "Sign-ups per minute by country" }).click();
  await result.getByRole("columnheader", { name: "sign_ups" }).waitFor();
  await result.getByRole("cell", { name: "SE" }).first().waitFor();
  await page.getByRole("button", { name: "Sessions" }).click();
  await result.getByRole("columnheader", { name: "last_event" }).waitFor();
  await result.getByRole("cell", { name: "SignUpEvent" }).first().waitFor();
  await page.getByRole("button", { name: "Funnel: sign-up, then a piece" }).click();
  await result.getByRole("columnheader", { name: "then_played" }).waitFor();
  await page.getByRole("button", { name: "Browser to edge, p50 and p95" }).click();
  await result.getByRole("columnheader", { name: "p95_ms" }).waitFor();

  const editor = page.getByLabel("SQL query");
  await editor.fill("SELECT 6 * 7 AS answer");
  await editor.press("Control+Enter");
  await result.getByRole("cell", { name: "42" }).waitFor();
  await editor.fill("SELECT nothing FROM events");
  await editor.press("Control+Enter");
  await page.getByRole("alert").getByText("nothing").waitFor();
});

test("the first steps tick themselves off, and what happened is counted beside the chart", async () => {
  const { page } = await openPage();
  const steps = page.getByRole("region", { name: "First steps" });
  await steps.getByText("0 of 5").waitFor();
  // Its first query has run by itself, whatever the lake has by now.
  await page.getByText(/^(first )?\d+ rows? in \d+ ms$/).waitFor();
  await signUp(page, "dan");
  await page.getByRole("button", { name: "Send it anyway" }).click();
  await replay(page, `dan.${randomUUID()}@example.com`);
  await signUp(page, `dan.${randomUUID()}@example.com`);
  await steps.getByText("4 of 5").waitFor();
  await page.getByRole("button", { name: "Sessions" }).click();
  await steps.getByText("That is all of it").waitFor();
  const funnel = page.getByRole("list", { name: "Funnel" }).getByRole("listitem");
  await funnel.filter({ hasText: /^SignUpEvent\d+ clients?$/ }).waitFor();
  assert.equal(await funnel.count(), 3);
  await page.getByRole("button", { name: "Close the first steps" }).click();
  await page.reload();
  await page.getByRole("region", { name: "Events by stage" }).waitFor();
  assert.equal(await steps.count(), 0);
});

test("what the edge refused becomes a row once its dead letter is mended and replayed", async () => {
  const { page } = await openPage();
  await signUp(page, "eve");
  const row = trail(page).first();
  await row.getByText("Invalid, not sent").waitFor();
  await page.getByRole("button", { name: "Send it anyway" }).click();
  await row.getByText("Refused by the edge: a dead letter").waitFor();
  await row.getByText(/^Attributes\.email: expected an email address/).waitFor();

  await replay(page, "eve again");
  await row.getByText(/1 refused again/).waitFor();
  const email = `eve.${randomUUID()}@example.com`;
  await replay(page, email);
  await row.getByText(/npx forebay-worker replay - --endpoint .*1 accepted$/s).waitFor();
  await row.getByText("Replayed: the stream has this event now").waitFor();
  await row.locator('[data-stage="parquet"][data-state="done"]').waitFor();
  // This browser's queue never had it.
  assert.equal(await row.locator('[data-stage="queued"][data-state="done"]').count(), 0);
  const replayed = (await rows(stack.lake, "sign_up_event")).filter((each) => each.email === email);
  assert.equal(replayed.length, 1);
  await row.getByText(String(replayed[0].event_id)).waitFor();

  // Who comes later sees it too.
  await page.reload();
  await page.locator(".dead-letters > summary").click();
  await page.locator(".dead-letters").getByText("Replayed").first().waitFor();
});

test("a member that the schema does not have is taken out of a dead letter, by an empty field", async () => {
  const { page } = await openPage();
  await page.getByRole("tab", { name: "Custom" }).click();
  const panel = page.getByRole("tabpanel", { name: "Custom" });
  await panel.getByRole("button", { name: "Add attribute" }).click();
  await panel.getByLabel("Name of the attribute").last().fill("mood");
  await panel.getByLabel("Value of the attribute mood").fill("calm");
  await panel.getByLabel("Value of the metric minutes").fill("601");
  await panel.getByRole("button", { name: "Record event" }).click();
  await panel.getByRole("button", { name: "Send it anyway" }).click();
  const row = trail(page).first();
  await row.getByRole("textbox", { name: "mood" }).fill("");
  await row.getByRole("textbox", { name: "minutes" }).fill("61");
  await row.getByRole("button", { name: "Replay" }).click();
  const file = row.getByText("events/piece_played_event/");
  await file.waitFor();
  assert.equal(await row.getByText("mood").count(), 0);
  const replayed = await rows(stack.lake, "piece_played_event");
  assert.equal(replayed.filter(({ minutes }) => minutes === 61).length, 1);
});

test("a sink takes what fits its filter, and the page counts what it took", async () => {
  const { page } = await openPage();
  const sinks = page.getByRole("region", { name: "Sinks" });
  const count = async (name: string) => {
    const sink = sinks.getByRole("listitem").filter({ hasText: new RegExp(`^${name}\\d`) });
    const [, number] = /(\d+) records?/.exec((await sink.textContent()) ?? "") ?? [];
    return Number(number);
  };
  const [{ name, stream }] = stack.sinks;
  await sinks.getByText(name).waitFor();
  const [all, team] = [await count("kinesis"), await count(name)];
  await page.getByRole("switch", { name: "Send at once" }).first().check({ force: true });
  await signUp(page, `fia.${randomUUID()}@example.com`);
  const plans = page.getByRole("tabpanel", { name: "Sign up" });
  await plans.getByRole("radio", { name: "team" }).check();
  const email = `fia.${randomUUID()}@example.com`;
  await signUp(page, email);
  await until("both are counted", async () => (await count("kinesis")) === all + 2);
  await until("the one that fits is counted", async () => (await count(name)) === team + 1);
  const taken = await readStream({ ...stack, stream });
  assert.equal(taken.length, team + 1);
  assert.equal(taken.filter(({ json }) => json.attributes.email === email).length, 1);
});

test("a wrong email is told, and becomes no row", async () => {
  const { page } = await openPage();
  const panel = page.getByRole("tabpanel", { name: "Sign up" });
  await signUp(page, "not an address");
  await panel.getByText(/^Expected .*email/).waitFor();
  assert.equal(await panel.getByLabel("Email").getAttribute("aria-invalid"), "true");
  await trail(page).first().getByText("Invalid, not sent").waitFor();

  // What is recorded later arrives; what was refused before it never left.
  const email = `cai.${randomUUID()}@example.com`;
  await signUp(page, email);
  await until("the row in Parquet", async () =>
    (await rows(stack.lake, "sign_up_event")).some((row) => row.email === email),
  );
  const all = await rows(stack.lake, "sign_up_event");
  assert(!all.some((row) => row.email === "not an address"));
});

test("the free-form event is checked while it is written, and refused when it is wrong", async () => {
  const { page } = await openPage();
  await page.getByRole("tab", { name: "Custom" }).click();
  const panel = page.getByRole("tabpanel", { name: "Custom" });
  await panel.getByText("nothing against it").waitFor();
  await panel.getByLabel("Value of the metric minutes").fill("601");
  await panel.getByText("Metrics.minutes").waitFor();
  await panel.getByRole("button", { name: "Record event" }).click();
  await panel.getByText(/Refused before it left this page/).waitFor();
  await panel.getByLabel("Value of the metric minutes").fill("60");
  await panel.getByText("nothing against it").waitFor();
});

test("every event of a burst has one row, and the page accounts for each", async () => {
  const { page } = await openPage();
  const before = await eventIds(stack.lake);
  await page.getByRole("tab", { name: "Burst" }).click();
  await page.getByRole("button", { name: "Record 500 events" }).click();
  const ids = await until(
    "500 more rows",
    async () => {
      const ids = await eventIds(stack.lake);
      return ids.length >= before.length + 500 && ids;
    },
    { timeout: 60_000 },
  );
  assert.equal(ids.length, before.length + 500);
  assert.equal(new Set(ids).size, ids.length);
  const shown = await trail(page).locator("code").allTextContents();
  assert.equal(shown.length, 100);
  assert.equal(new Set(shown).size, shown.length, "two events are shown by one id");
  await page.getByText("500 recorded = 500 delivered").waitFor();
  await page.getByText("Every event is accounted for").waitFor();
});

test("nothing sticks out to the side on a phone", async (context) => {
  const { page } = await openPage(PHONE);
  await page.getByRole("button", { name: "Record an example" }).click();
  await page.getByRole("button", { name: "Latest 20 events" }).click();
  // Whatever comes of the query has to fit.
  const outcome = page.getByRole("region", { name: "Result" }).or(page.getByText("No rows"));
  const error = page.locator(".sql-error");
  await outcome.or(error).waitFor();
  if (await error.isVisible()) context.diagnostic(`the query failed: ${await error.textContent()}`);
  for (const tab of ["Sign in", "Custom", "Burst", "Sign up"]) {
    await page.getByRole("tab", { name: tab }).click();
    const [content, window] = await page.evaluate(() => [
      document.documentElement.scrollWidth,
      document.documentElement.clientWidth,
    ]);
    assert.equal(content, window, tab);
  }
});
