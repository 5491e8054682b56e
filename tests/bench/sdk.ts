// What recording and delivering costs a page's main thread, with Forebay and with Amplify beside it: run as
// `cargo xtask bench sdk`. The words are in USAGE of xtask/src/bench.rs.

import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Browser } from "./browser.ts";
import { CASES, measure, type Run } from "./measure.ts";
import { profile } from "./profile.ts";
import { AMPLIFY, Bench, ROOT, type Sdk } from "./site.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    case: { type: "string", multiple: true },
    build: { type: "string", multiple: true, default: [] },
    sdk: { type: "string", multiple: true },
    json: { type: "boolean" },
    profile: { type: "boolean" },
  },
});

/** Of several runs. */
interface Spread {
  median: number;
  least: number;
  most: number;
}

/** What is asked of Forebay, as a part of Amplify's; and of which numbers, in which cases. */
const GOALS: { says: string; of: keyof Run; most: number; cases: string[] }[] = [
  {
    says: "a recorded event, main thread",
    of: "calls",
    most: 0.5,
    cases: ["burst", "hundreds", "single"],
  },
  {
    says: "a delivered event, main thread",
    of: "delivered",
    most: 1,
    cases: ["burst", "hundreds", "single", "paced"],
  },
  {
    says: "99 of 100 calls of record()",
    of: "p99",
    most: 0.5,
    cases: ["burst", "hundreds", "single", "paced"],
  },
];

const ROWS: [keyof Run, string, (value: number) => string][] = [
  ["calls", "main thread until the calls are done, us a call", us],
  ["settled", "main thread until all is settled, us a call", us],
  ["delivered", "the same, us a delivered event", us],
  ["process", "all threads of the page until then, us a call", us],
  ["mean", "record() itself, mean, us", us],
  ["p50", "record() itself, p50, us", us],
  ["p99", "record() itself, p99, us", us],
  ["longTasks", "long tasks (50 ms and more)", String],
  ["longTotal", "long tasks, ms together", us],
  ["accepted", "events accepted", String],
  ["heap", "heap in the end, kB", (bytes) => String(Math.round(bytes / 1000))],
];

function us(value: number): string {
  return value.toFixed(1);
}

const unknown = options.case?.find((name) => !CASES.some((one) => one.name === name));
if (unknown) {
  const known = CASES.map(({ name }) => name).join(", ");
  console.error(`there is no case \`${unknown}\`; there are: ${known}`);
  process.exit(2);
}
const cases = CASES.filter(({ name }) => options.case?.includes(name) ?? true);
const builds: Record<Sdk, string> = { forebay: join(ROOT, "npm/dist") };
for (const build of options.build) {
  const [name, folder] = build.split("=");
  builds[name] = folder;
}

if (options.profile) await profile(cases, console.log);
else await compare();

async function compare(): Promise<void> {
  const sdks = ["amplify", ...Object.keys(builds)].filter(
    (sdk) => options.sdk?.includes(sdk) ?? true,
  );
  const runs = new Map<string, Run[]>();
  const before = loadavg()[0];
  const bench = await Bench.start(builds);
  const browser = await Browser.launch(bench.args);
  const { product } = await browser.send("Browser.getVersion");
  try {
    for (let run = 1; run <= Number(options.runs); run++) {
      for (const one of cases) {
        for (const sdk of sdks) {
          console.error(`  run ${run} of ${options.runs}: ${one.name}, ${sdk}`);
          const key = `${one.name} ${sdk}`;
          try {
            runs.set(key, [...(runs.get(key) ?? []), await measure(browser, bench, sdk, one)]);
          } catch (error) {
            // One that cannot is no reason to lose the others.
            console.error(`  no result: ${error}`);
          }
        }
      }
    }
  } finally {
    await browser.close();
    bench.close();
  }
  const spread = (name: string, sdk: Sdk, of: keyof Run): Spread => {
    const values = (runs.get(`${name} ${sdk}`) ?? []).map((run) => run[of]).sort((a, b) => a - b);
    const at = (place: number) => values[place] ?? Number.NaN;
    return {
      median: at(Math.floor(values.length / 2)),
      least: at(0),
      most: at(values.length - 1),
    };
  };
  const goals = GOALS.flatMap(({ says, of, most, cases: names }) =>
    cases
      .filter(({ name }) => names.includes(name))
      .map(({ name }) => {
        const ratio = spread(name, "forebay", of).median / spread(name, "amplify", of).median;
        return { says, case: name, ratio, most, isMet: ratio <= most };
      })
      // Where both were measured.
      .filter(({ ratio }) => !Number.isNaN(ratio)),
  );
  const longTasks = cases
    .filter(({ events }) => events === 5000)
    .map(({ name }) => ({ case: name, count: spread(name, "forebay", "longTasks").median }))
    .filter(({ count }) => !Number.isNaN(count));
  const machine = {
    browser: product,
    cores: cpus().length,
    processor: cpus()[0]?.model ?? "",
    load: [before, loadavg()[0]],
  };
  if (options.json) {
    const results = cases.map(({ name, says }) => ({
      case: name,
      says,
      ...Object.fromEntries(
        sdks.map((sdk) => [
          sdk,
          Object.fromEntries(ROWS.map(([of]) => [of, spread(name, sdk, of)])),
        ]),
      ),
    }));
    const all = {
      machine,
      runs: Number(options.runs),
      amplify: AMPLIFY,
      results,
      goals,
      longTasks,
    };
    console.log(JSON.stringify(all));
    return;
  }
  console.log(
    `${machine.browser}, ${machine.cores} cores (${machine.processor}), load ${machine.load.map((load) => load.toFixed(1)).join(" to ")}`,
  );
  console.log(`aws-amplify ${AMPLIFY}; medians of ${options.runs} runs, (least - most)\n`);
  for (const { name, says } of cases) {
    console.log(`${name}: ${says}`);
    console.log(`  ${"".padEnd(48)}${sdks.map((sdk) => sdk.padStart(26)).join("")}   ratio`);
    for (const [of, what, shown] of ROWS) {
      const cells = sdks.map((sdk) => {
        const { median, least, most } = spread(name, sdk, of);
        return `${shown(median)} (${shown(least)} - ${shown(most)})`.padStart(26);
      });
      const ratio = spread(name, "forebay", of).median / spread(name, "amplify", of).median;
      const tail = Number.isFinite(ratio) ? ratio.toFixed(2).padStart(8) : "";
      console.log(`  ${what.padEnd(48)}${cells.join("")}${tail}`);
    }
    console.log("");
  }
  console.log("goals, as parts of Amplify's");
  for (const { says, case: name, ratio, most, isMet } of goals) {
    const verdict = isMet ? "met" : "NOT met";
    console.log(
      `  ${`${says}, ${name}`.padEnd(48)} ${ratio.toFixed(2)} of at most ${most.toFixed(2)}: ${verdict}`,
    );
  }
  for (const { case: name, count } of longTasks) {
    console.log(
      `  ${`long tasks, ${name}`.padEnd(48)} ${count} of 0: ${count ? "NOT met" : "met"}`,
    );
  }
  console.log(`
Both as they are unless configured. Forebay validates every event, puts it on disk before it sends it, compresses,
and goes on until all are delivered. Amplify does none of that; it keeps 1,000 events in memory and drops what is
more, sends 100 of them every 5 seconds, and signs, as Forebay does. CPU times hold on a busy machine too, as far as
caches do; long tasks and p99 are by the clock on the wall, and need a machine with nothing else to do.`);
}
