// What came of the runs: medians and ranges, ratios, and whether the goals are met.

import type { Chart } from "../chart.ts";
import type { Sdk } from "../peers/sdks.ts";
import { FOREBAY_DOES, PEERS, VERSIONS } from "../peers/sdks.ts";
import { type Machine, onMachine, type Spread, shown, spread } from "../report.ts";
import type { Case, First, Memory, Run } from "./measure.ts";

/** What was measured of one thing: by SDK, the runs that came to an end. */
export interface Measured<T> {
  name: string;
  says: string;
  of: Map<Sdk, T[]>;
}

export interface Results {
  machine: Machine;
  browser: string;
  runs: number;
  sdks: Sdk[];
  first: Measured<First>;
  memory: Measured<Memory>;
  cases: (Measured<Run> & Case)[];
}

/** A line of a table: what it says, and its number of a run. */
type Row<T> = [key: string, says: string, read: (run: T) => number];

const FIRST: Row<First>[] = [
  ["ms", "navigation to first event accepted, ms", ({ ms }) => ms],
  ["script", "scripts until then, bytes", ({ script }) => script],
  ["wire", "requests until then, bytes", ({ wire }) => wire],
];

const CALLS: Row<Run>[] = [
  ["calls", "main thread, calls done, us a call", ({ calls }) => calls],
  ["settled", "main thread, all settled, us a call", ({ settled }) => settled],
  ["delivered", "the same, us a delivered event", ({ delivered }) => delivered],
  ["process", "all threads, us a call", ({ process }) => process],
  ["mean", "record() itself, mean, us", ({ mean }) => mean],
  ["p50", "record() itself, p50, us", ({ p50 }) => p50],
  ["p99", "record() itself, p99, us", ({ p99 }) => p99],
  ["longTasks", "long tasks (50 ms and more)", ({ longTasks }) => longTasks],
  ["longTotal", "long tasks, ms together", ({ longTotal }) => longTotal],
  ["accepted", "events accepted", ({ accepted }) => accepted],
  ["wire", "on the wire, bytes an accepted event", ({ wire }) => wire],
  ["heap", "heap in the end, kB", ({ heap }) => heap / 1000],
];

const MEMORY: Row<Memory>[] = [
  ["calls", "calls", ({ calls }) => calls],
  ["before", "memory before, kB", ({ before }) => before / 1000],
  ["after", "memory after, kB", ({ after }) => after / 1000],
];

interface Verdict {
  says: string;
  case: string;
  is: number;
  most: number;
}

/**
 * What is asked of Forebay, as a part of Amplify's. Where calls wait for deliveries (`paced`) what a call costs
 * until the calls are done has most deliveries in it.
 */
const GOALS: { says: string; of: keyof Run; most: number; isPaced: boolean }[] = [
  { says: "a recorded event, main thread", of: "calls", most: 0.5, isPaced: false },
  { says: "a delivered event, main thread", of: "delivered", most: 1, isPaced: true },
  { says: "p99 of record()", of: "p99", most: 0.5, isPaced: true },
];

const NOTES = `
Each as it is unless configured; ratios are to Forebay's. What they do:
${does()}
CPU times hold on a busy machine too, as far as caches do; the time to the first event, long tasks and p99 are by the
clock on the wall, and need a machine with nothing else to do.`;

function does(): string {
  const all = Object.entries(PEERS).map(([name, { does }]) => [name, does]);
  return [["forebay", FOREBAY_DOES], ...all]
    .map(([name, does]) => `  ${name.padEnd(10)}${does}`)
    .join("\n");
}

function of<T>({ of: runs }: Measured<T>, sdk: Sdk, read: (run: T) => number): Spread {
  return spread((runs.get(sdk) ?? []).map(read));
}

/** What was asked for, of those cases in which both were measured. */
function verdicts({ cases }: Results): Verdict[] {
  return cases
    .flatMap((one) => {
      const isPaced = one.waiting !== undefined;
      const median = (sdk: Sdk, key: keyof Run) => of(one, sdk, (run) => run[key]).median;
      const asked = GOALS.filter((goal) => goal.isPaced || !isPaced).map(
        ({ says, of: key, most }) => ({
          says,
          is: median("forebay", key) / median("amplify", key),
          most,
        }),
      );
      if (!isPaced) asked.push({ says: "long tasks", is: median("forebay", "longTasks"), most: 0 });
      return asked.map((verdict) => ({ ...verdict, case: one.name }));
    })
    .filter(({ is }) => !Number.isNaN(is));
}

/** For programs. */
export function json(results: Results) {
  const { machine, browser, runs, sdks, first, memory, cases } = results;
  const numbers = <T>(measured: Measured<T>, rows: Row<T>[]) => ({
    name: measured.name,
    says: measured.says,
    ...Object.fromEntries(
      sdks.map((sdk) => [
        sdk,
        Object.fromEntries(rows.map(([key, , read]) => [key, of(measured, sdk, read)])),
      ]),
    ),
  });
  return {
    bench: "sdk",
    machine,
    browser,
    versions: VERSIONS,
    runs,
    cases: [
      numbers(first, FIRST),
      ...cases.map((one) => numbers(one, CALLS)),
      numbers(memory, MEMORY),
    ],
    goals: verdicts(results).map((verdict) => ({ ...verdict, isMet: verdict.is <= verdict.most })),
    charts: charts(results),
  };
}

/** The bars of docs/benchmarks.md. */
function charts({ sdks, first, memory, cases }: Results): Chart[] {
  const group = <T>(measured: Measured<T>, read: (run: T) => number, label = "") => {
    const bars = sdks
      .map((name) => ({ name, spread: of(measured, name, read) }))
      .filter(({ spread }) => !Number.isNaN(spread.median))
      .map(({ name, spread: { median, least, most } }) => ({ name, value: median, least, most }));
    return bars.length ? [{ label, bars }] : [];
  };
  const less = (title: string, unit: string, groups: Chart["groups"]): Chart[] =>
    groups.length ? [{ title, unit, better: "less", groups }] : [];
  const burst = cases.filter(({ name }) => name === "burst");
  const each = (read: (run: Run) => number) => cases.flatMap((one) => group(one, read, one.says));
  return [
    ...less(
      "Scripts until the first event is accepted",
      "bytes by Brotli",
      group(first, ({ script }) => script),
    ),
    ...less(
      "Navigation to the first event accepted",
      "milliseconds",
      group(first, ({ ms }) => ms),
    ),
    ...less(
      "Main-thread CPU of a delivered event",
      "microseconds",
      each(({ delivered }) => delivered),
    ),
    ...less(
      "p99 of record()",
      "microseconds",
      each(({ p99 }) => p99),
    ),
    ...burst.flatMap((one): Chart[] => [
      {
        title: "Accepted of 5,000 events at once",
        unit: "events",
        better: "more",
        groups: group(one, ({ accepted }) => accepted),
      },
      ...less(
        "On the wire, 5,000 events at once",
        "bytes an accepted event",
        group(one, ({ wire }) => wire),
      ),
    ]),
    ...less(
      "Memory after 100,000 events",
      "MB",
      group(memory, ({ after }) => after / 1e6),
    ),
  ];
}

/** For people. */
export function table(results: Results): string {
  const { machine, browser, runs, sdks, first, memory, cases } = results;
  const lines = [
    `${browser}, ${onMachine(machine)}`,
    `${Object.values(VERSIONS).join(", ")}; medians of ${runs} runs (least-most) and ratios`,
  ];
  const section = <T>(measured: Measured<T>, rows: Row<T>[]) => {
    if (measured.of.size === 0) return;
    lines.push("", `${measured.name}: ${measured.says}`);
    lines.push(line("", [...sdks.map((sdk) => sdk.padStart(WIDTH))]));
    for (const [, says, read] of rows) {
      const own = of(measured, "forebay", read).median;
      const cells = sdks.map((sdk) => {
        const measuredBy = of(measured, sdk, read);
        const ratio = sdk === "forebay" ? Number.NaN : measuredBy.median / own;
        return cell(measuredBy, ratio).padStart(WIDTH);
      });
      lines.push(line(says, cells));
    }
  };
  section(first, FIRST);
  for (const one of cases) section(one, CALLS);
  section(memory, MEMORY);
  const asked = verdicts(results);
  if (asked.length) lines.push("", "goals, the first three as parts of Amplify's");
  for (const { says, case: name, is, most } of asked) {
    const verdict = is <= most ? "met" : "NOT met";
    lines.push(line(`${says}, ${name}`, [`  ${is.toFixed(2)} of at most ${most}: ${verdict}`]));
  }
  return `${lines.join("\n")}\n${NOTES}`;
}

const WIDTH = 27;

function cell({ median, least, most }: Spread, ratio: number): string {
  if (Number.isNaN(median)) return "-";
  const range = least < most ? ` (${shown(least)}-${shown(most)})` : "";
  const times = Number.isFinite(ratio) ? ` ${ratio.toFixed(ratio < 10 ? 2 : 0)}x` : "";
  return `${shown(median)}${range}${times}`;
}

function line(what: string, cells: string[]): string {
  return `  ${what.padEnd(40)}${cells.join("")}`;
}
