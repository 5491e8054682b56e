// What recording and delivering costs a page, with Forebay and with its peers beside it. Run as
// `cargo xtask bench sdk`, whose --help says what there is to choose; docs/benchmarks.md says what is measured.

import { join } from "node:path";
import { parseArgs } from "node:util";
import { Browser } from "./browser.ts";
import { PEERS, type Sdk } from "./peers/sdks.ts";
import { bundled, ROOT, Site } from "./peers/site.ts";
import { FILES, machine, write } from "./report.ts";
import { CASES, first, measure, memory } from "./sdk/measure.ts";
import { profile } from "./sdk/profile.ts";
import { json, type Measured, type Results, table } from "./sdk/report.ts";

const FIRST = { name: "first", says: "a new visitor's page that records one event as it loads" };
const MEMORY = {
  name: "memory",
  says: "100,000 calls in tasks of 100, and what is in memory then",
};
const NAMES = [FIRST.name, ...CASES.map(({ name }) => name), MEMORY.name];

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "3" },
    case: { type: "string", multiple: true, default: NAMES },
    build: { type: "string", multiple: true, default: [] },
    sdk: { type: "string", multiple: true },
    profile: { type: "boolean" },
    ...FILES,
  },
});

const builds: Record<Sdk, string> = { forebay: join(ROOT, "npm/dist") };
for (const build of options.build) {
  const [name, folder] = build.split("=");
  if (!folder) refuse(`--build takes NAME=FOLDER, not \`${build}\``);
  builds[name] = folder;
}
const every = [...Object.keys(builds), ...Object.keys(PEERS)];
const sdks = options.sdk ?? every;
known("SDK", sdks, every);
known("case", options.case, NAMES);
const cases = CASES.filter(({ name }) => options.case.includes(name));

if (options.profile) {
  await profile(cases, console.log);
} else {
  const results = await compare(Number(options.runs));
  console.log(table(results));
  await write(options, json(results));
}

function known(what: string, names: string[], all: string[]): void {
  const unknown = names.find((name) => !all.includes(name));
  if (unknown) refuse(`there is no ${what} \`${unknown}\`; there are: ${all.join(", ")}`);
}

function refuse(why: string): never {
  console.error(why);
  process.exit(2);
}

/** Runs every case so often, with one SDK after the other. */
async function compare(runs: number): Promise<Results> {
  const finished = machine();
  const site = await Site.start(await bundled("sdk", builds), builds);
  const browser = await Browser.launch(site.args);
  const results = {
    first: { ...FIRST, of: new Map() },
    cases: cases.map((one) => ({ ...one, of: new Map() })),
    memory: { ...MEMORY, of: new Map() },
  };
  const unable = new Set<string>();
  try {
    for (let run = 1; run <= runs; run++) {
      const each = async <T>(
        { name, of }: Measured<T>,
        take: (sdk: Sdk) => Promise<T>,
        without: Sdk[] = [],
      ) => {
        for (const sdk of sdks) {
          if (without.includes(sdk) || unable.has(`${name} ${sdk}`)) continue;
          console.error(`  run ${run} of ${runs}: ${name}, ${sdk}`);
          try {
            const taken = await take(sdk);
            of.set(sdk, [...(of.get(sdk) ?? []), taken]);
          } catch (error) {
            // One that cannot is no reason to lose the others, nor to wait for it again.
            console.error(`  no result: ${error}`);
            unable.add(`${name} ${sdk}`);
          }
        }
      };
      if (options.case.includes(FIRST.name)) {
        await each(results.first, (sdk) => first(browser, site, sdk));
      }
      for (const one of results.cases) {
        await each(one, (sdk) => measure(browser, site, sdk, one), one.without);
      }
      if (options.case.includes(MEMORY.name)) {
        await each(results.memory, (sdk) => memory(browser, site, sdk));
      }
    }
    const { product } = await browser.send("Browser.getVersion");
    return { machine: finished(), browser: String(product), runs, sdks, ...results };
  } finally {
    await browser.close();
    site.close();
  }
}
