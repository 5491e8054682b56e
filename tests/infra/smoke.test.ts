// infra/aws/smoke.mjs against the local stack: the worker is the real one, and Athena is DuckDB over the lake behind a
// program `aws`.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { ROOT, type Stack, startStack } from "../support/stack.ts";

/** What the script asks of `aws athena`, answered from the lake. */
const AWS = (lake: string) => `#!/usr/bin/env -S node --import tsx
import { rows } from ${JSON.stringify(join(ROOT, "tests/support/lake.ts"))};
const words = process.argv.slice(2);
const said = (name) => words[words.indexOf(name) + 1];
const answers = {
  "start-query-execution": async () => {
    const [, table, id] = /FROM "forebay"."(\\w+)" WHERE event_id = '([^']+)'/.exec(said("--query-string"));
    const found = await rows(${JSON.stringify(lake)}, table);
    const count = found.filter((row) => row.event_id === id).length;
    return { QueryExecutionId: said("--work-group") === "forebay" ? String(count) : "wrong" };
  },
  "get-query-execution": async () => ({ QueryExecution: { Status: { State: "SUCCEEDED" } } }),
  "get-query-results": async () => {
    const count = { VarCharValue: said("--query-execution-id") };
    return { ResultSet: { Rows: [{ Data: [{ VarCharValue: "_col0" }] }, { Data: [count] }] } };
  },
};
console.log(JSON.stringify(await answers[words[1]]()));
`;

async function smoke(stack: Stack, path: string, event: object, minutes: string) {
  const words = ["--endpoint", stack.edge, "--app", stack.app_id, "--pool", stack.identity_pool_id];
  words.push(
    "--event",
    JSON.stringify(event),
    "--table",
    "sign_up_event",
    "--region",
    stack.region,
  );
  words.push("--work-group", "forebay", "--database", "forebay", "--minutes", minutes);
  return promisify(execFile)(process.execPath, [join(ROOT, "infra/aws/smoke.mjs"), ...words], {
    cwd: ROOT,
    env: { ...process.env, PATH: path + delimiter + process.env.PATH, SMOKE_PAUSE: "500" },
  });
}

test("smoke sends an event and finds its row, or says what is wrong", async () => {
  const folder = await mkdtemp(join(tmpdir(), "forebay-smoke-"));
  const stack = await startStack();
  try {
    await writeFile(join(folder, "aws"), AWS(stack.lake));
    await chmod(join(folder, "aws"), 0o755);
    const event = { EventType: "SignUpEvent", Attributes: { email: "smoke@example.com" } };
    const { stdout } = await smoke(stack, folder, event, "2");
    assert.match(stdout, /acknowledged after \d+ s\nevent \S+: a row after \d+ s/);
    const wrong = { EventType: "SignUpEvent", Attributes: { email: "none" } };
    await assert.rejects(smoke(stack, folder, wrong, "2"), /the event was answered 400/);
    await assert.rejects(smoke(stack, folder, event, "0"), /is not a row after 0 minutes/);
  } finally {
    await stack.stop();
    await rm(folder, { recursive: true });
  }
});
