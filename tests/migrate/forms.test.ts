// The forms in which modules are loaded and configured, the samples that a schema is made of, and what no app should be
// made of.

import assert from "node:assert/strict";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import {
  becomes,
  changes,
  fields,
  folderOf,
  git,
  left,
  section,
  V5,
  V6,
} from "./support/folders.ts";

describe("forms", { concurrency: 2 }, () => {
  test("of v6, where Analytics is all that the app has of Amplify", () =>
    becomes(V6, {
      "static.js": [
        `import {record} from 'aws-amplify/analytics'\nrecord({name: 'a'})\n`,
        `import {record} from 'forebay'\nrecord({name: 'a'})\n`,
      ],
      "renamed.mjs": [
        `import { record as r, flushEvents } from '@aws-amplify/analytics';\nr({ name: 'b' });`,
        `import { record as r, flushEvents } from 'forebay';\nr({ name: 'b' });`,
      ],
      "all.ts": [
        `import * as analytics from "aws-amplify/analytics/pinpoint";\nanalytics.record({ name: "c" });\n`,
        `import * as analytics from "forebay";\nanalytics.record({ name: "c" });\n`,
      ],
      "later.js": [
        `const go = async () => {\n  const { record } = await import('aws-amplify/analytics');\n  record({ name: 'd' });\n};\nimport('aws-amplify/analytics').then(({ record }) => record({ name: 'e' }));\n`,
        `const go = async () => {\n  const { record } = await import('forebay');\n  record({ name: 'd' });\n};\nimport('forebay').then(({ record }) => record({ name: 'e' }));\n`,
      ],
      "loaded.cjs": [
        `const { Amplify } = require("aws-amplify");\nconst { record } = require("aws-amplify/analytics");\nAmplify.configure({ Auth: {} }, { ssr: true });\nmodule.exports = { record };\n`,
        `const Amplify = require("forebay");\nconst { record } = require("forebay");\nAmplify.configure({ endpoint: "/ingest", Auth: {} });\nmodule.exports = { record };\n`,
      ],
      "types.ts": [
        `import type { RecordInput, IdentifyUserInput } from "aws-amplify/analytics";\nexport type A = import("aws-amplify/analytics").ConfigureAutoTrackInput;\nimport old = require("aws-amplify/analytics");\n`,
        `import type { AnalyticsEvent as RecordInput, IdentifyUserInput } from "forebay";\nexport type A = import("forebay").AutoTrackInput;\nimport old = require("forebay");\n`,
      ],
      "passed-on.ts": [
        `export { record as log, type RecordInput } from "aws-amplify/analytics";\nexport * from "aws-amplify/analytics";\nexport * as analytics from 'aws-amplify/analytics';\n`,
        `export { record as log, type AnalyticsEvent as RecordInput } from "forebay";\nexport * from "forebay";\nexport * as analytics from 'forebay';\n`,
      ],
      "mocked.test.js": [
        `jest.mock('aws-amplify/analytics', () => ({ record: jest.fn() }));\n`,
        `jest.mock('forebay', () => ({ record: jest.fn() }));\n`,
      ],
      "typed.ts": [
        `import { Amplify, type ResourcesConfig } from "aws-amplify";\nimport exports from "./aws-exports";\nconst config: ResourcesConfig = {};\nAmplify.configure(config);\nAmplify.configure(exports);\nAmplify.configure(exports as any);\n`,
        `import { type ResourcesConfig } from "aws-amplify";\nimport * as Amplify from "forebay";\nimport exports from "./aws-exports";\nconst config: ResourcesConfig = {};\nAmplify.configure({ ...config, endpoint: "/ingest" } as Amplify.AmplifyConfig);\nAmplify.configure({ ...exports, endpoint: "/ingest" } as Amplify.AmplifyConfig);\nAmplify.configure({ ...exports as any, endpoint: "/ingest" });\n`,
      ],
      "named.js": [
        `import { Amplify as A } from 'aws-amplify';\nA.configure({\n\tAnalytics: {},\n});\nA.configure({ ...A.getConfig(), API: {} });\n`,
        `import * as A from 'forebay';\nA.configure({\n\tendpoint: '/ingest',\n\tAnalytics: {},\n});\nA.configure({ ...A.getConfig(), API: {} });\n`,
      ],
      "shadowed.js": [
        `import { record } from 'other';\nconst f = (Amplify) => Amplify.configure({});\nrecord('aws-amplify/analytics');\n`,
      ],
      "words.js": [
        "// import { record } from 'aws-amplify/analytics'\nconst text = \"aws-amplify\";\n",
      ],
    }));

  test("of v5, where Analytics is all that the app has of Amplify", () =>
    becomes(V5, {
      "default.js": [
        `\ufeffimport Amplify, { Analytics } from "aws-amplify";\nAmplify.configure({});\n`,
        `\ufeffimport { Amplify, Analytics } from "forebay/amplify-v5";\nAmplify.configure({ endpoint: "/ingest" });\n`,
      ],
      "part.js": [
        `import Analytics from '@aws-amplify/analytics';\nAnalytics.record({ name: 'a' });\n`,
        `import { Analytics } from 'forebay/amplify-v5';\nAnalytics.record({ name: 'a' });\n`,
      ],
      "core.js": [
        `import { Amplify } from '@aws-amplify/core';\nimport { Analytics as A } from '@aws-amplify/analytics';\nAmplify.configure(settings());\nA.record('x');\n`,
        `import { Amplify } from 'forebay/amplify-v5';\nimport { Analytics as A } from 'forebay/amplify-v5';\nAmplify.configure({ ...settings(), endpoint: '/ingest' });\nA.record('x');\n`,
      ],
      "whole.js": [
        `import * as AWS from 'aws-amplify';\nAWS.Amplify.configure(c);\nAWS.Analytics.record({ name: 'b' });\n`,
        `import * as AWS from 'forebay/amplify-v5';\nAWS.Amplify.configure({ ...c, endpoint: '/ingest' });\nAWS.Analytics.record({ name: 'b' });\n`,
      ],
      "member.cjs": [
        `const Amplify = require('aws-amplify').default;\nconst Analytics = require('aws-amplify').Analytics;\nAmplify.configure(c);\n`,
        `const Amplify = require('forebay/amplify-v5').Amplify;\nconst Analytics = require('forebay/amplify-v5').Analytics;\nAmplify.configure({ ...c, endpoint: '/ingest' });\n`,
      ],
      "then.js": [
        `import('aws-amplify').then(({ Analytics }) => Analytics.record({ name: 'c' }));\nimport('aws-amplify').then((m) => m.Analytics.record({ name: 'd' }));\n`,
        `import('forebay/amplify-v5').then(({ Analytics }) => Analytics.record({ name: 'c' }));\nimport('forebay/amplify-v5').then((m) => m.Analytics.record({ name: 'd' }));\n`,
      ],
    }));

  test("of either, beside what stays with Amplify", async () => {
    await becomes(V6, {
      "storage.js": [`import { uploadData } from 'aws-amplify/storage';\nuploadData({});\n`],
      "main.js": [
        `import { Amplify } from 'aws-amplify';\nimport outputs from './amplify_outputs.json';\n\nAmplify.configure(outputs);\n`,
        `import { Amplify } from 'aws-amplify';\nimport outputs from './amplify_outputs.json';\nimport { configure } from 'forebay';\n\nAmplify.configure(outputs);\nconfigure({ ...outputs, endpoint: '/ingest' });\n`,
      ],
      "twice.ts": [
        `import { Amplify } from "aws-amplify"\nimport exports from "./aws-exports"\nAmplify.configure(exports)\nAmplify.configure(exports)\n`,
        `import { Amplify } from "aws-amplify"\nimport exports from "./aws-exports"\nimport { configure, type AmplifyConfig } from "forebay"\nAmplify.configure(exports)\nconfigure({ ...exports, endpoint: "/ingest" } as AmplifyConfig)\nAmplify.configure(exports)\nconfigure({ ...exports, endpoint: "/ingest" } as AmplifyConfig)\n`,
      ],
      "record.js": [
        `"use client"\nimport { record } from "aws-amplify/analytics"\nconst configure = 1\n`,
        `"use client"\nimport { record } from "forebay"\nconst configure = 1\n`,
      ],
    });
    await becomes(V5, {
      "main.cjs": [
        `const AWS = require('aws-amplify');\nAWS.Amplify.configure({ Analytics: { disabled: false }, Storage: {} });\nAWS.Analytics.record({ name: 'b' });\nAWS.Storage.put();\nAWS.Auth.signIn();\n`,
        `const AWS = require('aws-amplify');\nconst { Analytics, Amplify: Forebay } = require('forebay/amplify-v5');\nAWS.Amplify.configure({ Analytics: { disabled: true }, Storage: {} });\nForebay.configure({ endpoint: '/ingest', Analytics: { disabled: false } });\nAnalytics.record({ name: 'b' });\nAWS.Storage.put();\nAWS.Auth.signIn();\n`,
      ],
      "split.js": [
        `import {\n  Auth, // who\n  Analytics,\n  Storage,\n} from 'aws-amplify';\n`,
        `import {\n  Auth, // who\n  Storage,\n} from 'aws-amplify';\nimport { Analytics } from 'forebay/amplify-v5';\n`,
      ],
      "last.js": [
        `const { Auth, Analytics } = require('aws-amplify');\nAnalytics.record('z');\n`,
        `const { Auth } = require('aws-amplify');\nconst { Analytics } = require('forebay/amplify-v5');\nAnalytics.record('z');\n`,
      ],
    });
  });
});

test("what cannot be moved is named with its place and what to do", async () => {
  const folder = await folderOf({
    ...V6,
    "a.js": `import { record } from "aws-amplify/analytics/kinesis";
import { record as toFirehose } from "aws-amplify/analytics/kinesis-firehose";
import { record as toPersonalize } from "aws-amplify/analytics/personalize";
import { initializeInAppMessaging } from "aws-amplify/in-app-messaging";
import { initializePushNotifications } from "aws-amplify/push-notifications";
import { Hub } from "aws-amplify/utils";
Hub.listen("analytics", console.log);
`,
    "b.js": `import { record } from "aws-amplify/analytics";
record({ name: \`clicked_\${id}\` });
record(event);
`,
    "server/c.js": `const { PinpointClient } = require("@aws-sdk/client-pinpoint");\n`,
    "native/package.json": `{\n  "dependencies": {\n    "aws-amplify": "6",\n    "react-native": "1"\n  }\n}`,
    "amplify_outputs.json":
      '{ "version": "1", "analytics": { "amazon_pinpoint": { "app_id": "a" } } }',
    "old/provider.ts": "export class Mine implements AnalyticsProvider {} // of aws-amplify\n",
  });
  const { code, stderr, stdout } = await folder.run(["migrate"]);
  assert.equal(code, 1);
  assert.deepEqual(Object.keys(changes(stdout)), ["b.js"]);
  assert.deepEqual(left(stderr), [
    "a.js:1:1: Amplify's Kinesis provider",
    "a.js:2:1: Amplify's Firehose provider",
    "a.js:3:1: Amplify's Personalize provider",
    "a.js:4:1: Pinpoint's in-app messages",
    "a.js:5:1: Pinpoint's push notifications or in-app messages",
    "a.js:7:1: Hub's channel of analytics",
    "amplify_outputs.json:1:1: the configuration has no identity pool",
    "b.js:1:1: no call of Amplify.configure was found",
    "b.js:2:1: an event whose name the code does not say",
    "b.js:3:1: an event whose name the code does not say",
    "native/package.json:4:1: an app for React Native",
    "old/provider.ts:1:8: a provider of your own for Amplify Analytics",
    "server/c.js:1:28: Pinpoint by the AWS SDK",
  ]);
  const { left: entries, written } = JSON.parse((await folder.run(["migrate", "--json"])).stdout);
  assert.equal(written, false);
  assert.equal(entries.length, 13);
  assert.match(entries[0].advice, /Record an event with a name/);
});

test("events are found through methods, functions, defaults and names of other files", async () => {
  const folder = await folderOf({
    ...V6,
    "src/track.ts": `import { record } from "aws-amplify/analytics";
import data from "./d.json" assert { type: "json" };
export class Tracker {
  accessor x = 1;
  record(name: string, attributes?: Record<string, string>) { record({ name, attributes }); }
  static log(name: string) { record({ name }); }
}
export const track = { signup: (props: { plan: string }) => record({ name: "signup", attributes: props }) };
export default function page(name: string, { section, n = 1 }: { section: string; n?: number }) {
  record({ name, attributes: { section }, metrics: { n } });
}
async function f() { using y = g(); }
`,
    "src/names.js":
      "module.exports = { NAMES: { first: 'first_one', rest: { second: `second_one` } } };\n",
    "src/use.tsx": `import page, { Tracker, track } from "@/track";
import { NAMES } from "./names";
const t = new Tracker();
t.record(NAMES.first, { ["a"]: "b" });
Tracker.log(NAMES["rest"].second);
track.signup({ plan: "pro" });
page(dark ? "dark_page" : "light_page", { section: "top", n: 2.5 });
page("light_page", { section: "low" });
`,
    "src/flow.js": `// @flow
import * as analytics from 'aws-amplify/analytics';
type Props = {| +a: number |};
export const f = (p: Props): void => analytics?.record({ name: 'flow', metrics: { a: p.a } });
export page from './track';
`,
    "src/Counter.svelte": `<script context="module">
  import { record } from 'aws-amplify/analytics';
</script>
<script lang="ts">
  export let x: number = 1;
  record({ name: 'counted', metrics: { x } });
</script>
`,
    "src/track.test.ts": `import { track } from "./track";\ntrack.signup({ unreal: "x" });\n`,
  });
  const { stdout } = await folder.run(["migrate", "--json"]);
  const { schema, skipped } = JSON.parse(stdout);
  assert.deepEqual(skipped, []);
  assert.deepEqual(fields(schema.text), {
    counted: { x: "number" },
    dark_page: { section: "string", n: "number" },
    first_one: { a: "string" },
    flow: { a: "number" },
    light_page: { section: "string", n: "number" },
    second_one: {},
    signup: { plan: "string" },
  });
});

test("files that cannot be read or parsed are named, and the others go on", async () => {
  const line = `import { record } from "aws-amplify/analytics";\n`;
  const folder = await folderOf({
    "broken.ts": `${line}const = ;\n`,
    "broken.vue": `<template/>\n<script>\n${line}function (\n</script>\n`,
    "fine.js": line,
    "video.ts": Buffer.from([0x47, 0, 1, 2]),
    "binary.js": Buffer.from(`${line}\0`),
    "latin.js": Buffer.from(`${line}// caf\xe9\n`, "latin1"),
    "huge.js": line + "x();".repeat(300_000),
    "node_modules/a/index.js": line,
    "deep/dist/index.js": line,
    "empty.js": "",
    "folder.js/inside.js": line,
  });
  await symlink("..", join(folder.path, "deep/loop"));
  await symlink("nowhere.js", join(folder.path, "gone.js"));
  const { code, stderr, stdout } = await folder.run(["migrate"]);
  assert.equal(code, 1);
  assert.deepEqual(Object.keys(changes(stdout)), ["fine.js", "folder.js/inside.js"]);
  assert.deepEqual(section(stderr, "Not looked at:"), [
    "binary.js: not a text",
    "broken.ts:2:7: cannot be parsed: Unexpected token",
    "broken.vue:4:10: cannot be parsed: Unexpected token",
    "gone.js: a symbolic link; its target is looked at where it lies",
    "huge.js: larger than 1 MiB, so taken for one that a bundler has made",
    "latin.js: not UTF-8",
  ]);
});

test("an app without Amplify, and one without its Analytics, have nothing to move", async () => {
  const apps: Record<string, string>[] = [
    { "main.js": "console.log(1);\n" },
    {
      ...V6,
      "main.js": `import { Amplify } from "aws-amplify";\nAmplify.configure({ Auth: {} });\n`,
    },
    {},
  ];
  for (const files of apps) {
    const { code, stdout, stderr } = await (await folderOf(files)).run(["migrate", "--write"]);
    assert.equal(stdout, "");
    assert.match(stderr, /nothing to move/);
    assert.equal(code, 0);
  }
});

test("--write wants a clean Git, or --force", async () => {
  const text = `import { record } from "aws-amplify/analytics";\n`;
  const folder = await folderOf({
    "a.js": text,
    "b.js": "1;\n",
    ".gitignore": "made.js\n",
    "made.js": text,
  });
  await git(folder, "init", "--quiet");
  const untracked = await folder.run(["migrate", "--write"]);
  assert.equal(untracked.code, 2);
  assert.match(untracked.stderr, /not committed \(a\.js\)/);
  await git(folder, "add", "--all");
  await git(folder, "commit", "--quiet", "--message", "app");
  await folder.write("b.js", "2;\n");
  await folder.write("notes.txt", "a file that Git does not know, and that nobody changes");
  const dirty = await folder.run(["migrate", "--write"]);
  assert.equal(dirty.code, 2);
  assert.match(dirty.stderr, /not committed \(b\.js\).*--force/);
  assert.equal(await folder.read("a.js"), text);
  await folder.run(["migrate", "--write", "--force"]);
  assert.match(await folder.read("a.js"), /forebay/);
  assert.equal(await folder.read("made.js"), text);
});

test("wrong options and files that are not there are told", async () => {
  const folder = await folderOf({ "forebay.schema.json": '{ "$defs": 1 }' });
  for (const [words, message] of [
    [["--from", "gone.ndjson"], /gone\.ndjson: there is no such file/],
    [["--endpoint", "events.example.com"], /--endpoint must be an address/],
    [["--wrong"], /npx forebay migrate/],
    [[], /forebay\.schema\.json:1:/],
  ] as const) {
    const { code, stderr } = await folder.run(["migrate", ...words]);
    assert.equal(code, 2, stderr);
    assert.match(stderr, message);
  }
});

/** A record of Pinpoint's stream, as Firehose wrote it. */
function record(event_type: string, attributes: object = {}, metrics: object = {}) {
  return {
    ...{ event_type, event_timestamp: 1704164645000, arrival_timestamp: 1704164646000 },
    ...{ event_version: "3.1", application: { app_id: "a", sdk: {} } },
    ...{ client: { client_id: "c" }, device: { platform: {} } },
    ...{ session: { session_id: "s", start_timestamp: 1704164645000 }, attributes, metrics },
    awsAccountId: "123456789012",
  };
}

describe("a schema", { concurrency: 2 }, () => {
  const RECORDS = [
    record("_session.start"),
    record("purchase", { sku: "a-1", gift: "true", note: "null" }, { price: 12.5, count: 2 }),
    record(
      "purchase",
      { sku: "a-2", gift: "null", note: "x", country: "NZ" },
      { price: 3, count: 1 },
    ),
    record("song.played", { "long name": "x", both: "x" }, { both: 1 }),
    record("many", Object.fromEntries(Array.from({ length: 39 }, (_, at) => [`a${at}`, "x"]))),
    record("many", { b1: "x", b2: "x" }),
    record("_email.delivered", { x: "y" }),
  ];
  const CODE = {
    "a.js": `import { record } from "aws-amplify/analytics";
record({ name: "purchase", attributes: { sku, gift: "false" }, metrics: { count: 1 } });
record({ name: "quiet", metrics: { count: 1, ...more } });
`,
  };

  test("of a sample takes that sample, in each form that Firehose writes", async () => {
    const texts = RECORDS.map((one) => JSON.stringify(one));
    const forms: Record<string, string | Uint8Array> = {
      "lines.ndjson": `${texts.join("\n")}\n`,
      "joined.json": texts.join(""),
      "pretty.json": RECORDS.map((one) => JSON.stringify(one, undefined, 2)).join("\n"),
      "array.json": `[${texts.join(",\n")}]`,
      "lines.gz": gzipSync(texts.join("\n")),
      "members.gz": Buffer.concat(texts.map((text) => gzipSync(`${text}\n`))),
    };
    const folder = await folderOf({ ...forms, ...CODE });
    const made = await Promise.all(
      Object.keys(forms).map((form) => folder.run(["migrate", "--json", "--from", form])),
    );
    for (const { stdout } of made) {
      const { schema, samples } = JSON.parse(stdout);
      assert.deepEqual(
        [samples[0].records, samples[0].fit],
        [RECORDS.length, RECORDS.length],
        stdout,
      );
      assert.deepEqual(fields(schema.text), {
        "_session.start": {},
        many: Object.fromEntries(
          Array.from({ length: 39 }, (_, at) => [`a${at}`, "string"]).concat([["b1", "string"]]),
        ),
        purchase: {
          sku: "string",
          gift: "boolean,null",
          note: "string,null",
          price: "number",
          count: "integer",
        },
        quiet: { count: "integer" },
        "song.played": {},
      });
    }
    await folder.run(["migrate", "--write", "--from", "lines.ndjson"]);
    const { code, stdout, stderr } = await folder.run(["validate", "lines.ndjson"]);
    assert.equal(code, 0, stdout + stderr);
    const { code: same } = await folder.run([
      "check",
      "forebay.schema.json",
      "forebay.schema.json",
    ]);
    assert.equal(same, 0);
  });

  test("says what in a sample is damaged, and takes the rest", async () => {
    const [first, second] = RECORDS.map((one) => JSON.stringify(one));
    const braces = JSON.stringify(record("purchase", { note: "}}}}}}" }));
    const long = JSON.stringify(record("purchase", { sku: "s".repeat(300) }));
    const folder = await folderOf({
      "cut.ndjson": `${first.slice(0, 40)}\n${second}\n{"a":1,\n${long}\nnonsense\n${second}\n{"b":`,
      "big.ndjson": `${first.slice(0, 40)}\n${braces}\n${`${second}\n`.repeat(4000)}{"a":1,\n${`${second}\n`.repeat(4000)}`,
      "cut.gz": gzipSync(`${second}\n`.repeat(2000)).subarray(0, -60),
    });
    const from = ["cut.ndjson", "cut.gz", "big.ndjson"].flatMap((file) => ["--from", file]);
    const { code, stderr, stdout } = await folder.run(["migrate", ...from]);
    assert.equal(code, 1);
    assert.match(changes(stdout)["forebay.schema.json"].join("\n"), /"sku": { "type": "string" }/);
    assert.match(stderr, /big\.ndjson: 8001 of 8003 records fit the schema/);
    assert.match(stderr, /cut\.ndjson: 2 of \d records fit the schema/);
    assert.match(
      stderr,
      /"purchase": Attributes\.sku: expected at most 200 characters, got a string/,
    );
    assert.match(stderr, /cut\.ndjson:1: a record that is cut short/);
    assert.match(stderr, /cut\.gz:\d+: the gzip is damaged/);
  });

  test("that is there stays, and what it lacks is shown", async () => {
    const schema = {
      $defs: {
        purchase: {
          type: "object",
          properties: { sku: { type: "string" }, old: { type: "boolean" } },
        },
      },
    };
    const folder = await folderOf({
      ...CODE,
      "forebay.schema.json": schema,
      "lines.ndjson": `${JSON.stringify(record("purchase", { sku: "a" }))}\n${JSON.stringify(record("purchase", { hue: "a" }))}\n`,
    });
    const text = await folder.read("forebay.schema.json");
    const { code, stderr, stdout } = await folder.run([
      "migrate",
      "--write",
      "--from",
      "lines.ndjson",
    ]);
    assert.equal(code, 1);
    assert.equal(await folder.read("forebay.schema.json"), text);
    assert.deepEqual(Object.keys(changes(stdout)), ["a.js"]);
    assert.deepEqual(section(stderr, "forebay.schema.json stays as it is; it lacks:"), [
      '"quiet": {"description":"Recorded in a.js.","type":"object","properties":{"count":{"type":"integer"}},"additionalProperties":true}',
      'in the event purchase: "gift": {"type":"boolean"}',
      'in the event purchase: "count": {"type":"integer"}',
      'in the event purchase: "hue": {"type":"string"}',
    ]);
    assert.match(stderr, /lines\.ndjson: 1 of 2 records fit the schema/);
  });

  test("has no two events that the generated code or the lake would mistake for one", async () => {
    const names = [
      "Step2",
      "Step_2",
      "signUp",
      "sign_up",
      "SignUpFields",
      "delete",
      "__proto__",
      "constructor",
      "a b",
      "É",
      "x".repeat(51),
    ];
    const folder = await folderOf({
      "lines.ndjson": names
        .map((name) => JSON.stringify(record(name, { "a-b": "1", a_b: "2", ["__proto__"]: "3" })))
        .join("\n"),
    });
    const { stderr } = await folder.run(["migrate", "--write", "--from", "lines.ndjson"]);
    const { code, stderr: mistakes } = await folder.run(["codegen"]);
    assert.equal(code, 0, stderr + mistakes);
    const taken = Object.keys(fields(await folder.read("forebay.schema.json")));
    const expected = [
      "SignUpFields",
      "Step2",
      "Step_2",
      "__proto__",
      "constructor",
      "delete",
      "signUp",
    ];
    assert.deepEqual(taken.toSorted(), expected);
    assert.match(stderr, /lines\.ndjson: 7 of 11 records fit the schema/);
    for (const name of ["sign_up", "a b", "É", "x".repeat(51)]) {
      assert.match(stderr, new RegExp(`"${name}" has no place in a schema: `));
    }
  });
});
