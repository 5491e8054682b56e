// The lake alone: a Kinesis, records put straight into it, and the lake's program.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import {
  CreateStreamCommand,
  DescribeStreamSummaryCommand,
  type KinesisClient,
  PutRecordsCommand,
} from "@aws-sdk/client-kinesis";
import { filesBelow, query } from "../support/lake.ts";
import { ROOT } from "../support/stack.ts";
import { until } from "../support/until.ts";

export const REGION = "us-east-1";

/** What became of records. */
export interface Counts {
  records: number;
  rows: number;
  rejected: number;
  duplicates: number;
  missing: number;
}

/** The line that the lake prints when it has written a batch. */
export interface Flush extends Counts {
  shard: string;
  files: number;
  behind_millis: number;
  total: Counts;
}

/** A program that was started by a test. */
export interface Program {
  pid: number;
  /** What it printed on standard error so far. */
  log(): string;
  /** What it printed on standard output so far. */
  output(): string;
  /** Sends a signal. */
  signal(signal: NodeJS.Signals): void;
  /** Sends a signal and waits for the end. Gives the exit code, `null` where the signal ended it. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  /** How it ended, once it has. */
  ended: Promise<number | null>;
}

function start(program: string, words: string[], environment: NodeJS.ProcessEnv = {}) {
  const child = spawn(program, words, {
    cwd: ROOT,
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let log = "";
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    log += text;
  });
  const stopWithTests = () => child.kill("SIGKILL");
  process.once("exit", stopWithTests);
  const ended = once(child, "close").then(([code]) => {
    process.off("exit", stopWithTests);
    return code as number | null;
  });
  const end = (signal: NodeJS.Signals) => {
    child.kill(signal);
    return ended;
  };
  const signal = (signal: NodeJS.Signals) => void child.kill(signal);
  const pid = child.pid as number;
  return { child, pid, log: () => log, output: () => output, signal, end, ended };
}

/** A Kinesis with these streams, each `NAME:SHARDS`, on any free port or on `port`. */
export async function startKinesis(
  streams: string[],
  port = 0,
): Promise<Program & { url: string }> {
  const words = ["xtask/scripts/kinesis.mjs", "--port", String(port)];
  const program = start(process.execPath, [
    ...words,
    ...streams.flatMap((stream) => ["--stream", stream]),
  ]);
  const lines = createInterface({ input: program.child.stdout });
  const failed = program.ended.then((code) => {
    throw new Error(`Kinesis ended with ${code}:\n${program.log()}`);
  });
  const [line] = (await Promise.race([once(lines, "line"), failed])) as [string];
  failed.catch(() => {});
  return { ...program, url: line.replace("ready ", "") };
}

/** Makes a stream of one shard, and waits until it can be written to. */
export async function createStream(client: KinesisClient, StreamName: string): Promise<void> {
  await client.send(new CreateStreamCommand({ StreamName, ShardCount: 1 }));
  await until("the stream", async () => {
    const answer = await client.send(new DescribeStreamSummaryCommand({ StreamName }));
    return answer.StreamDescriptionSummary?.StreamStatus === "ACTIVE";
  });
}

/** The lake, as `cargo build` left it. */
const LAKE_PROGRAM = join(
  process.env.CARGO_TARGET_DIR ?? join(ROOT, "target"),
  "debug/forebay-lake",
);

/** `forebay-lake` with these words. */
export function runLake(words: string[], environment: NodeJS.ProcessEnv = {}): Program {
  const credentials = { AWS_ACCESS_KEY_ID: "local", AWS_SECRET_ACCESS_KEY: "local" };
  return start(LAKE_PROGRAM, words, { ...credentials, ...environment });
}

export interface LakeOptions {
  /** Kinesis's address. */
  kinesis: string;
  stream: string;
  /** The folder it writes to. */
  lake: string;
  /** The schema file; the demo's where it is not said. */
  schema?: string;
  maxRows?: number;
  maxSeconds?: number;
  /** How often small files are merged; 0 for never. */
  compactSeconds?: number;
}

/** The lake, reading a stream. */
export function startLake(options: LakeOptions): Program {
  const { schema = join(ROOT, "demo-react/forebay.schema.json"), maxRows, maxSeconds } = options;
  const words = ["consume", "--region", REGION, "--schema", schema];
  words.push("--kinesis-endpoint", options.kinesis, "--stream", options.stream);
  words.push("--lake", options.lake, "--max-seconds", String(maxSeconds ?? 0.2));
  if (maxRows !== undefined) words.push("--max-rows", String(maxRows));
  const { compactSeconds } = options;
  if (compactSeconds !== undefined) words.push("--compact-seconds", String(compactSeconds));
  return runLake(words);
}

/** The batches that the lake has said it has written. */
export function flushes(lake: Program): Flush[] {
  const lines = lake.log().split("\n");
  const reports = lines.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line));
  return reports.filter((report) => report.shard);
}

/** Where a lake stands: its shards' checkpoints, by the shard's id. */
export async function checkpoints(lake: string) {
  const files = await filesBelow(join(lake, "_state"), ".json");
  const ofShards = files.filter((file) => !file.includes("/_state/partitions/"));
  const found = ofShards.map(async (file) => {
    const shard = file.replace(/^.*\/(.*)\.json$/, "$1");
    return [shard, JSON.parse(await readFile(file, "utf8"))] as const;
  });
  return Object.fromEntries(await Promise.all(found)) as Record<
    string,
    { committed: string | null; counts: Counts; pending: object | null; ended: boolean }
  >;
}

/** What became of all records of all shards. */
export async function counts(lake: string): Promise<Counts> {
  const sum = { records: 0, rows: 0, rejected: 0, duplicates: 0, missing: 0 };
  for (const { counts } of Object.values(await checkpoints(lake))) {
    for (const name of Object.keys(sum) as (keyof Counts)[]) sum[name] += counts[name];
  }
  return sum;
}

/** Waits until so many records are in the lake for good. */
export function untilRead(lake: string, records: number, timeout = 20_000): Promise<Counts> {
  const look = async () => {
    const sum = await counts(lake);
    return sum.records >= records && sum;
  };
  return until(`${records} records in the lake`, look, { timeout });
}

/** The entries for records that could not become rows. */
export async function rejected(lake: string) {
  const folder = join(lake, "rejected");
  if ((await filesBelow(folder, ".parquet")).length === 0) return [];
  // As JSON, which has lists of structs as a test wants them.
  const entries = await query(
    `SELECT to_json(entry) AS entry FROM (
       SELECT * REPLACE (base64(data) AS data)
       FROM read_parquet('${folder}/**/*.parquet', hive_partitioning = false)
       ORDER BY shard, sequence_number
     ) AS entry`,
  );
  return entries.map(({ entry }) => JSON.parse(String(entry)));
}

/** All files below a folder, from there. */
export async function listing(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  return files.map((file) => join(file.parentPath, file.name).slice(folder.length + 1)).sort();
}

export interface Event {
  event_id: string;
  event_type: string;
  client_id?: string;
  /** Milliseconds since the epoch. */
  event_timestamp?: number;
  attributes?: Record<string, string>;
  metrics?: Record<string, number>;
  /** What else the record has. */
  more?: Record<string, unknown>;
}

/** The event as a record of Pinpoint's event stream. */
export function record(event: Event): string {
  const now = Date.now();
  const { client_id = "client-1", event_timestamp = now } = event;
  const json = {
    event_type: event.event_type,
    event_timestamp,
    arrival_timestamp: now,
    event_version: "3.1",
    application: { app_id: "app", sdk: { name: "forebay", version: "0.1.0" } },
    client: { client_id, cognito_id: "us-east-1:guest" },
    device: { locale: { code: "en_US" }, platform: { name: "macos", version: "26.1" } },
    session: { session_id: "session-1", start_timestamp: event_timestamp - 1_000 },
    attributes: event.attributes ?? {},
    metrics: event.metrics ?? {},
    forebay: {
      event_id: event.event_id,
      schema_version: 1,
      amr: "unauthenticated",
      geo: { country: "SE", region: "Skåne", city: "Malmö", timezone: "Europe/Stockholm" },
      browser: { name: "Chrome", version: "142.0" },
      device_category: "desktop",
    },
    ...event.more,
  };
  return `${JSON.stringify(json)}\n`;
}

/** Most records of one PutRecords. */
const MOST_RECORDS = 500;

/** Puts events into a stream, by their clients. */
export function putEvents(client: KinesisClient, stream: string, events: Event[]): Promise<void> {
  const records = events.map((event) => [event.client_id ?? "client-1", record(event)] as const);
  return putRecords(client, stream, records);
}

/** Puts records into a stream: partition key and data. */
export async function putRecords(
  client: KinesisClient,
  stream: string,
  records: readonly (readonly [string, string])[],
): Promise<void> {
  for (let from = 0; from < records.length; from += MOST_RECORDS) {
    const some = records.slice(from, from + MOST_RECORDS);
    const Records = some.map(([PartitionKey, data]) => ({ PartitionKey, Data: Buffer.from(data) }));
    const answer = await client.send(new PutRecordsCommand({ StreamName: stream, Records }));
    if (answer.FailedRecordCount) throw new Error(`${answer.FailedRecordCount} were not taken`);
  }
}
