// The demo's server alone, over a lake folder and without a Kinesis: what it shows, and what it
// keeps to itself.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { DuckDBInstance } from "@duckdb/node-api";
import { compile } from "forebay/tools";
import { ROOT } from "../support/stack.ts";
import { type PageServer, startPageServer } from "./page-server.ts";

interface Answer {
  columns: { name: string; type: string }[];
  rows: unknown[][];
  truncated: boolean;
  error?: string;
}

let folder: string;
let server: PageServer;

async function post(path: string, body: unknown, headers: Record<string, string> = {}) {
  return fetch(server.url + path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
}

async function query(sql: string): Promise<Answer> {
  return (await post("/api/sql", { sql })).json() as Promise<Answer>;
}

/** The status of a request with a `Host` of its own choosing, which `fetch` does not allow. */
async function statusForHost(host: string): Promise<number | undefined> {
  const [answer] = await once(request(server.url, { headers: { host } }).end(), "response");
  answer.resume();
  return answer.statusCode;
}

/** Nothing listens on the reserved port 1: the edge and the stream are away. */
const stack = () => ({
  edge: "http://127.0.0.1:1",
  kinesis: "http://127.0.0.1:1",
  stream: "events",
  dead_letter_stream: "dead-letters",
  region: "us-east-1",
  lake: join(folder, "lake"),
  schema: join(ROOT, "demo-react/forebay.schema.json"),
});

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "forebay-demo-"));
  await writeFile(join(folder, "secret.txt"), "not for the page");
  server = await startPageServer(stack());
});

after(async () => {
  await server.stop();
  await rm(folder, { recursive: true });
});

test("a server without a key sends nothing for the page", async () => {
  assert.equal((await post("/api/send", { event: { name: "SignUpEvent" } })).status, 404);
  assert.equal((await post("/api/replay", { id: "id-1" })).status, 404);
  const config = await (await fetch(`${server.url}/config.json`)).json();
  assert.equal((config as { replays: boolean }).replays, false);
});

describe("SQL", () => {
  test("knows every table before the first file, and its rows once there is one", async () => {
    const empty = await query("SELECT event_id, country, email FROM sign_up_event");
    assert.deepEqual(empty.rows, []);
    assert.deepEqual(
      empty.columns.map(({ name }) => name),
      ["event_id", "country", "email"],
    );
    assert.deepEqual((await query("SELECT count(*) FROM events")).rows, [["0"]]);

    const file = join(
      folder,
      "lake/events/sign_up_event/year=2026/month=01/day=02/shard-1.parquet",
    );
    await mkdir(dirname(file), { recursive: true });
    const connection = await (await DuckDBInstance.create()).connect();
    await connection.run(
      `COPY (SELECT 'id-1' AS event_id, 'SignUpEvent' AS event_type, 'SE' AS country,
         TIMESTAMPTZ '2026-01-02 03:04:05.678Z' AS event_timestamp, 'ada@example.com' AS email)
       TO '${file}'`,
    );
    // What is known of the folder is at most half a second old.
    let rows: unknown[][] = [];
    while (rows.length === 0) {
      rows = (await query("SELECT event_id, country, email, plan FROM sign_up_event")).rows;
    }
    assert.deepEqual(rows, [["id-1", "SE", "ada@example.com", null]]);
    const { rows: events } = await query("SELECT event_timestamp, data->>'email' FROM events");
    assert.deepEqual(events, [["2026-01-02 03:04:05.678+00", "ada@example.com"]]);
    const traced = await post("/api/trace", { ids: ["id-1", "id-2"] });
    const { events: whereabouts } = (await traced.json()) as {
      events: Record<string, { parquet?: { file: string } }>;
    };
    assert.equal(
      whereabouts["id-1"]?.parquet?.file,
      "events/sign_up_event/year=2026/month=01/day=02/shard-1.parquet",
    );
    assert.deepEqual(whereabouts["id-2"], {});
  });

  test("gives at most 1000 rows and says that there are more", async () => {
    const { rows, truncated } = await query("SELECT * FROM range(5000)");
    assert.equal(rows.length, 1000);
    assert.equal(truncated, true);
    assert.equal((await query("SELECT * FROM range(1000)")).truncated, false);
  });

  test("says what is wrong with a query", async () => {
    assert.match((await query("SELEC 1")).error ?? "", /syntax error .* line 1/);
    assert.match((await query("SELECT nothing FROM events")).error ?? "", /nothing.*not found/);
    assert.match((await query("  ")).error ?? "", /no statement/);
  });

  const own = () => join(folder, "lake/events");
  const refused: Record<string, () => string> = {
    "another folder": () => `SELECT * FROM read_parquet('${folder}/secret.txt')`,
    "another folder by its name": () => `SELECT * FROM '${folder}/secret.txt'`,
    "a way out of the lake": () => `SELECT * FROM read_parquet('${own()}/../../secret.txt')`,
    "text files": () => `SELECT * FROM read_text('${folder}/secret.txt')`,
    "the internet": () => "SELECT * FROM read_parquet('https://example.com/a.parquet')",
    "writing a file": () => `COPY (SELECT 1) TO '${own()}/written.parquet'`,
    "writing behind EXPLAIN": () => `EXPLAIN ANALYZE COPY (SELECT 1) TO '${own()}/written.parquet'`,
    "a log in the lake": () =>
      `SELECT * FROM enable_logging(storage = 'file', storage_path = '${own()}/log')`,
    "a function in a subquery": () =>
      "SELECT 1 WHERE EXISTS (WITH x AS (SELECT * FROM enable_logging()) SELECT * FROM x)",
    "SQL in a string": () => "SELECT * FROM query('SELECT * FROM enable_logging()')",
    attaching: () => `ATTACH '${own()}/other.db'`,
    "a view of its own": () => "CREATE VIEW mine AS SELECT 1",
    "other settings": () => "SET enable_external_access = true",
    "a second statement": () => "SELECT 1; SELECT 2",
  };
  for (const [what, sql] of Object.entries(refused)) {
    test(`refuses ${what}`, async () => {
      const answer = await post("/api/sql", { sql: sql() });
      assert.equal(answer.status, 400);
      const written = (await readdir(folder, { recursive: true })).filter((name) =>
        /written|log|other/.test(name),
      );
      assert.deepEqual(written, []);
    });
  }
});

describe("requests", () => {
  test("to another host name are refused: DNS rebinding", async () => {
    const { port } = new URL(server.url);
    assert.equal(await statusForHost(`evil.example:${port}`), 403);
    assert.equal(await statusForHost(`127.0.0.1.evil.example:${port}`), 403);
    assert.notEqual(await statusForHost(`localhost:${port}`), 403);
  });

  test("from another origin are refused", async () => {
    const sql = "SELECT 1";
    const foreign = await post("/api/sql", { sql }, { origin: "http://evil.example" });
    assert.equal(foreign.status, 403);
    assert.equal((await post("/api/sql", { sql }, { origin: server.url })).status, 200);
    const form = await post("/api/sql", { sql }, { "content-type": "text/plain" });
    assert.equal(form.status, 415);
  });

  test("that are too long, or no JSON, are refused", async () => {
    assert.equal((await post("/api/sql", { sql: "x".repeat(200_000) })).status, 413);
    assert.equal((await post("/api/sql", null)).status, 400);
    assert.equal((await post("/api/sql", { sql: 1 })).status, 400);
    const ids = Array.from({ length: 1001 }, (_, i) => `${i}`);
    assert.equal((await post("/api/trace", { ids })).status, 400);
  });

  test("for files outside of the page find nothing", async () => {
    assert.equal((await fetch(`${server.url}/..%2fpackage.json`)).status, 404);
    assert.equal((await fetch(`${server.url}/%00`)).status, 404);
    assert.equal((await fetch(`${server.url}/%ff`)).status, 400);
  });
});

test("says which parts are away, and goes on without them", async () => {
  interface Part {
    state: string;
    detail?: string;
  }
  let status: { edge: Part; stream: Part; lake: Part };
  do {
    status = (await (await fetch(`${server.url}/api/status`)).json()) as typeof status;
  } while (status.stream.state === "starting");
  assert.deepEqual(
    [status.edge.state, status.stream.state, status.lake.state],
    ["down", "down", "up"],
  );
  assert.match(status.stream.detail ?? "", /nothing answers/);
});

test("gives the page the rules of a schema that is not the one it was built with", async () => {
  const config = async ({ url }: PageServer) => (await fetch(`${url}/config.json`)).json();
  const own = (await config(server)) as { event_types: string[]; rules?: string };
  assert.deepEqual(own.event_types, ["SignUpEvent", "SignInEvent", "PiecePlayedEvent"]);
  assert.equal(own.rules, undefined);

  const schema = join(folder, "other.schema.json");
  const text = '{"$defs":{"OtherEvent":{"type":"object","properties":{"a":{"type":"string"}}}}}';
  await writeFile(schema, text);
  const other = await startPageServer({ ...stack(), schema });
  try {
    const given = (await config(other)) as { event_types: string[]; rules?: string };
    assert.deepEqual(given.event_types, ["OtherEvent"]);
    assert.equal(given.rules, compile(text));
  } finally {
    await other.stop();
  }
});
