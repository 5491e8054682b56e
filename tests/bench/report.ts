// What every bench gives besides its table: the machine, medians with their spread, JSON, and bars.

import { writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { type Chart, svg } from "./chart.ts";

export { shown } from "./chart.ts";

/** Of several runs; no numbers where there is none. */
export interface Spread {
  median: number;
  least: number;
  most: number;
}

export function spread(values: number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (place: number) => sorted[place] ?? Number.NaN;
  const last = sorted.length - 1;
  const median = (at(Math.floor(last / 2)) + at(Math.ceil(last / 2))) / 2;
  return { median, least: at(0), most: at(last) };
}

/** The value that so large a part of them is not above, rounded. */
export function percentile(values: number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN);
}

/** On what a bench has run. The load is that of the last minute, before and after. */
export interface Machine {
  processor: string;
  cores: number;
  node: string;
  load: [before: number, after: number];
}

/** Begins a bench; gives what describes the machine when it ends. */
export function machine(): () => Machine {
  const before = loadavg()[0];
  return () => ({
    processor: cpus()[0]?.model ?? "",
    cores: cpus().length,
    node: process.version,
    load: [before, loadavg()[0]],
  });
}

/** One line for people. */
export function onMachine({ processor, cores, node, load }: Machine): string {
  const [before, after] = load.map((load) => load.toFixed(1));
  return `${cores} cores (${processor}), Node ${node}, load ${before} to ${after}`;
}

/** Options of every bench: the files that it writes. */
export const FILES = { json: { type: "string" }, svg: { type: "string" } } as const;

/** Writes what a bench has found for programs, and its bars, into the files that were asked for. */
export async function write(
  files: { json?: string; svg?: string },
  results: { bench: string; machine: Machine; charts: Chart[] } & Record<string, unknown>,
): Promise<void> {
  if (files.json) await writeFile(files.json, `${JSON.stringify(results, null, 2)}\n`);
  if (files.svg) await writeFile(files.svg, svg(results.charts));
}
