// Where Forebay's time on the main thread goes: by Chromium's tracing, which knows what is native, and by V8's
// profiler, which knows functions. Of a build that is not minified.

import { once } from "node:events";
import { copyFile, mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { Browser, type Given, type Page } from "../browser.ts";
import { bundled, ROOT, Site, TARGET } from "../peers/site.ts";
import { type Case, counter, quiet, record, warm } from "./measure.ts";

const CATEGORIES = [
  "toplevel",
  "devtools.timeline",
  "disabled-by-default-devtools.timeline",
  "v8",
  "disabled-by-default-v8.gc",
  "blink",
  "mojom",
  "IndexedDB",
];
/** Lines of a table. */
const MOST = 30;
/** Milliseconds of a long task. */
const LONG_MS = 50;
/** Microseconds between two samples of the profiler. */
const INTERVAL = 100;

/** Prints, for each case, both tables. */
export async function profile(cases: Case[], print: (line: string) => void): Promise<void> {
  const builds = { readable: await readable() };
  const site = await Site.start(await bundled("profile", builds, { readable: true }), builds);
  const browser = await Browser.launch(site.args);
  const during = async (one: Case, begin: (page: Page) => Promise<void>) => {
    const page = await warm(browser, site, "readable");
    const accepted = counter(site.collector);
    await begin(page);
    await record(page, site.collector, one, accepted);
    await quiet(accepted);
    return page;
  };
  try {
    for (const one of cases) {
      print(`${one.name}: ${one.says}; microseconds an event\n`);
      await (await traced(browser, one, during, print)).close();
      await (await sampled(one, during, print)).close();
    }
  } finally {
    await browser.close();
    site.close();
  }
}

type During = (one: Case, begin: (page: Page) => Promise<void>) => Promise<Page>;

/** What the main thread did, in CPU time, without what was done within it. */
async function traced(
  browser: Browser,
  one: Case,
  during: During,
  print: (line: string) => void,
): Promise<Page> {
  const events: Given[] = [];
  const take = ({ value }: Given) => {
    for (const event of value) events.push(event);
  };
  browser.events.on("Tracing.dataCollected", take);
  const page = await during(one, async () => {
    const traceConfig = { includedCategories: CATEGORIES, excludedCategories: ["*"] };
    await browser.send("Tracing.start", { traceConfig, transferMode: "ReportEvents" });
  });
  const complete = once(browser.events, "Tracing.tracingComplete");
  await browser.send("Tracing.end");
  await complete;
  browser.events.off("Tracing.dataCollected", take);
  const self = new Map<string, { self: number; count: number }>();
  const end = (event: Given) => {
    const sum = self.get(event.label) ?? { self: 0, count: 0 };
    self.set(event.label, { self: sum.self + cpuOf(event) - event.inner, count: sum.count + 1 });
  };
  const open: Given[] = [];
  const all = ofThePage(events);
  for (const event of all) {
    while (open.length && open[open.length - 1].ts + open[open.length - 1].dur <= event.ts) {
      end(open.pop());
    }
    event.inner = 0;
    event.label = labelOf(event);
    if (open.length) open[open.length - 1].inner += cpuOf(event);
    open.push(event);
  }
  for (const event of open.reverse()) end(event);
  const tasks = all.filter(({ name }) => name === "RunTask").map((task) => cpuOf(task) / 1000);
  const long = tasks.filter((time) => time >= LONG_MS).length;
  print(`  tasks of ${LONG_MS} ms of CPU and more: ${long}; the longest: ${Math.max(...tasks)} ms`);
  print("  CPU by Chromium's tracing, which takes time itself");
  const most = [...self].sort(([, a], [, b]) => b.self - a.self).slice(0, MOST);
  for (const [label, { self, count }] of most) {
    print(`${(self / one.events).toFixed(2).padStart(10)}  ${label} (${count} times)`);
  }
  return page;
}

/** What happened on the thread that made the calls, in its order. */
function ofThePage(events: Given[]): Given[] {
  const threadOf = ({ pid, tid }: Given) => `${pid} ${tid}`;
  const calls = events.find(({ args }) => args?.data?.functionName === "port1.onmessage");
  return events
    .filter((event) => event.ph === "X" && threadOf(event) === threadOf(calls))
    .sort((a, b) => a.ts - b.ts || b.dur - a.dur);
}

const cpuOf = ({ tdur, dur }: Given): number => tdur ?? dur;

function labelOf({ name, args }: Given): string {
  const { data, src_func: from, chrome_mojo_event_info: mojo } = args ?? {};
  return [name, from, data?.functionName, data?.type, mojo?.mojo_interface_tag]
    .filter((word) => word && word !== name)
    .reduce((words, word) => `${words} ${word}`, name);
}

/** What functions took themselves, by the clock: what waits for another process's turn counts, too. */
async function sampled(one: Case, during: During, print: (line: string) => void): Promise<Page> {
  const page = await during(one, async (page) => {
    await page.send("Profiler.enable");
    await page.send("Profiler.setSamplingInterval", { interval: INTERVAL });
    await page.send("Profiler.start");
  });
  const { nodes, samples, timeDeltas } = (await page.send("Profiler.stop")).profile;
  const names = new Map<number, string>(
    nodes.map(({ id, callFrame: { functionName, url, lineNumber } }: Given) => [
      id,
      `${functionName || "(anonymous)"}${url && ` ${url.split("/").pop()}:${lineNumber + 1}`}`,
    ]),
  );
  const self = new Map<string, number>();
  for (const [at, id] of samples.entries()) {
    const name = names.get(id) ?? "";
    self.set(name, (self.get(name) ?? 0) + timeDeltas[at]);
  }
  self.delete("(idle)");
  print("\n  by V8's profiler, functions themselves, by the clock on the wall");
  for (const [name, time] of [...self].sort(([, a], [, b]) => b - a).slice(0, MOST)) {
    print(`${(time / one.events).toFixed(2).padStart(10)}  ${name}`);
  }
  print("");
  return page;
}

/** Builds the package so that its functions keep their names; gives the folder. */
async function readable(): Promise<string> {
  const folder = join(TARGET, "bench/readable");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  // As it is before its exports get letters for names, and beside the code.
  const module = "forebay_wasm_bg";
  await copyFile(join(TARGET, "sdk-wasm", module, `${module}.wasm`), join(folder, "module.wasm"));
  const entry = join(folder, "index.ts");
  await writeFile(
    entry,
    `import { configure as configureWith } from "${join(ROOT, "npm/src/slim.ts")}";
    export * from "${join(ROOT, "npm/src/client.ts")}";
    const wasm = () => fetch(new URL("module.wasm", import.meta.url));
    export const configure = (config) => configureWith(config, wasm);`,
  );
  await build({
    entryPoints: [entry],
    outdir: folder,
    bundle: true,
    splitting: true,
    format: "esm",
    target: "es2022",
    define: { VERSION: '"0.0.0"' },
    // Texts that the package's build puts in.
    external: ["#*"],
  });
  return folder;
}
