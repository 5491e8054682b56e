// node --import tsx tests/bench/edge.ts [--runs N] [--starts N] [--build NAME=FOLDER].. [--json FILE] [--svg FILE]
//
// The CPU that a request costs: the built edge worker, and beside it a JavaScript worker that does the same, in one
// workerd and by turns. Then what a start costs: each in a workerd of its own, until it has answered its first request.

import { type ChildProcess, spawn } from "node:child_process";
import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { type Credentials, guest, signed } from "../support/requests.ts";
import { freePort, ROOT } from "../support/stack.ts";
import { buildPeer, LIBRARIES } from "./edge/build.ts";
import { FILES, type Machine, machine, onMachine, type Spread, spread, write } from "./report.ts";

const SCHEMA = join(ROOT, "demo-react/forebay.schema.json");
const BUILT = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target", "edge-worker");
const WORKERD = join(ROOT, "node_modules/workerd/bin/workerd");
const PEER = "javascript";
const APP = "f0e1d2c3b4a5968778695a4b3c2d1e0f";
const POOL = "us-east-1:f0e1d2c3-0000-4000-8000-000000000001";
const REGION = "us-east-1";
/** Requests that are measured together: one alone is less than the clock of the system's CPU times can tell. */
const BLOCK = 20;
const AGENT =
  "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Safari/537.36";

/** What is sent: how many events, and whether they keep to the schema. */
const CASES = {
  "100 valid events": { events: 100, valid: true },
  "100 invalid events": { events: 100, valid: false },
  "1 valid event": { events: 1, valid: true },
};

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "15" },
    starts: { type: "string", default: "9" },
    build: { type: "string", multiple: true, default: [] },
    ...FILES,
  },
});
const rounds = Number(values.runs);
const starts = Number(values.starts);
const workers = new Map([["forebay", BUILT]]);
for (const word of values.build) {
  const [name, folder] = word.split("=");
  workers.set(name, resolve(folder));
}

interface Target {
  name: string;
  edge: string;
  credentials: Credentials;
}

const folder = await mkdtemp(join(tmpdir(), "forebay-bench-"));
const kinesis = await startKinesis();
const masterSecret = randomBytes(32).toString("base64");
const services = await prepare();
const child = startWorkerd("config.capnp", services);
try {
  const finished = machine();
  const targets = await ready(child);
  const costs = new Map<string, number[]>();
  for (let round = 0; round < rounds + 2; round++) {
    for (const [name, { events, valid }] of Object.entries(CASES)) {
      for (const target of targets) {
        const cost = await block(target, events, valid);
        // The first rounds are what compilers and caches need.
        if (round < 2) continue;
        const key = `${name}/${target.name}`;
        costs.set(key, [...(costs.get(key) ?? []), cost]);
      }
    }
    if (process.stderr.isTTY) process.stderr.write(`\r  round ${round + 1} of ${rounds + 2}\x1b[K`);
  }
  if (process.stderr.isTTY) process.stderr.write("\r\x1b[K");
  const firsts = await coldStarts(targets);
  await report(costs, firsts, finished());
} finally {
  child.kill();
  kinesis.server.close();
  kinesis.server.closeAllConnections();
  await rm(folder, { recursive: true });
}

/** Milliseconds of workerd's CPU a request, in a block of them. */
async function block(target: Target, events: number, valid: boolean): Promise<number> {
  const stack = { edge: target.edge, region: REGION, app_id: APP, identity_pool_id: POOL };
  const requests = [];
  for (let at = 0; at < BLOCK; at++) {
    const request = { path: `/v1/apps/${APP}/events`, body: batch(events, valid) };
    requests.push(
      await signed(stack, target.credentials, {
        ...request,
        headers: { "user-agent": AGENT },
      }),
    );
  }
  const before = await cpuMs(child);
  for (const { url, init } of requests) {
    const answer = await fetch(url, init);
    const text = await answer.text();
    const expected = valid ? 202 : 400;
    const found = text.match(new RegExp(`"StatusCode":${expected}`, "g"))?.length ?? 0;
    // An endpoint's own answer is one more 202.
    if (answer.status !== 202 || found < events) {
      throw new Error(`${target.name} answered ${answer.status}: ${text.slice(0, 300)}`);
    }
  }
  return ((await cpuMs(child)) - before) / BLOCK;
}

function batch(events: number, valid: boolean): string {
  const session = { Id: randomUUID(), StartTimestamp: new Date().toISOString() };
  const entries = Array.from({ length: events }, (_, at) => {
    const event = {
      EventType: "PiecePlayedEvent",
      Timestamp: new Date().toISOString(),
      Session: session,
      Attributes: {
        piece: `Nocturne no. ${at} in E-flat major, op. 9`,
        completed: valid ? "true" : "perhaps",
        started_at: new Date().toISOString(),
      },
      Metrics: { minutes: valid ? 12.5 + at : -1, mistakes: at },
      SdkName: "forebay",
      ClientSdkVersion: "0.1.0",
    };
    return [randomUUID(), event];
  });
  const endpoint = {
    Demographic: { Locale: "en-GB", Platform: "web", Timezone: "Europe/Berlin" },
    User: { UserId: "u-1", UserAttributes: { plan: ["pro"] } },
  };
  return JSON.stringify({
    BatchItem: { [randomUUID()]: { Endpoint: endpoint, Events: Object.fromEntries(entries) } },
  });
}

/** CPU that all threads of workerd have had, in milliseconds. */
async function cpuMs(child: ChildProcess): Promise<number> {
  const tasks = `/proc/${child.pid}/task`;
  let nanoseconds = 0;
  for (const task of await readdir(tasks)) {
    const text = await readFile(`${tasks}/${task}/schedstat`, "utf8").catch(() => "0");
    nanoseconds += Number(text.split(" ")[0]);
  }
  return nanoseconds / 1e6;
}

/** Takes every record at once. */
async function startKinesis() {
  const server = createServer(async (request, response) => {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const { Records } = JSON.parse(Buffer.concat(chunks).toString());
    const stored = Records.map(() => ({ SequenceNumber: "1", ShardId: "shardId-000000000000" }));
    response.setHeader("content-type", "application/x-amz-json-1.1");
    response.end(JSON.stringify({ FailedRecordCount: 0, Records: stored }));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return { server, url: `http://127.0.0.1:${port}` };
}

interface Service {
  name: string;
  modules: string[];
}

/** Writes the modules of each worker. */
async function prepare(): Promise<Service[]> {
  await writeFile(join(folder, "peer.js"), await buildPeer(SCHEMA));
  const services = [];
  for (const [name, built] of workers) {
    await mkdir(join(folder, name));
    await cp(built, join(folder, name), { recursive: true });
    await cp(SCHEMA, join(folder, name, "forebay.schema.json"));
    const files = await readdir(join(folder, name), { recursive: true });
    const modules = files.filter((file) => /\.(js|wasm|json)$/.test(file));
    modules.sort((a, b) => Number(b === "main.js") - Number(a === "main.js"));
    services.push({ name, modules: modules.map((file) => module(name, file)) });
  }
  services.push({ name: PEER, modules: [`(name = "peer.js", esModule = embed "peer.js")`] });
  return services;
}

function startWorkerd(file: string, services: Service[], address?: string): ChildProcess {
  writeFileSync(join(folder, file), config(services, address));
  return spawn(WORKERD, ["serve", file, "--control-fd=3"], {
    cwd: folder,
    stdio: ["ignore", "ignore", "ignore", "pipe"],
  });
}

/** What it takes from the start of a process until it has answered a request with one event. */
interface Start {
  wallMs: number;
  cpuMs: number;
}

/** Starts each worker by turns. */
async function coldStarts(targets: Target[]): Promise<Map<string, Start[]>> {
  const found = new Map<string, Start[]>();
  for (let round = 0; round < starts + 1; round++) {
    for (const target of targets) {
      const start = await coldStart(target);
      // The first reads the files of the disk.
      if (round > 0) found.set(target.name, [...(found.get(target.name) ?? []), start]);
    }
  }
  return found;
}

async function coldStart({ name, credentials }: Target): Promise<Start> {
  const port = await freePort();
  const edge = `http://127.0.0.1:${port}`;
  const stack = { edge, region: REGION, app_id: APP, identity_pool_id: POOL };
  const { url, init } = await signed(stack, credentials, {
    path: `/v1/apps/${APP}/events`,
    body: batch(1, true),
    headers: { "user-agent": AGENT },
  });
  const service = services.filter((service) => service.name === name);
  const begun = performance.now();
  const child = startWorkerd("start.capnp", service, `127.0.0.1:${port}`);
  try {
    await listening(child, [name]);
    const answer = await fetch(url, init);
    await answer.text();
    const wallMs = performance.now() - begun;
    if (answer.status !== 202) throw new Error(`${name} answered ${answer.status}`);
    return { wallMs, cpuMs: await cpuMs(child) };
  } finally {
    child.kill();
    await once(child, "exit");
  }
}

function module(name: string, file: string): string {
  const kind = file.endsWith(".wasm") ? "wasm" : file.endsWith(".json") ? "text" : "esModule";
  return `(name = "${file}", ${kind} = embed "${name}/${file}")`;
}

function config(services: Service[], address = "127.0.0.1:0"): string {
  const forebay = {
    region: REGION,
    apps: [{ app_id: APP, identity_pool_id: POOL }],
    kinesis: { endpoint: kinesis.url, stream: "events", dead_letter_stream: "dead-letters" },
  };
  const literal = (value: unknown) => JSON.stringify(JSON.stringify(value));
  const secrets = [{ id: "1", secret: masterSecret }];
  const listed = services.map(({ name }) => `(name = "${name}", worker = .${name}),`);
  const sockets = services.map(
    ({ name }) => `(name = "${name}", address = "${address}", http = (), service = "${name}"),`,
  );
  const definitions = services.map(
    ({ name, modules }) => `const ${name} :Workerd.Worker = (
  modules = [${modules.join(", ")}],
  bindings = [
    (name = "FOREBAY", json = ${literal(forebay)}),
    (name = "MASTER_SECRETS", text = ${literal(secrets)}),
    (name = "KINESIS_ACCESS_KEY_ID", text = "local"),
    (name = "KINESIS_SECRET_ACCESS_KEY", text = "local"),
  ],
  globalOutbound = "network",
  compatibilityDate = "2026-10-01",
);`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [${listed.join(" ")} (name = "network", network = (allow = ["local"]))],
  sockets = [${sockets.join(" ")}],
);
${definitions.join("\n")}
`;
}

/** The ports of the workers, once they listen. */
async function listening(child: ChildProcess, names: string[]): Promise<Map<string, number>> {
  const ports = new Map<string, number>();
  const ended = once(child, "exit").then(([code]) => {
    throw new Error(`workerd ended with ${code}`);
  });
  ended.catch(() => {});
  const all = (async () => {
    for await (const line of createInterface({ input: child.stdio[3] as NodeJS.ReadableStream })) {
      const { event, socket, port } = JSON.parse(line);
      if (event === "listen") ports.set(socket, port);
      if (ports.size === names.length) return;
    }
  })();
  await Promise.race([all, ended]);
  return ports;
}

/** The workers, once they listen, each with credentials that it takes. */
async function ready(child: ChildProcess): Promise<Target[]> {
  const names = [...workers.keys(), PEER];
  const ports = await listening(child, names);
  return Promise.all(
    names.map(async (name) => {
      const edge = `http://127.0.0.1:${ports.get(name)}`;
      const place = { edge, region: REGION, app_id: APP, identity_pool_id: POOL };
      return { name, edge, credentials: name === PEER ? ofPeer() : await guest(place) };
    }),
  );
}

/** Credentials in the peer's form. */
function ofPeer(): Credentials {
  const master = JSON.stringify([{ id: "1", secret: masterSecret }]);
  const hmac = (text: string) => createHmac("sha256", master).update(text).digest("hex");
  const identityId = `us-east-1:${randomUUID()}`;
  const expiration = Math.round(Date.now() / 1000) + 3600;
  const payload = Buffer.from(
    JSON.stringify({ identity: identityId, expires: expiration * 1000 }),
  ).toString("base64");
  const sessionToken = `${payload}.${hmac(payload)}`;
  const secretAccessKey = hmac(`key:${sessionToken}`);
  return { identityId, accessKeyId: "ASIAPEER", secretAccessKey, sessionToken, expiration };
}

async function report(
  costs: Map<string, number[]>,
  firsts: Map<string, Start[]>,
  machine: Machine,
): Promise<void> {
  const names = [...workers.keys(), PEER];
  const rows = Object.keys(CASES).map((name) => ({
    name,
    of: names.map((worker) => ({ worker, ...spread(costs.get(`${name}/${worker}`) ?? []) })),
  }));
  const coldStarts = names.map((worker) => ({
    worker,
    wallMs: spread((firsts.get(worker) ?? []).map(({ wallMs }) => wallMs)),
    cpuMs: spread((firsts.get(worker) ?? []).map(({ cpuMs }) => cpuMs)),
  }));
  const starts = coldStarts.map(({ worker, cpuMs }) => ({ worker, ...cpuMs }));
  console.log(
    "CPU of workerd, milliseconds a request; median (least to most), and times JavaScript's\n",
  );
  for (const { name, of } of rows) table(name, of, 2);
  table("cold start until the first event is answered, CPU", starts, 0);
  table(
    "the same, by the clock",
    coldStarts.map(({ worker, wallMs }) => ({ worker, ...wallMs })),
    0,
  );
  console.log(`\n${rounds} rounds of ${BLOCK} requests; ${onMachine(machine)}`);
  const libraries = Object.entries(LIBRARIES).map(([name, version]) => `${name} ${version}`);
  console.log(`JavaScript with ${libraries.join(", ")}`);
  const bars = (of: Row[]) =>
    of.map(({ worker, median, least, most }) => ({ name: worker, value: median, least, most }));
  await write(values, {
    bench: "edge",
    machine,
    versions: LIBRARIES,
    rounds,
    block: BLOCK,
    rows,
    coldStarts,
    charts: [
      {
        title: "CPU of a request to the worker",
        unit: "milliseconds",
        better: "less",
        groups: rows.map(({ name, of }) => ({ label: name, bars: bars(of) })),
      },
      {
        title: "CPU from the start of a worker to its first answer",
        unit: "milliseconds",
        better: "less",
        groups: [{ label: "", bars: bars(starts) }],
      },
    ],
  });
}

type Row = Spread & { worker: string };

function table(title: string, rows: Row[], digits: number): void {
  const peer = rows.find(({ worker }) => worker === PEER)?.median ?? Number.NaN;
  console.log(title);
  for (const { worker, median, least, most } of rows) {
    const [ms, from, to] = [median, least, most].map((value) => value.toFixed(digits));
    const ratio = worker === PEER ? "" : `${(median / peer).toFixed(2)}x`;
    console.log(
      `  ${worker.padEnd(12)} ${ms.padStart(5)} ${`(${from} to ${to})`.padEnd(16)} ${ratio}`,
    );
  }
}
