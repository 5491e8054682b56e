// The pages that lead to a deployment, as their readers have them: an operator with Cloudflare, one with a machine of
// their own, and a data engineer. What needs an account is marked in the page, and left out.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { readStream } from "../support/kinesis.ts";
import { eventIds, query } from "../support/lake.ts";
import { guest, putEvents } from "../support/requests.ts";
import { freePort, ROOT, type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { Reader } from "./support/page.ts";

/** For its Kinesis. */
let stack: Stack;
before(async () => {
  stack = await startStack({ withLake: false });
});
after(() => stack?.stop());

/** A reader who has the package forebay-worker, which npx finds on no registry yet. */
async function operator(): Promise<Reader> {
  const reader = await Reader.create();
  await reader.run(`npm install ${reader.worker} ${reader.sdk}`);
  return reader;
}

test("docs/deploy-self-hosted.md, and the README that it leads to, lead to a worker that takes events", async () => {
  const reader = await operator();
  try {
    await reader.follow("deploy-self-hosted.md");
    const file = (name: string) => join(reader.here, name);
    const port = await freePort();
    const endpoint = `http://127.0.0.1:${port}`;
    let settings: Settings | undefined;
    const start = async (command: string) => {
      // Kinesis is here, and not on the internet.
      const config = JSON.parse(await readFile(file("forebay.json"), "utf8"));
      assert.equal(config.region, "eu-central-1");
      Object.assign(config.kinesis, kinesisHere());
      await writeFile(file("forebay.json"), JSON.stringify(config));
      const capnp = await readFile(file("config.capnp"), "utf8");
      await writeFile(file("config.capnp"), capnp.replace('["public"]', '["public", "local"]'));
      assert.equal((await stat(file("worker.env"))).mode & 0o777, 0o600);
      const socket = `-- --socket-addr=http=127.0.0.1:${port}`;
      await reader.start(`${command} ${socket}`, `${endpoint}/healthz`);
      settings = config;
    };
    await reader.follow(
      file("README.md"),
      (command) => {
        if (command.startsWith("aws ")) return Promise.resolve();
        return command.endsWith("npm start") ? start(command) : undefined;
      },
      (text) =>
        text
          .replaceAll("127.0.0.1:8787", `127.0.0.1:${port}`)
          .replace(" send ", ` send --endpoint ${endpoint} `),
    );
    assert.ok(settings, "the README does not start the worker");
    await takesEvents(reader, endpoint, settings, 2);
  } finally {
    await reader.leave();
  }
});

test("docs/deploy-cloudflare.md leads to a worker that Cloudflare's runtime runs", async () => {
  const reader = await operator();
  try {
    Object.assign(reader.env, {
      WRANGLER_SEND_METRICS: "false",
      CI: "1",
      XDG_CONFIG_HOME: reader.folder,
      PATH: await pathForWrangler(reader),
    });
    await reader.follow("deploy-cloudflare.md");
    const needsAccount = /^(aws|curl) |wrangler (queues|secret|deploy$)|forebay-worker send /;
    await reader.follow(join(reader.here, "README.md"), (command) =>
      needsAccount.test(command) ? Promise.resolve() : undefined,
    );

    // With all that is optional.
    const init = "npx forebay-worker init all --queue --analytics";
    await reader.run(init);
    const dryRun = "(cd all && ../node_modules/.bin/wrangler deploy --dry-run)";
    const bundled = await reader.run(dryRun);
    for (const binding of ["FOREBAY", "QUEUE", "ANALYTICS"]) {
      assert.match(bundled, new RegExp(`env\\.${binding}`));
    }

    const file = join(reader.here, "wrangler.jsonc");
    const settings = JSON.parse((await readFile(file, "utf8")).replace(/^\s*\/\/.*$/gm, ""));
    const forebay = settings.vars.FOREBAY;
    Object.assign(forebay.kinesis, kinesisHere());
    await writeFile(file, JSON.stringify(settings));
    const lines = Object.entries(await secrets(reader)).map(([name, text]) => `${name}='${text}'`);
    await writeFile(join(reader.here, ".dev.vars"), lines.join("\n"));
    const port = await freePort();
    const endpoint = `http://127.0.0.1:${port}`;
    const dev = `npx wrangler dev --ip 127.0.0.1 --port ${port} --inspector-port 0`;
    await reader.start(dev, `${endpoint}/healthz`);
    await takesEvents(reader, endpoint, forebay);
  } finally {
    await reader.leave();
  }
});

test("docs/deploy-aws.md leads to templates with a table for each event type", async () => {
  const reader = await Reader.create();
  try {
    await symlink(ROOT, join(reader.folder, "forebay"));
    const schema = await readFile(stack.schema, "utf8");
    await writeFile(join(reader.folder, "forebay.schema.json"), schema);
    // What is left out would have made it.
    await mkdir(join(reader.folder, "build"));
    await writeFile(join(reader.folder, "build/forebay-lambda-arm64.zip"), "functions");
    await reader.follow("deploy-aws.md");
    const made = (name: string) => readFile(join(reader.here, name), "utf8");
    assert.equal(await made("function.zip"), "functions");
    assert.deepEqual(JSON.parse(await made("forebay.schema.json")), JSON.parse(schema));
    for (const name of ["tables.json", "terraform/tables.tf.json", "lake-formation.json"]) {
      const text = JSON.stringify(JSON.parse(await made(name)));
      for (const table of ["sign_up_event", "sign_in_event", "piece_played_event"]) {
        assert.ok(text.includes(table), `${table} in ${name}`);
      }
    }
  } finally {
    await reader.leave();
  }
});

test("docs/queries.md leads from a lake to the answers of its queries", async () => {
  const reader = await Reader.create();
  // Its lake has nobody else's events.
  const own = await startStack();
  try {
    const at = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
    const Session = { Id: randomUUID(), StartTimestamp: at(9) };
    const email = { email: "ada@example.com" };
    const piece = { piece: "Gymnopédie", completed: "true" };
    const played = { EventType: "PiecePlayedEvent", Attributes: piece, Metrics: { minutes: 5 } };
    const events = {
      [randomUUID()]: { EventType: "SignUpEvent", Attributes: email, Timestamp: at(9), Session },
      [randomUUID()]: { ...played, Timestamp: at(3), Session },
    };
    await putEvents(own, await guest(own), events);
    await until("the rows", async () => (await eventIds(own.lake)).length === 2);

    const schema = await readFile(own.schema, "utf8");
    await writeFile(join(reader.folder, "forebay.schema.json"), schema);
    await reader.run(`npm install ${reader.sdk}`);
    let views = "";
    await reader.follow("queries.md", async (command) => {
      // Those for other engines are for tests/schema.
      if (!command.includes("--format duckdb")) return;
      // The script names the lake as it is seen from this folder.
      await reader.run(command.replace("./lake ", `${own.lake} `));
      views = await readFile(join(reader.here, "lake.sql"), "utf8");
    });
    const ask = (sql: string) => query(`${views}\n${sql}`);
    const [funnel] = await ask(await queryOf("queries.md", "FROM forebay.funnel"));
    assert.deepEqual(funnel, { clients: 1n, converted: 1n, percent: 100 });
    const days = await ask(await queryOf("queries.md", "FROM forebay.events_per_day"));
    assert.deepEqual(days.map(({ event_type }) => event_type).sort(), [
      "PiecePlayedEvent",
      "SignUpEvent",
    ]);
    const [session] = await ask("SELECT events, duration_seconds FROM forebay.sessions");
    assert.equal(session.events, 2n);
    assert.ok(Math.abs(Number(session.duration_seconds) - 360) < 1);
    // That of deploy-aws.md asks the same views, in Athena.
    await ask(await queryOf("deploy-aws.md", "FROM forebay.events_per_day"));
  } finally {
    await reader.leave();
    await own.stop();
  }
});

/** The query of a page that has this text. */
async function queryOf(page: string, text: string): Promise<string> {
  const all = (await readFile(join(ROOT, "docs", page), "utf8")).matchAll(/```sql\n(.*?)```/gs);
  const found = [...all].map(([, sql]) => sql).find((sql) => sql.includes(text));
  assert.ok(found, `${page} has no query with ${text}`);
  return found;
}

/** The shell's path with a Node that Wrangler takes: where this one is older, a package has it. */
async function pathForWrangler(reader: Reader): Promise<string> {
  const path = process.env.PATH ?? "";
  if (Number(process.versions.node.split(".")[0]) > 22) return path;
  const newer = `node-${process.platform}-${process.arch}`;
  await reader.run(`npm install ${newer}@^22.12.0`);
  return `${join(reader.folder, "node_modules", newer, "bin")}:${path}`;
}

async function secrets(reader: Reader): Promise<Record<string, string>> {
  const made = async (name: string) =>
    (await reader.run(`npx forebay-worker secret ${name}`)).trim();
  return {
    MASTER_SECRETS: await made("MASTER_SECRETS"),
    PII_SALT: await made("PII_SALT"),
    KINESIS_ACCESS_KEY_ID: "local",
    KINESIS_SECRET_ACCESS_KEY: "local",
  };
}

/** Where the worker finds the test's Kinesis. */
function kinesisHere() {
  return {
    endpoint: stack.kinesis,
    region: stack.region,
    stream: stack.stream,
    dead_letter_stream: stack.dead_letter_stream,
  };
}

interface Settings {
  region: string;
  apps: { app_id: string; identity_pool_id: string }[];
}

/** Sends a good and a bad event as README.md says it, and looks for them, and for so many good ones, in their streams. */
async function takesEvents(
  reader: Reader,
  endpoint: string,
  { region, apps }: Settings,
  good = 1,
): Promise<void> {
  const [{ app_id, identity_pool_id }] = apps;
  const health = await fetch(`${endpoint}/healthz?deep=1`);
  assert.equal(health.status, 200, await health.text());
  const at = `--endpoint ${endpoint} --app-id ${app_id} --region ${region}`;
  const send = (fields: object) => {
    const event = `SignUpEvent '${JSON.stringify(fields)}'`;
    const command = `npx forebay-worker send ${event} ${at} --identity-pool-id ${identity_pool_id}`;
    return reader.run(command).catch(({ message }: Error) => message);
  };
  assert.match(await send({ email: "ada@example.com", plan: "free" }), /^accepted/);
  assert.match(await send({}), /not accepted.*email/);
  const ofThisApp = async (stream: string) => {
    const records = await readStream(stack, stream);
    return records.filter(({ text }) => text.includes(app_id)).length;
  };
  assert.equal(await ofThisApp(stack.stream), good);
  assert.equal(await ofThisApp(stack.dead_letter_stream), 1);
}
