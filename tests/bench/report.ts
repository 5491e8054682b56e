// What came of the runs: medians and ranges, ratios, and whether the goals are met.

import type { Case, Run } from "./measure.ts";
import { AMPLIFY, type Sdk } from "./site.ts";

export interface Results {
  machine: { browser: string; cores: number; processor: string; load: [number, number] };
  runs: number;
  cases: Case[];
  sdks: Sdk[];
  /** By case and SDK. A run that did not end is not there. */
  of(name: string, sdk: Sdk): Run[];
}

/** Of several runs; no numbers where there is none. */
interface Spread {
  median: number;
  least: number;
  most: number;
}

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

const ROWS: [of: keyof Run, says: string, shown: (value: number) => string][] = [
  ["calls", "main thread until the calls are done, us a call", tenths],
  ["settled", "main thread until all is settled, us a call", tenths],
  ["delivered", "the same, us a delivered event", tenths],
  ["process", "all threads of the page until then, us a call", tenths],
  ["mean", "record() itself, mean, us", tenths],
  ["p50", "record() itself, p50, us", tenths],
  ["p99", "record() itself, p99, us", tenths],
  ["longTasks", "long tasks (50 ms and more)", String],
  ["longTotal", "long tasks, ms together", tenths],
  ["accepted", "events accepted", String],
  ["heap", "heap in the end, kB", (bytes) => (bytes / 1000).toFixed(0)],
];

function tenths(value: number): string {
  return value.toFixed(1);
}

function spread(runs: Run[], of: keyof Run): Spread {
  const values = runs.map((run) => run[of]).sort((a, b) => a - b);
  const at = (place: number) => values[place] ?? Number.NaN;
  const last = values.length - 1;
  const median = (at(Math.floor(last / 2)) + at(Math.ceil(last / 2))) / 2;
  return { median, least: at(0), most: at(last) };
}

/** Forebay's median as a part of Amplify's. */
function ratio(results: Results, name: string, of: keyof Run): number {
  const [forebay, amplify] = ["forebay", "amplify"].map((sdk) => spread(results.of(name, sdk), of));
  return forebay.median / amplify.median;
}

/** What was asked for, of those cases in which both were measured. */
function verdicts(results: Results): Verdict[] {
  return results.cases
    .flatMap(({ name, waiting }) => {
      const isPaced = waiting !== undefined;
      const goals = GOALS.filter((goal) => goal.isPaced || !isPaced);
      const asked = goals.map(({ says, of, most }) => ({
        says,
        is: ratio(results, name, of),
        most,
      }));
      const long = spread(results.of(name, "forebay"), "longTasks").median;
      if (!isPaced) asked.push({ says: "long tasks", is: long, most: 0 });
      return asked.map((verdict) => ({ ...verdict, case: name }));
    })
    .filter(({ is }) => !Number.isNaN(is));
}

/** For programs. */
export function json(results: Results): string {
  const { machine, runs, cases, sdks } = results;
  const numbers = (name: string, sdk: Sdk) =>
    Object.fromEntries(ROWS.map(([of]) => [of, spread(results.of(name, sdk), of)]));
  return JSON.stringify({
    machine,
    runs,
    amplify: AMPLIFY,
    cases: cases.map(({ name, says }) => ({
      name,
      says,
      ...Object.fromEntries(sdks.map((sdk) => [sdk, numbers(name, sdk)])),
    })),
    goals: verdicts(results).map((verdict) => ({ ...verdict, isMet: verdict.is <= verdict.most })),
  });
}

/** For people. */
export function table(results: Results): string {
  const { machine, runs, cases, sdks } = results;
  const load = machine.load.map((load) => load.toFixed(1)).join(" to ");
  const lines = [
    `${machine.browser}, ${machine.cores} cores (${machine.processor}), load ${load}`,
    `aws-amplify ${AMPLIFY}; medians of ${runs} runs (least - most)`,
  ];
  for (const { name, says } of cases) {
    lines.push("", `${name}: ${says}`);
    lines.push(line("", [...sdks.map((sdk) => sdk.padStart(26)), "   ratio"]));
    for (const [of, what, shown] of ROWS) {
      const cells = sdks.map((sdk) => {
        const { median, least, most } = spread(results.of(name, sdk), of);
        return `${shown(median)} (${shown(least)} - ${shown(most)})`.padStart(26);
      });
      const part = ratio(results, name, of);
      lines.push(line(what, [...cells, Number.isFinite(part) ? part.toFixed(2).padStart(8) : ""]));
    }
  }
  lines.push("", "goals, the first three as parts of Amplify's");
  for (const { says, case: name, is, most } of verdicts(results)) {
    const verdict = is <= most ? "met" : "NOT met";
    lines.push(line(`${says}, ${name}`, [`${is.toFixed(2)} of at most ${most}: ${verdict}`]));
  }
  return `${lines.join("\n")}

Both as they are unless configured. Forebay validates every event, puts it on disk before it sends it, compresses,
and goes on until all are delivered. Amplify does none of that; it keeps 1,000 events in memory and drops what is
more, sends 100 of them every 5 seconds, and signs, as Forebay does. CPU times hold on a busy machine too, as far as
caches do; long tasks and p99 are by the clock on the wall, and need a machine with nothing else to do.`;
}

function line(what: string, cells: string[]): string {
  return `  ${what.padEnd(48)}${cells.join("")}`;
}
