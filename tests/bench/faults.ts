// What becomes of events when something goes wrong, with Forebay and with its peers. Run as
// `cargo xtask bench faults`, whose --help says what there is to choose; docs/benchmarks.md says what is measured.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Browser, type Page } from "./browser.ts";
import { FAULTS, type Fault, type Place } from "./faults/list.ts";
import type { Collector } from "./peers/collector.ts";
import { PEERS, type Sdk, VERSIONS } from "./peers/sdks.ts";
import { type Apps, bundled, ROOT, Site } from "./peers/site.ts";
import { FILES, machine, onMachine, write } from "./report.ts";

/** Events of a page, and milliseconds from one to the next: slowly enough for every SDK's limits. */
const [COUNT, EVERY_MS] = [200, 150];
/** When a fault begins, and how long it takes. */
const [BEGINS_MS, LASTS_MS] = [8_000, 15_000];
/** How long after the end of a page its endpoint is back. */
const BACK_MS = 3_000;
/** For how long nothing may come until a visit is over: SDKs wait up to 30 s to try again. */
const QUIET_MS = 35_000;
/** And the next visit; and where all events are there, in which some might come again. */
const [NEXT_MS, AGAIN_MS] = [15_000, 8_000];
/** Most of the time everybody waits: so many at once are no load. */
const AT_ONCE = 6;

const SDKS = ["forebay", ...Object.keys(PEERS)];
const NAMES = FAULTS.map(({ name }) => name);

const { values: options } = parseArgs({
  options: {
    fault: { type: "string", multiple: true, default: NAMES },
    sdk: { type: "string", multiple: true, default: SDKS },
    ...FILES,
  },
});
for (const [given, all] of [
  [options.fault, NAMES],
  [options.sdk, SDKS],
]) {
  const unknown = given.find((name) => !all.includes(name));
  if (unknown) {
    console.error(`there is no \`${unknown}\`; there are: ${all.join(", ")}`);
    process.exit(2);
  }
}

/** Of the events that were recorded. */
interface Account {
  fault: string;
  sdk: Sdk;
  accepted: number;
  lost: number;
  /** How often events were accepted that had been before, and how often of that under an id of its own. */
  twice: number;
  renamed: number;
}

const finished = machine();
const faults = FAULTS.filter(({ name }) => options.fault.includes(name));
const apps = await bundled("faults", { forebay: join(ROOT, "npm/dist") }, { unlimited: true });
const waiting = faults.flatMap((fault) => options.sdk.map((sdk) => ({ fault, sdk })));
const accounts: Account[] = [];
await Promise.all(
  Array.from({ length: AT_ONCE }, async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { fault, sdk } = next;
      const what = `${fault.name}, ${sdk}`;
      try {
        const of = await account(apps, fault, sdk);
        accounts.push(of);
        console.error(`  ${what}: accepted ${of.accepted}, lost ${of.lost}, twice ${of.twice}`);
      } catch (error) {
        // One that cannot is no reason to lose the others.
        console.error(`  ${what}: no result: ${error}`);
      }
    }
  }),
);
await report();

/** What becomes of events in two visits of one visitor, in the first of which a fault happens. */
async function account(apps: Apps, fault: Fault, sdk: Sdk): Promise<Account> {
  const site = await Site.start(apps);
  const profile = await mkdtemp(join(tmpdir(), "forebay-faults-"));
  const start = () => Browser.launch(site.args, profile);
  const place: Place = { site, browser: await start(), page: undefined, start };
  try {
    await firstVisit(place, `${site.url}${sdk}/`, fault);
    await nextVisit(place, `${site.url}${sdk}/`, fault);
    const { accepted, numbers } = site.collector;
    const times = timesOf(site.collector);
    return {
      fault: fault.name,
      sdk,
      accepted: numbers.size,
      lost: COUNT - numbers.size,
      twice: times - numbers.size,
      renamed: accepted.size - numbers.size,
    };
  } finally {
    await place.browser.close();
    site.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Records the events on a page to which the fault happens. */
async function firstVisit(place: Place, url: string, fault: Fault): Promise<void> {
  const page = await place.browser.open(url, fault.before);
  place.page = page;
  await ready(page);
  const recorded = page.evaluate(`evenly(${COUNT}, ${EVERY_MS})`);
  await sleep(BEGINS_MS);
  await fault.begin?.(place);
  if (fault.leave) {
    await recorded;
    await fault.leave(place);
    // What a page sends when it ends comes too early for an endpoint that is down.
    await sleep(BACK_MS);
    await fault.end?.(place);
    return;
  }
  await sleep(LASTS_MS);
  await fault.end?.(place);
  await recorded;
  await settled(place.site.collector, QUIET_MS);
  await page.send("Page.close");
  place.page = undefined;
}

/** Opens the page once more, where it is not there, and waits for what is left. */
async function nextVisit(place: Place, url: string, fault: Fault): Promise<void> {
  const page = place.page ?? (await place.browser.open(url, fault.before));
  await ready(page);
  // Some send what is left when the next event is recorded. It has no number that counts.
  await page.evaluate("call(-1)");
  await settled(place.site.collector, fault.leave ? QUIET_MS : NEXT_MS);
}

/** How often events were accepted. */
function timesOf({ numbers }: Collector): number {
  return [...numbers.values()].reduce((sum, times) => sum + times, 0);
}

/** Resolves when a page has its SDK. */
async function ready(page: Page): Promise<void> {
  // There is no page to ask in the first moments.
  while (!(await page.evaluate("!!globalThis.sdk").catch(() => false))) await sleep(50);
}

/** Resolves when nothing has come for a while. */
async function settled(collector: Collector, quiet: number): Promise<void> {
  const isOver = (since: number) => {
    const passed = Date.now() - since;
    return passed > quiet || (collector.numbers.size === COUNT && passed > AGAIN_MS);
  };
  for (let last = -1, since = Date.now(); !isOver(since); await sleep(200)) {
    if (timesOf(collector) === last) continue;
    last = timesOf(collector);
    since = Date.now();
  }
}

async function report(): Promise<void> {
  const on = finished();
  const of = (fault: string, sdk: Sdk) =>
    accounts.find((one) => one.fault === fault && one.sdk === sdk);
  console.log(`accepted / lost / accepted again, of ${COUNT} events, one every ${EVERY_MS} ms\n`);
  console.log(line("", options.sdk));
  for (const { name, says } of faults) {
    const cells = options.sdk.map((sdk) => {
      const found = of(name, sdk);
      return found ? `${found.accepted} / ${found.lost} / ${found.twice}` : "no result";
    });
    console.log(line(says, cells));
  }
  const sum = (sdk: Sdk, read: (account: Account) => number) =>
    accounts.filter((one) => one.sdk === sdk).reduce((sum, one) => sum + read(one), 0);
  const sums = options.sdk.map((sdk) => ({
    sdk,
    accepted: sum(sdk, ({ accepted }) => accepted),
    lost: sum(sdk, ({ lost }) => lost),
    twice: sum(sdk, ({ twice }) => twice),
    renamed: sum(sdk, ({ renamed }) => renamed),
  }));
  console.log(
    line(
      "all of them",
      sums.map(({ accepted, lost, twice }) => `${accepted} / ${lost} / ${twice}`),
    ),
  );
  const renamed = sums.map(({ renamed }) => String(renamed));
  console.log(line("of those accepted again, under another id", renamed));
  console.log(`\n${Object.values(VERSIONS).join(", ")}\n${onMachine(on)}`);
  const bars = (read: (sum: (typeof sums)[number]) => number) =>
    sums.map((sum) => ({ name: sum.sdk, value: read(sum) }));
  await write(options, {
    bench: "faults",
    machine: on,
    versions: VERSIONS,
    events: COUNT,
    faults: faults.map(({ name, says }) => ({
      name,
      says,
      of: Object.fromEntries(options.sdk.map((sdk) => [sdk, of(name, sdk)])),
    })),
    charts: [
      {
        title: `Lost of ${faults.length * COUNT} events`,
        unit: "events",
        better: "less",
        groups: [{ label: "", bars: bars(({ lost }) => lost) }],
      },
      {
        title: "Accepted more than once",
        unit: "events",
        better: "less",
        groups: [{ label: "", bars: bars(({ twice }) => twice) }],
      },
    ],
  });
}

function line(what: string, cells: string[]): string {
  return `  ${what.padEnd(70)}${cells.map((cell) => cell.padStart(19)).join("")}`;
}
