// node --import tsx tests/bench/lake.ts [--runs N] [--records N] [--build NAME=PROGRAM].. [--json FILE] [--svg FILE]
//
// The CPU that records cost the lake, and beside it DuckDB's COPY into the same columns, by turns.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { parseArgs, promisify } from "node:util";
import { filesBelow } from "../support/lake.ts";
import { ROOT } from "../support/stack.ts";
import { NARROW, records, schema, WIDE } from "./lake/records.ts";
import { serve } from "./lake/stream.ts";
import { FILES, type Machine, machine, onMachine, spread, write } from "./report.ts";

const SCHEMA = join(ROOT, "demo-react/forebay.schema.json");
const BUILT = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target", "release");
const DUCKDB = "duckdb";
/** The limits of a batch: those that are the default, and those of a shard with 500 records a second that is
 * flushed each second. */
const CASES = { default: [], "500 records a flush": ["--max-rows", "500"] };

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "5" },
    records: { type: "string", default: "200000" },
    build: { type: "string", multiple: true, default: [] },
    ...FILES,
  },
});
const [rounds, count] = [Number(values.runs), Number(values.records)];
const programs = new Map([["forebay", join(BUILT, "forebay-lake")]]);
for (const word of values.build) {
  const [name, program] = word.split("=");
  programs.set(name, resolve(program));
}

interface Run {
  seconds: number;
  /** Bytes that were written for each record, and that are there in the end. */
  written?: number;
  stored: number;
  /** Files of rows. */
  files?: number;
  /** Most memory at a time, in MiB. */
  memory?: number;
}

const folder = await mkdtemp(join(tmpdir(), "forebay-bench-"));
const input = join(folder, "records.ndjson");
const wide = { input: join(folder, "wide.ndjson"), schema: join(folder, "wide.schema.json") };
const WIDE_RECORDS = 100_000;
try {
  const finished = machine();
  const fill = (file: string, texts: Iterable<string>) =>
    pipeline(Readable.from(withNewlines(texts)), createWriteStream(file));
  await fill(input, records(count, NARROW));
  await fill(wide.input, records(WIDE_RECORDS, WIDE));
  await writeFile(wide.schema, schema(WIDE));
  const stream = await serve(input);
  const runs = new Map<string, Run[]>();
  const add = (name: string, run: Run) => runs.set(name, [...(runs.get(name) ?? []), run]);
  for (let round = 0; round < rounds; round++) {
    for (const [name, program] of programs) {
      add(name, await consume(program, stream.url, CASES.default));
      const bare = await batch(program, SCHEMA, input);
      if (bare) add(`${name}, no transport`, bare);
    }
    add(DUCKDB, await duckdb());
    if (process.stderr.isTTY) process.stderr.write(`\r  round ${round + 1} of ${rounds}\x1b[K`);
  }
  for (const [name, program] of programs) {
    const small = "500 records a flush";
    add(`${name}, ${small}`, await consume(program, stream.url, CASES[small]));
    const spread = await batch(program, wide.schema, wide.input);
    if (spread) add(`${name}, 300 types on 30 days, no transport`, spread);
  }
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  stream.close();
  await report(runs, finished());
} finally {
  await rm(folder, { recursive: true });
}

function* withNewlines(texts: Iterable<string>): Generator<string> {
  for (const text of texts) yield `${text}\n`;
}

/** The lake reads all of the stream. */
async function consume(program: string, kinesis: string, limits: string[]): Promise<Run> {
  const lake = join(folder, "lake");
  await rm(lake, { recursive: true, force: true });
  const words = ["--stream", "events", "--region", "us-east-1", "--kinesis-endpoint", kinesis];
  words.push("--schema", SCHEMA, "--lake", lake, "--max-seconds", "5", ...limits);
  const child = spawn(program, ["consume", ...words], {
    env: { AWS_ACCESS_KEY_ID: "local", AWS_SECRET_ACCESS_KEY: "local" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exit = once(child, "exit");
  for await (const line of createInterface({ input: child.stderr })) {
    const { total } = line.startsWith("{") ? JSON.parse(line) : { total: undefined };
    if (!total) throw new Error(`${program}: ${line}`);
    if (total.rows !== total.records) throw new Error(`${program}: ${line}`);
    if (total.records === count) break;
  }
  const seconds = (await cpuMs(child.pid)) / 1e3;
  const io = await readFile(`/proc/${child.pid}/io`, "utf8");
  const status = await readFile(`/proc/${child.pid}/status`, "utf8");
  child.kill();
  await exit;
  return {
    seconds,
    written: number(io, /^write_bytes: (\d+)/m) / count,
    stored: await stored(join(lake, "events")),
    memory: number(status, /^VmHWM:\s+(\d+)/m) / 1024,
  };
}

/** The same records without stream, state and disk: `lake/examples/batch.rs`, where it is built beside it. */
async function batch(program: string, schema: string, input: string): Promise<Run | undefined> {
  const example = join(program, "../examples/batch");
  if (!(await stat(example).catch(() => undefined))) return undefined;
  const { stdout } = await promisify(execFile)(example, [schema, input]);
  const { records, rows, seconds, bytes, files, memory } = JSON.parse(stdout);
  if (rows !== records) throw new Error(`${example}: ${stdout}`);
  const scale = count / records;
  return { seconds: seconds * scale, stored: bytes / records, files, memory };
}

async function duckdb(): Promise<Run> {
  const lake = join(folder, "duckdb");
  const script = join(ROOT, "tests/bench/lake/duckdb.ts");
  const words = ["--import", "tsx", script, input, lake];
  const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: ROOT });
  const { rows, seconds } = JSON.parse(stdout);
  if (rows !== count) throw new Error(`DuckDB wrote ${rows} rows of ${count}`);
  return { seconds, stored: await stored(lake) };
}

/** CPU that all threads of a process have had, in milliseconds. */
async function cpuMs(pid: number | undefined): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // Behind the name, which may have spaces: the fields from the third on.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function number(text: string, pattern: RegExp): number {
  return Number(text.match(pattern)?.[1]);
}

/** Bytes of Parquet for each record. */
async function stored(lake: string): Promise<number> {
  let bytes = 0;
  for (const file of await filesBelow(lake, ".parquet")) bytes += (await stat(file)).size;
  return bytes / count;
}

async function report(runs: Map<string, Run[]>, machine: Machine): Promise<void> {
  const of = (name: string, read: (run: Run) => number | undefined) =>
    spread((runs.get(name) ?? []).map((run) => read(run) ?? Number.NaN)).median;
  const peer = count / of(DUCKDB, (run) => run.seconds);
  const rows = [...runs].map(([name, measured]) => {
    const speed = spread(measured.map((run) => count / run.seconds));
    return {
      name,
      speed,
      ratio: speed.median / peer,
      written: of(name, (run) => run.written),
      stored: of(name, (run) => run.stored),
      files: of(name, (run) => run.files),
      memory: of(name, (run) => run.memory),
    };
  });
  console.log("Records a CPU-second: median (least to most), and times DuckDB's\n");
  const text = (value: number, unit: string) =>
    Number.isNaN(value) ? "" : `, ${value.toFixed(0)} ${unit}`;
  for (const { name, speed, ratio, written, stored, files, memory } of rows) {
    const [median, least, most] = [speed.median, speed.least, speed.most].map((n) => n.toFixed(0));
    console.log(
      `  ${name.padEnd(46)} ${median.padStart(7)} ${`(${least} to ${most})`.padEnd(20)} ${ratio.toFixed(2)}x` +
        text(stored, "bytes stored a record") +
        text(written, "written") +
        text(files, "files") +
        text(memory, "MiB"),
    );
  }
  console.log(`\n${rounds} rounds of ${count} records; ${onMachine(machine)}`);
  const bars = rows
    .filter(({ name }) => !name.includes("flush") && !name.includes("types"))
    .map(({ name, speed: { median, least, most } }) => ({ name, value: median, least, most }));
  await write(values, {
    bench: "lake",
    machine,
    rounds,
    records: count,
    rows,
    charts: [
      {
        title: "Records made Parquet",
        unit: "records a CPU-second",
        better: "more",
        groups: [{ label: "", bars }],
      },
    ],
  });
}
