// What recording and delivering costs a page's main thread, with Forebay and with Amplify beside it. Run as
// `cargo xtask bench sdk`, whose --help says what there is to choose; docs/benchmarks.md says what is measured.

import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Browser } from "./browser.ts";
import { CASES, type Case, measure, type Run } from "./measure.ts";
import { profile } from "./profile.ts";
import { json, type Results, table } from "./report.ts";
import { Bench, ROOT, type Sdk } from "./site.ts";

const { values: options } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    case: { type: "string", multiple: true, default: CASES.map(({ name }) => name) },
    build: { type: "string", multiple: true, default: [] },
    sdk: { type: "string", multiple: true },
    json: { type: "boolean" },
    profile: { type: "boolean" },
  },
});

const builds: Record<Sdk, string> = { forebay: join(ROOT, "npm/dist") };
for (const build of options.build) {
  const [name, folder] = build.split("=");
  if (!folder) refuse(`--build takes NAME=FOLDER, not \`${build}\``);
  builds[name] = folder;
}
const every = ["amplify", ...Object.keys(builds)];
const sdks = options.sdk ?? every;
known("SDK", sdks, every);
known(
  "case",
  options.case,
  CASES.map(({ name }) => name),
);
const cases = CASES.filter(({ name }) => options.case.includes(name));

if (options.profile) {
  await profile(cases, console.log);
} else {
  const results = await compare(cases, sdks, Number(options.runs));
  console.log(options.json ? json(results) : table(results));
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
async function compare(cases: Case[], sdks: Sdk[], runs: number): Promise<Results> {
  const found = new Map<string, Run[]>();
  const of = (name: string, sdk: Sdk) => found.get(`${name} ${sdk}`) ?? [];
  const load = loadavg()[0];
  const bench = await Bench.start(builds);
  const browser = await Browser.launch(bench.args);
  try {
    const { product } = await browser.send("Browser.getVersion");
    for (let run = 1; run <= runs; run++) {
      for (const one of cases) {
        for (const sdk of sdks) {
          console.error(`  run ${run} of ${runs}: ${one.name}, ${sdk}`);
          try {
            const measured = await measure(browser, bench, sdk, one);
            found.set(`${one.name} ${sdk}`, [...of(one.name, sdk), measured]);
          } catch (error) {
            // One that cannot is no reason to lose the others.
            console.error(`  no result: ${error}`);
          }
        }
      }
    }
    const machine = {
      browser: String(product),
      cores: cpus().length,
      processor: cpus()[0]?.model ?? "",
      load: [load, loadavg()[0]] as [number, number],
    };
    return { machine, runs, cases, sdks, of };
  } finally {
    await browser.close();
    bench.close();
  }
}
