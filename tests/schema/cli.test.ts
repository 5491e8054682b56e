// `npx forebay`, command by command.

import assert from "node:assert/strict";
import { stat, utimes } from "node:fs/promises";
import { join } from "node:path";
import { after, beforeEach, describe, test } from "node:test";
import { until } from "../support/until.ts";
import { Folder } from "./support/cli.ts";

const SCHEMA = {
  $defs: {
    SignUpEvent: {
      type: "object",
      properties: {
        email: { type: "string", format: "email" },
        plan: { enum: ["free", "pro"] },
        seats: { type: "integer", minimum: 1 },
      },
      required: ["email"],
    },
  },
};

let folder: Folder;

beforeEach(async () => {
  await folder?.remove();
  folder = await Folder.make();
});
after(() => folder.remove());

/** The next version of `SCHEMA`, with fields added or put in the place of others. */
function schemaWith(fields: object, required = ["email"]) {
  const { SignUpEvent } = SCHEMA.$defs;
  const properties = { ...SignUpEvent.properties, ...fields };
  return { "x-version": 2, $defs: { SignUpEvent: { ...SignUpEvent, properties, required } } };
}

describe("init", () => {
  test("writes a schema and a configuration that the other commands take", async () => {
    const { code, stdout } = await folder.run(["init"]);
    assert.equal(code, 0);
    assert.match(stdout, /wrote forebay\.schema\.json\nwrote forebay\.config\.json\n/);
    assert.match(stdout, /npx forebay codegen/);
    const ddl = ["ddl", "--location", "s3://bucket/lake"];
    for (const words of [["codegen"], ["codegen", "--check"], ddl, ["docs"]]) {
      const { code, stderr } = await folder.run(words);
      assert.equal(code, 0, `${words}: ${stderr}`);
    }
    assert.match(await folder.read("forebay.gen.ts"), /signUpEvent[\s\S]*signInEvent/);
  });

  test("puts the generated file into src where there is one", async () => {
    await folder.write("src/main.ts", "");
    await folder.run(["init"]);
    assert.equal((await folder.run(["codegen"])).stdout, "wrote src/forebay.gen.ts\n");
  });

  test("leaves what is there as it is", async () => {
    await folder.write("forebay.schema.json", "mine");
    const first = await folder.run(["init"]);
    assert.equal(first.code, 0);
    assert.match(
      first.stdout,
      /forebay\.schema\.json is there already[\s\S]*wrote forebay\.config/,
    );
    await folder.write("forebay.config.json", "mine too");
    assert.equal((await folder.run(["init"])).code, 0);
    assert.equal(await folder.read("forebay.schema.json"), "mine");
    assert.equal(await folder.read("forebay.config.json"), "mine too");
  });
});

describe("codegen", () => {
  beforeEach(() => folder.write("forebay.schema.json", SCHEMA));

  test("gives the same file for the same schema, and leaves it alone when it is right", async () => {
    assert.equal((await folder.run(["codegen"])).stdout, "wrote forebay.gen.ts\n");
    const code = await folder.read("forebay.gen.ts");
    const longAgo = new Date("2026-01-01");
    await utimes(join(folder.path, "forebay.gen.ts"), longAgo, longAgo);
    assert.equal((await folder.run(["codegen"])).stdout, "forebay.gen.ts is up to date\n");
    const { mtime } = await stat(join(folder.path, "forebay.gen.ts"));
    assert.equal(mtime.getTime(), longAgo.getTime());
    await folder.run(["codegen", "--output", "deep/in/a/folder.ts"]);
    assert.equal(await folder.read("deep/in/a/folder.ts"), code);
  });

  test("--check tells a file that is missing, changed or old, and writes nothing", async () => {
    const missing = await folder.run(["codegen", "--check"]);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /forebay\.gen\.ts is not what .* says: run `npx forebay codegen`/);
    await assert.rejects(folder.read("forebay.gen.ts"));

    await folder.run(["codegen"]);
    assert.equal((await folder.run(["codegen", "--check"])).code, 0);
    const code = await folder.read("forebay.gen.ts");
    await folder.write("forebay.gen.ts", code.replaceAll("\n", "\r\n"));
    assert.equal((await folder.run(["codegen", "--check"])).code, 0);

    await folder.write("forebay.gen.ts", `${code}// edited\n`);
    assert.equal((await folder.run(["codegen", "--check"])).code, 1);
    assert.equal(await folder.read("forebay.gen.ts"), `${code}// edited\n`);
    await folder.write("forebay.gen.ts", code);
    await folder.write("forebay.schema.json", schemaWith({ coupon: { type: "string" } }));
    assert.equal((await folder.run(["codegen", "--check"])).code, 1);
  });

  test("--watch follows the schema, and outlives a broken one", async () => {
    const child = folder.start(["codegen", "--watch"]);
    let printed = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        printed += text;
      });
    }
    const ended = new Promise((resolve) => child.once("close", resolve));
    try {
      await until("the first file", () => printed.includes("watching forebay.schema.json"));
      assert.match(await folder.read("forebay.gen.ts"), /seats/);

      await folder.write("forebay.schema.json", schemaWith({ coupon: { type: "string" } }));
      await until("the second file", async () =>
        (await folder.read("forebay.gen.ts")).includes("coupon"),
      );
      const good = await folder.read("forebay.gen.ts");

      await folder.write("forebay.schema.json", schemaWith({ coupon: { type: "text" } }));
      await until("the mistake", () =>
        printed.includes("/$defs/SignUpEvent/properties/coupon/type"),
      );
      assert.equal(await folder.read("forebay.gen.ts"), good);

      await folder.write("forebay.schema.json", schemaWith({ voucher: { type: "string" } }));
      await until("the third file", async () =>
        (await folder.read("forebay.gen.ts")).includes("voucher"),
      );
    } finally {
      child.kill("SIGINT");
    }
    assert.equal(await ended, 0);
  });

  test("says what it cannot watch, and where it cannot write, and no more than that", async () => {
    for (const [words, message] of [
      [["--watch", "--schema", "nowhere/a.json"], "nowhere/a.json: there is no such file\n"],
      [["--watch", "--schema", "gone.json"], "gone.json: there is no such file\n"],
      [
        ["--output", "forebay.schema.json/a.ts"],
        /^forebay\.schema\.json\/a\.ts: cannot be written: .*\n$/,
      ],
    ] as const) {
      const { code, stderr, stdout } = await folder.run(["codegen", ...words]);
      assert.deepEqual([code, stdout], [2, ""]);
      if (typeof message === "string") assert.equal(stderr, message);
      else assert.match(stderr, message);
    }
  });

  test("names every mistake with file, line, column and pointer", async () => {
    const text = `{
  "$defs": {
    "SignUpEvent": {
      "type": "object",
      "properties": {
        "email": { "type": "string", "pattern": "@" },
        "seats": { "type": "integer", "minLength": 1 }
      }
    }
  }
}`;
    await folder.write("events/forebay.schema.json", text);
    const schema = "events/forebay.schema.json";
    const { code, stderr } = await folder.run(["codegen", "--schema", schema]);
    assert.equal(code, 2);
    const lines = stderr.trimEnd().split("\n");
    assert.equal(lines.length, 2, stderr);
    const at = "/$defs/SignUpEvent/properties";
    assert.ok(lines[0].startsWith(`${schema}:6:38: ${at}/email/pattern `), lines[0]);
    assert.ok(lines[1].startsWith(`${schema}:7:39: ${at}/seats/minLength `), lines[1]);

    await folder.write("events/forebay.schema.json", '{\n  "$defs": ,\n}');
    const broken = await folder.run(["codegen", "--schema", schema]);
    assert.equal(broken.code, 2);
    assert.match(broken.stderr, /^events\/forebay\.schema\.json:2:12: .*not JSON/);
  });
});

describe("the configuration", () => {
  beforeEach(() => folder.write("events.json", SCHEMA));

  test("says where things are, and options say otherwise", async () => {
    await folder.write("forebay.config.json", { schema: "events.json", output: "a.ts" });
    assert.equal((await folder.run(["codegen"])).stdout, "wrote a.ts\n");
    assert.equal((await folder.run(["codegen", "--output", "b.ts"])).stdout, "wrote b.ts\n");
    assert.match((await folder.run(["docs"])).stdout, /SignUpEvent/);
  });

  for (const [content, message] of [
    ['{"shema": "events.json"}', /"shema" is not known; there are: schema, output, database/],
    ['{"schema": 1}', /"schema" must be a string/],
    ['{"first_year": "2026"}', /"first_year" must be a year/],
    ['{"schema": }', /not JSON/],
    ["[]", /must be a JSON object/],
  ] as const) {
    test(`refuses ${content}`, async () => {
      await folder.write("forebay.config.json", content);
      const { code, stderr } = await folder.run(["codegen"]);
      assert.equal(code, 2);
      assert.match(stderr, /^forebay\.config\.json: /);
      assert.match(stderr, message);
    });
  }
});

describe("check", () => {
  beforeEach(() => folder.write("old.json", SCHEMA));

  const check = async (schema: object, ...words: string[]) => {
    await folder.write("new.json", schema);
    return folder.run(["check", "old.json", "new.json", ...words]);
  };

  test("gives 0 where nothing has changed, or nothing that harms", async () => {
    assert.deepEqual(await check(SCHEMA), { code: 0, stdout: "nothing has changed\n", stderr: "" });
    const { code, stdout } = await check(schemaWith({ coupon: { type: "string" } }));
    assert.equal(code, 0);
    assert.match(stdout, /^producers +consumers +lake +change\nsafe +safe +safe +\S*coupon/);
  });

  test("gives 1 where something breaks, and says what, for whom, and what to do", async () => {
    const { code, stdout } = await check(schemaWith({}, ["email", "seats"]));
    assert.equal(code, 1);
    assert.match(stdout, /^breaking .*seats.*\n {20,}\S+/m);
  });

  test("gives 3 where something may break", async () => {
    const { code, stdout } = await check(schemaWith({ plan: { enum: ["free", "pro", "team"] } }));
    assert.equal(code, 3);
    assert.match(stdout, /risky.*plan/);
  });

  test("--json has the same for programs", async () => {
    const { code, stdout } = await check(schemaWith({}, ["email", "seats"]), "--json");
    assert.equal(code, 1);
    const comparison = JSON.parse(stdout);
    assert.equal(comparison.class, "breaking");
    assert.equal(comparison.changes[0].producers, "breaking");
  });

  test("gives 2 for a file that cannot be used, and names it", async () => {
    const broken = await check({ $defs: {}, title: 1 });
    assert.equal(broken.code, 2);
    assert.match(broken.stderr, /^new\.json:\d+:\d+: /);
    const missing = await folder.run(["check", "nowhere.json", "old.json"]);
    assert.deepEqual(missing, {
      code: 2,
      stdout: "",
      stderr: "nowhere.json: there is no such file\n",
    });
    const alone = await folder.run(["check", "old.json"]);
    assert.equal(alone.code, 2);
    assert.match(alone.stderr, /name two files/);
  });
});

describe("ddl", () => {
  beforeEach(() => folder.write("forebay.schema.json", SCHEMA));

  const location = ["--location", "s3://bucket/lake"];

  for (const [format, sign] of [
    ["athena", /CREATE EXTERNAL TABLE/],
    ["cloudformation", /AWS::Glue::Table/],
    ["terraform", /aws_glue_catalog_table/],
  ] as const) {
    test(`prints ${format}`, async () => {
      const { code, stdout } = await folder.run(["ddl", "--format", format, ...location]);
      assert.equal(code, 0);
      assert.match(stdout, sign);
      assert.match(stdout, /sign_up_event/);
      assert.match(stdout, /s3:\/\/bucket\/lake/);
    });
  }

  test("takes its options from the configuration, and writes to a file", async () => {
    const config = { location: "s3://bucket/lake", database: "mine", first_year: 2027 };
    await folder.write("forebay.config.json", config);
    const { code, stdout } = await folder.run(["ddl", "--last-year", "2029", "--out", "a/b.sql"]);
    assert.deepEqual([code, stdout], [0, "wrote a/b.sql\n"]);
    const sql = await folder.read("a/b.sql");
    assert.match(sql, /mine/);
    assert.match(sql, /2027,2029/);
  });

  test("says that a folder has no lake in it", async () => {
    const duckdb = ["ddl", "--format", "duckdb", "--location"];
    const { code, stdout, stderr } = await folder.run([...duckdb, "./lkae"]);
    assert.equal(code, 0);
    assert.match(stdout, /sign_up_event/);
    assert.equal(stderr, "./lkae has no files of a lake yet: the tables will be empty\n");
    await folder.write("lake/events/sign_up_event/a.parquet", "");
    assert.equal((await folder.run([...duckdb, "./lake"])).stderr, "");
    assert.equal((await folder.run([...duckdb, "s3://bucket/lake"])).stderr, "");
  });

  test("says what it needs", async () => {
    for (const [words, message] of [
      [[], /--location s3:\/\/BUCKET\/FOLDER/],
      [["--format", "glue", ...location], /--format must be one of: athena, cloudformation/],
      [["--first-year", "soon", ...location], /--first-year must be a year/],
      [["--first-year", "2030", "--last-year", "2029", ...location], /2030.*2029/],
      [["--location", "https://bucket"], /s3:\/\//],
    ] as const) {
      const { code, stderr } = await folder.run(["ddl", ...words]);
      assert.equal(code, 2, words.join(" "));
      assert.match(stderr, message);
    }
  });
});

test("docs prints a catalogue, and writes it to no folder", async () => {
  await folder.write("forebay.schema.json", SCHEMA);
  await folder.write("new/a.txt", "");
  const { stderr } = await folder.run(["docs", "--out", "new"]);
  assert.equal(stderr, "new: cannot be written: it is a folder\n");
  const { code, stdout } = await folder.run(["docs"]);
  assert.equal(code, 0);
  assert.match(stdout, /SignUpEvent[\s\S]*email/);
});

describe("validate", () => {
  beforeEach(() => folder.write("forebay.schema.json", SCHEMA));

  const good = JSON.stringify({ name: "SignUpEvent", attributes: { email: "ada@example.com" } });
  const bad = JSON.stringify({
    name: "SignUpEvent",
    attributes: { email: "secret", plan: "gold" },
    metrics: { seats: 0 },
  });

  test("gives 0 where every event fits", async () => {
    await folder.write("events.ndjson", `${good}\n\n${good}`);
    const { code, stdout, stderr } = await folder.run(["validate", "events.ndjson"]);
    assert.deepEqual([code, stdout, stderr], [0, "", "2 events, 0 not valid\n"]);
  });

  test("tells every violation with its line, and repeats no value", async () => {
    const lines = [good, bad, "{", '"\xff', "x".repeat(1024 * 1024 + 1), good];
    const input = Buffer.from(lines.join("\n"), "latin1");
    const { code, stdout, stderr } = await folder.run(["validate", "-"], input);
    assert.equal(code, 1);
    const told = stdout.trimEnd().split("\n");
    assert.equal(told.length, 6, stdout);
    assert.match(told[0], /^stdin:2: Attributes\.email: expected an email address, got a string/);
    assert.match(told[1], /^stdin:2: Attributes\.plan: /);
    assert.match(told[2], /^stdin:2: Metrics\.seats: /);
    assert.match(told[3], /^stdin:3: /);
    assert.match(told[4], /^stdin:4: the line is not UTF-8/);
    assert.match(told[5], /^stdin:5: the line is longer than 1048576 bytes/);
    assert.ok(!/secret|gold/.test(stdout));
    assert.equal(stderr, "6 events, 4 not valid\n");
  });

  test("--json prints a line for each event that does not fit", async () => {
    const { code, stdout } = await folder.run(["validate", "-", "--json"], `${bad}\n${good}\n{`);
    assert.equal(code, 1);
    const [first, second] = stdout.trimEnd().split("\n");
    const { line, violations } = JSON.parse(first);
    assert.equal(line, 1);
    assert.deepEqual(
      violations.map(({ path, rule }: { path: string; rule: string }) => `${path} ${rule}`),
      ["Attributes.email format", "Attributes.plan enum", "Metrics.seats minimum"],
    );
    assert.equal(JSON.parse(second).line, 3);
    assert.equal(typeof JSON.parse(second).malformed, "string");
  });

  test("gives 2 for a file that cannot be read", async () => {
    const missing = await folder.run(["validate", "nowhere.ndjson"]);
    assert.equal(missing.code, 2);
    assert.equal(missing.stderr, "nowhere.ndjson: there is no such file\n");
    assert.equal((await folder.run(["validate", "."])).code, 2);
    assert.equal((await folder.run(["validate"])).code, 2);
  });
});

describe("the command line", () => {
  test("--help and --version", async () => {
    const { code, stdout } = await folder.run(["--help"]);
    assert.equal(code, 0);
    for (const name of ["init", "codegen", "check", "ddl", "docs", "validate"]) {
      assert.match(stdout, new RegExp(`^  ${name} `, "m"));
      const help = await folder.run([name, "--help"]);
      assert.equal(help.code, 0);
      assert.ok(help.stdout.startsWith(`npx forebay ${name}`), help.stdout);
    }
    assert.match((await folder.run(["--version"])).stdout, /^\d+\.\d+\.\d+\n$/);
  });

  test("a Node that is too old is named, and what is wanted", async () => {
    const older = '{ value: { ...process.versions, node: "20.18.3" } }';
    await folder.write("old.cjs", `Object.defineProperty(process, "versions", ${older});`);
    const env = { NODE_OPTIONS: "--require ./old.cjs" };
    for (const program of ["forebay", "forebay-worker"] as const) {
      const { code, stderr } = await folder.run(["--version"], "", { program, env });
      assert.equal(code, 2);
      assert.equal(stderr, `npx ${program} needs Node 20.19 or newer; this is 20.18.3\n`);
    }
  });

  test("what cannot be understood ends with 2, and says what can be", async () => {
    for (const [words, message] of [
      [[], /a command is missing[\s\S]*codegen/],
      [["generate"], /there is no command generate[\s\S]*codegen/],
      [["toString"], /there is no command toString/],
      [["codegen", "--colour"], /--colour[\s\S]*--output FILE/],
      [["codegen", "a.json"], /a\.json[\s\S]*--output FILE/],
      [["codegen", "--check", "--watch"], /do not go together/],
      [["codegen"], /forebay\.schema\.json: there is no such file/],
    ] as const) {
      const { code, stdout, stderr } = await folder.run([...words]);
      assert.deepEqual([code, stdout], [2, ""], words.join(" "));
      assert.match(stderr, message);
    }
  });
});
