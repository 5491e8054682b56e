// node --import tsx tests/bench/soak.ts [--minutes N] [--rate N] [--users N] [--json FILE] [--svg FILE]
//
// Events from many users through the worker and Kinesis into the lake, while parts of it are killed and Kinesis fails.
// Prints how long events took to be accepted and to be rows, and how memory went. Fails where an event is lost or is
// there twice.

import { randomBytes } from "node:crypto";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { residentMegabytes } from "../edge/support/memory.ts";
import { startWorker, type Worker } from "../edge/support/worker.ts";
import { type Fault, KinesisProxy } from "../faults/kinesis-proxy.ts";
import { type Program, REGION, startKinesis, startLake } from "../faults/lake-process.ts";
import { filesBelow, query } from "../support/lake.ts";
import type { TestEvent } from "../support/requests.ts";
import { ROOT, type StackDescription } from "../support/stack.ts";
import { until } from "../support/until.ts";
import type { Chart } from "./chart.ts";
import { books } from "./load/oracle.ts";
import { Users } from "./load/users.ts";
import { FILES, machine, onMachine, percentile, write } from "./report.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    rate: { type: "string", default: "100" },
    users: { type: "string", default: "40" },
    ...FILES,
  },
});
const [seconds, rate, users] = [60 * Number(values.minutes), +values.rate, +values.users];
/** A fault begins so often, and those of Kinesis last for a part of that. */
const [FAULT_MS, KINESIS_MS] = [12_000, 4_000];
/** How often files and memory are looked at. */
const LOOK_MS = 1_000;
const STREAM = "forebay-events";

/** Of so many events one is not valid. */
const INVALID_EACH = 50;

function event(number: number): TestEvent {
  if (number % INVALID_EACH === 0) return { EventType: "SignUpEvent", Attributes: { email: "no" } };
  const started_at = new Date().toISOString();
  return number % 3
    ? {
        EventType: "SignUpEvent",
        Attributes: { email: `${number}@example.com`, plan: "pro" },
      }
    : {
        EventType: "PiecePlayedEvent",
        Attributes: { piece: `Opus ${number}`, completed: "true", started_at },
        Metrics: { minutes: 12.5, mistakes: number % 7 },
      };
}

class Parts {
  readonly place: StackDescription;
  worker?: Worker;
  lake?: Program;
  readonly faults: Record<string, number> = {};
  readonly #masterSecret = randomBytes(32);

  constructor(
    readonly folder: string,
    readonly kinesis: Awaited<ReturnType<typeof startKinesis>>,
    readonly proxy: KinesisProxy,
  ) {
    this.place = {
      edge: "",
      kinesis: kinesis.url,
      stream: STREAM,
      dead_letter_stream: "forebay-dead-letters",
      lake: join(folder, "lake"),
      logs: folder,
      schema: join(ROOT, "demo-react/forebay.schema.json"),
      app_id: "f0e1d2c3b4a5968778695a4b3c2d1e0f",
      identity_pool_id: "us-east-1:f0e1d2c3-0000-4000-8000-000000000001",
      region: REGION,
    };
  }

  async startWorker(): Promise<void> {
    const options = { kinesis: this.proxy.url, masterSecret: this.#masterSecret };
    this.worker = await startWorker(this.place, options);
    this.place.edge = this.worker.edge;
  }

  startLake(): void {
    const { kinesis, lake } = this.place;
    this.lake = startLake({ kinesis, stream: STREAM, lake, maxSeconds: 1, compactSeconds: 30 });
  }

  /** Something goes wrong, of all that can: in turns. */
  async fail(turn: number, mayKill: boolean): Promise<void> {
    const kills: Record<string, () => Promise<void>> = {
      "the lake is killed": async () => {
        await this.lake?.end("SIGKILL");
        await sleep(1_000);
        this.startLake();
      },
      "the worker restarts": async () => {
        await this.worker?.stop();
        await this.startWorker();
      },
    };
    const kinds = {
      ...(mayKill && kills),
      "Kinesis throttles": () => this.#kinesis({ kind: "partial", error: throttled }),
      "connections to Kinesis break": () => this.#kinesis({ kind: "reset" }),
      "answers of Kinesis are lost": () => this.#kinesis({ kind: "answer lost" }),
    };
    const names = Object.keys(kinds);
    const name = names[turn % names.length];
    this.faults[name] = (this.faults[name] ?? 0) + 1;
    await kinds[name as keyof typeof kinds]?.();
  }

  async #kinesis(fault: Fault): Promise<void> {
    this.proxy.fault = () => (Math.random() < 0.5 ? fault : undefined);
    await sleep(KINESIS_MS);
    this.proxy.fault = () => undefined;
  }

  async stop(): Promise<void> {
    await this.lake?.end("SIGTERM");
    await this.worker?.stop();
    this.proxy.close();
    await this.kinesis.end("SIGKILL");
  }
}

function throttled(): string | undefined {
  return Math.random() < 0.3 ? "ProvisionedThroughputExceededException" : undefined;
}

/** Sees events become rows. */
class Rows {
  /** From due to the file, in milliseconds. */
  readonly latencies: number[] = [];
  readonly #seen = new Set<string>();
  readonly #files = new Set<string>();

  constructor(
    private readonly lake: string,
    private readonly accepted: Map<string, number>,
  ) {}

  /** Looks into the files that are new. A merged file has events that were seen before. */
  async look(): Promise<void> {
    const files = await filesBelow(join(this.lake, "events"), ".parquet");
    const origin = performance.timeOrigin;
    for (const file of files.filter((file) => !this.#files.has(file))) {
      // Compaction may have deleted it meanwhile.
      const at = (await stat(file).catch(() => undefined))?.mtimeMs;
      const rows = await query(`SELECT event_id FROM '${file}'`).catch(() => undefined);
      if (!at || !rows) continue;
      this.#files.add(file);
      for (const { event_id } of rows) {
        const id = String(event_id);
        const due = this.accepted.get(id);
        if (this.#seen.has(id)) continue;
        this.#seen.add(id);
        // A row may be there before its sender has heard of it: then it is in nobody's books yet.
        if (due !== undefined) this.latencies.push(at - origin - due);
      }
    }
  }
}

function median(values: number[]): number {
  return percentile(values, 0.5);
}

const finished = machine();
const folder = await mkdtemp(join(tmpdir(), "forebay-soak-"));
const kinesis = await startKinesis([`${STREAM}:2`, "forebay-dead-letters:1"]);
const proxy = await KinesisProxy.start(STREAM);
proxy.upstream = kinesis.url;
const parts = new Parts(folder, kinesis, proxy);
try {
  await parts.startWorker();
  parts.startLake();
  const load = await Users.start(parts.place, users);
  const rows = new Rows(parts.place.lake, load.accepted);
  /** Megabytes, in the second half: until then processes are killed. */
  const memory: Record<"worker" | "lake", number[]> = { worker: [], lake: [] };
  const started = performance.now();
  const elapsed = () => performance.now() - started;
  const isLate = () => elapsed() > (seconds * 1000) / 2;
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      await sleep(LOOK_MS);
      await rows.look();
      const { worker, lake } = parts;
      if (isLate() && worker && lake) {
        memory.worker.push(await residentMegabytes(worker.pid).catch(() => Number.NaN));
        memory.lake.push(await residentMegabytes(lake.pid).catch(() => Number.NaN));
      }
      if (process.stderr.isTTY) {
        const done = Math.round(elapsed() / 1000);
        process.stderr.write(`\r  ${done} of ${seconds} s, ${load.accepted.size} accepted\x1b[K`);
      }
    }
  })();
  const failing = (async () => {
    for (let turn = 0; elapsed() < seconds * 1000 - FAULT_MS; turn++) {
      await sleep(FAULT_MS - KINESIS_MS);
      await parts.fail(turn, !isLate());
    }
  })();
  await load.run(rate, rate * seconds, event);
  await failing;
  await until(
    "every accepted event in the lake",
    async () => (await books(parts.place.lake, load.accepted)).lost === 0,
    {
      timeout: 120_000,
    },
  ).catch(() => {});
  isOver = true;
  await watching;
  await rows.look();
  const counts = await books(parts.place.lake, load.accepted);
  // Of the last quarter as a part of the one before it.
  const growth = (values: number[]) => {
    const half = Math.floor(values.length / 2);
    return median(values.slice(half)) / median(values.slice(0, half));
  };
  const result = {
    seconds,
    rate,
    users,
    faults: parts.faults,
    recorded: load.recorded,
    accepted: load.accepted.size,
    invalid: load.invalid,
    sent_again: load.again,
    ...counts,
    accepted_ms: { p50: median(load.latencies), p99: percentile(load.latencies, 0.99) },
    row_ms: { p50: median(rows.latencies), p99: percentile(rows.latencies, 0.99) },
    memory_mb: { worker: median(memory.worker), lake: median(memory.lake) },
    memory_growth: { worker: growth(memory.worker), lake: growth(memory.lake) },
  };
  const balanced = load.recorded === load.accepted.size + load.invalid;
  const on = finished();
  console.log(`${table(result, balanced)}\n  ${onMachine(on)}`);
  await write(values, {
    bench: "soak",
    machine: on,
    ...result,
    charts: [
      latencies("Until accepted", result.accepted_ms),
      latencies("Until a row", result.row_ms),
    ],
  });
  if (counts.lost > 0 || counts.twice > 0 || !balanced) process.exitCode = 1;
} finally {
  await parts.stop();
  await rm(folder, { recursive: true });
}

function latencies(title: string, { p50, p99 }: { p50: number; p99: number }): Chart {
  const bars = [
    { name: "p50", value: p50 },
    { name: "p99", value: p99 },
  ];
  return { title, unit: "milliseconds", better: "less", groups: [{ label: "", bars }] };
}

function table(result: Record<string, unknown>, balanced: boolean): string {
  const lines = Object.entries(result).map(([name, value]) => {
    const text =
      typeof value === "object"
        ? Object.entries(value as object)
            .map(([name, value]) => `${name} ${Math.round(100 * value) / 100}`)
            .join(", ")
        : String(value);
    return `  ${name.replaceAll("_", " ").padEnd(20)}${text}`;
  });
  const books = balanced ? "the books balance" : "THE BOOKS DO NOT BALANCE";
  return [...lines, `  ${books}: recorded = accepted + invalid`].join("\n");
}
