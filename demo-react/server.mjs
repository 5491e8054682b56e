// Serves the demo page on 127.0.0.1, and shows it what a browser cannot see by itself: the stream
// and the lake.
//
//   node server.mjs --port 5173 --stack '{"edge":..,"kinesis":..,"stream":..,"lake":..,..}' --replay PROGRAM
//
// `--stack` is the line that `cargo xtask stack` prints. With `--replay`, the program that is
// `npx forebay-worker replay`, and FOREBAY_KEY, which opens the worker's metrics and may send events,
// the page also shows the worker's sinks and sends dead letters again.

import { readFile, realpath } from "node:fs/promises";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { compile, tables } from "forebay/tools";
import { Edge } from "./server/edge.mjs";
import { assertSameOrigin, HttpError, readJson, sendFile, sendJson } from "./server/http.mjs";
import { Lake, QueryError } from "./server/lake.mjs";
import { kinesisClient, StreamTail } from "./server/stream.mjs";

/** Most event ids of one request that asks where events are. */
const MAX_TRACED = 1000;
/** How many dead letters are kept to be shown. */
const MAX_DEAD_LETTERS = 20;
/** The lake is behind when a record has waited this long for a file, in milliseconds. */
const LAKE_BEHIND_MS = 20_000;

const HERE = dirname(fileURLToPath(import.meta.url));
const DIST = join(HERE, "dist");
/** The schema that the page was built with. */
const OWN_SCHEMA = join(HERE, "forebay.schema.json");

const { values } = parseArgs({
  options: { port: { type: "string" }, stack: { type: "string" }, replay: { type: "string" } },
});
if (!values.stack) {
  console.error("usage: node server.mjs --port PORT --stack '<the line cargo xtask stack prints>'");
  process.exit(2);
}
const stack = JSON.parse(values.stack);
const schema = await readFile(stack.schema, "utf8");
const schemaTables = tables(schema);
const edge = new Edge(stack, process.env.FOREBAY_KEY, values.replay);
const config = {
  ...stack,
  replays: Boolean(process.env.FOREBAY_KEY && values.replay),
  event_types: schemaTables.map(({ event_type }) => event_type),
  ...((await realpath(stack.schema)) !== OWN_SCHEMA && { rules: compile(schema) }),
};

const lake = await Lake.open(stack.lake, schemaTables);
const kinesis = kinesisClient(stack.kinesis, stack.region);
const stream = new StreamTail(kinesis, stack.stream);
/** The latest dead letters by event id, those of endpoints by their own, oldest first. @type {Map<string, any>} */
const deadLetters = new Map();
const deadLetterStream = new StreamTail(kinesis, stack.dead_letter_stream, (record) => {
  const id = record.event_id ?? record.dead_letter_id;
  deadLetters.delete(id);
  deadLetters.set(id, record);
  const [oldest] = deadLetters.keys();
  if (oldest !== undefined && deadLetters.size > MAX_DEAD_LETTERS) deadLetters.delete(oldest);
});

async function lakeHealth() {
  try {
    await lake.refresh();
  } catch (error) {
    return { state: "down", detail: `cannot be read: ${error}`, ...lake.summary() };
  }
  const summary = lake.summary();
  const arrival = stream.summary().last_arrival ?? 0;
  const behind =
    arrival > (summary.last_written ?? 0) && Date.now() - arrival > LAKE_BEHIND_MS
      ? { state: "behind", detail: "the stream holds records that have no file yet" }
      : { state: "up" };
  return { ...behind, ...summary };
}

async function status() {
  const [edgeStatus, sinks, lakeStatus] = await Promise.all([
    edge.health(),
    edge.sinks(),
    lakeHealth(),
  ]);
  return {
    edge: edgeStatus,
    sinks,
    stream: stream.summary(),
    lake: lakeStatus,
    dead_letters: {
      count: deadLetterStream.summary().records,
      latest: [...deadLetters.values()]
        .map((letter) => ({ ...letter, is_in_stream: Boolean(stream.find(letter.event_id)) }))
        .reverse(),
    },
  };
}

/** @param {Record<string, unknown>} body */
async function trace(body) {
  const ids = Array.isArray(body.ids) ? body.ids.filter((id) => typeof id === "string") : [];
  if (ids.length > MAX_TRACED) throw new HttpError(400, `ask for at most ${MAX_TRACED} ids`);
  // The stream is known even while the lake cannot be read.
  await lake.refresh().catch(() => {});
  const found = ids.map((id) => [id, { kinesis: stream.find(id), parquet: lake.find(id) }]);
  return { events: Object.fromEntries(found) };
}

/** @param {Record<string, unknown>} body */
async function send({ event }) {
  if (event === null || typeof event !== "object") throw new HttpError(400, "send an `event`");
  return edge.send(event);
}

/** @param {Record<string, unknown>} body */
async function replay({ id, changes = {} }) {
  const letter = deadLetters.get(String(id));
  if (!letter) throw new HttpError(404, `there is no dead letter ${id}`);
  return edge.replay(letter, /** @type {Record<string, unknown>} */ (changes));
}

/** @param {Record<string, unknown>} body */
async function sql(body) {
  if (typeof body.sql !== "string") throw new HttpError(400, "send the query as `sql`");
  try {
    return await lake.query(body.sql);
  } catch (error) {
    if (error instanceof QueryError) throw new HttpError(400, error.message);
    throw error;
  }
}

/**
 * @param {import("node:http").IncomingMessage} request
 * @param {import("node:http").ServerResponse} response
 */
async function answer(request, response) {
  assertSameOrigin(request);
  const { pathname } = new URL(request.url ?? "/", "http://127.0.0.1");
  stream.touch();
  deadLetterStream.touch();
  switch (`${request.method} ${pathname}`) {
    case "GET /config.json":
      return sendJson(response, 200, config);
    case "GET /api/status":
      return sendJson(response, 200, await status());
    case "POST /api/trace":
      return sendJson(response, 200, await trace(await readJson(request)));
    case "POST /api/send":
      return sendJson(response, 200, await send(await readJson(request)));
    case "POST /api/replay":
      return sendJson(response, 200, await replay(await readJson(request)));
    case "POST /api/sql":
      return sendJson(response, 200, await sql(await readJson(request)));
  }
  if (request.method !== "GET") throw new HttpError(405, "this path takes GET only");
  return sendFile(response, DIST, pathname);
}

const securityHeaders = {
  // The page is an ordinary app: it must work under a strict policy, as its visitors' own would.
  "content-security-policy":
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self' 'unsafe-inline'; " +
    `img-src 'self' data:; font-src 'self'; connect-src 'self' ${stack.edge}; base-uri 'none'; ` +
    "form-action 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

const server = createServer((request, response) => {
  for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
  answer(request, response).catch((error) => {
    const status = error instanceof HttpError ? error.status : 500;
    if (status === 500) console.error(error);
    if (response.headersSent) return response.destroy();
    // What is left of a body that was refused is not worth reading.
    if (!request.complete) response.setHeader("connection", "close");
    sendJson(response, status, { error: error instanceof Error ? error.message : String(error) });
  });
});
server.requestTimeout = 30_000;

server.on("error", (error) => {
  console.error(`the page's server cannot listen: ${error.message}`);
  process.exit(1);
});
server.listen(Number(values.port ?? 5173), "127.0.0.1", () => {
  const address = server.address();
  const port = typeof address === "object" ? address?.port : address;
  console.log(`ready http://127.0.0.1:${port}`);
});

for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(0));
