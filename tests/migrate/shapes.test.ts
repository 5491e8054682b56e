// Shapes of apps that hide what they record: by aliases, in markup, in parts, under names of their own.

import assert from "node:assert/strict";
import { chmod, lstat, stat, symlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { becomes, changes, fields, folderOf, git, V5, V6 } from "./support/folders.ts";

/** Runs `migrate`: the fields of each event, and what is left. */
async function found(files: Record<string, string | object>) {
  const folder = await folderOf(files);
  const { stdout } = await folder.run(["migrate", "--json"]);
  const { schema, left, skipped, others } = JSON.parse(stdout);
  const places = left.map(
    ({ file, line, column, what }: Record<string, string>) => `${file}:${line}:${column}: ${what}`,
  );
  return { events: fields(schema.text ?? '{ "$defs": {} }'), left: places, skipped, others };
}

const CONFIGURE = `import { Amplify } from "aws-amplify";\nAmplify.configure(config);\n`;
const IMPORT = `import { record } from "aws-amplify/analytics";\n`;
const UNNAMED = "an event whose name the code does not say";
const HANDED_ON = "what records is handed on, and who calls it is not followed";

describe("an app", { concurrency: 2 }, () => {
  test("names its modules as TypeScript and package.json let it", async () => {
    const { events, left, others } = await found({
      ...V6,
      "tsconfig.base.json": `{
        // of all packages
        "compilerOptions": { "paths": { "@acme/log": ["libs/log/main.ts"], "@names/*": ["libs/names/*.ts",], }, },
      }`,
      "libs/log/main.ts": `${IMPORT}export const send = (name: string) => record({ name });\n`,
      "libs/names/of-web.ts": `export const OPENED = "opened";\n`,
      "apps/web/tsconfig.json":
        '{ "files": [], "references": [{ "path": "./tsconfig.app.json" }] }',
      "apps/web/tsconfig.app.json":
        '\ufeff{ "compilerOptions": { "baseUrl": "code", "paths": { "$/*": ["./*"] } } }',
      "apps/web/code/shared/amplify.ts": `export { Amplify } from "aws-amplify";\n`,
      "apps/web/code/main.ts": `import { Amplify } from "shared/amplify";
import { send } from "@acme/log";
import { OPENED } from "@names/of-web";
import { CLOSED } from "$/shared/names";
Amplify.configure(config);
send(OPENED);
send(CLOSED);
`,
      "apps/web/code/shared/names.ts": `export const CLOSED = "closed";\n`,
      "apps/shop/package.json": {
        name: "@acme/shop",
        imports: { "#track": { browser: "./lib/track.js" } },
        exports: { "./names": { types: "./lib/names.d.ts", default: "./lib/names.js" } },
      },
      "apps/shop/lib/track.js": `${IMPORT}export default function track(name) { record({ name }); }\n`,
      "apps/shop/lib/names.js": `export const BOUGHT = "bought";\n`,
      "apps/shop/page.js": `import go from "#track";\nimport { BOUGHT } from "@acme/shop/names";\ngo(BOUGHT);\n`,
      "apps/kit/src/lib/log.ts": `${IMPORT}export const log = (name: string) => record({ name });\n`,
      "apps/kit/package.json": { name: "kit" },
      "apps/kit/src/routes/+page.svelte": `<script lang="ts">\nimport { log } from "$lib/log";\nlog("seen");\n</script>\n`,
      // What a backend is made with needs no configuration in the page.
      "amplify/backend.ts": `import { defineBackend } from "@aws-amplify/backend";\ndefineBackend({});\n`,
    });
    assert.deepEqual(Object.keys(events), ["bought", "closed", "opened", "seen"]);
    assert.deepEqual([left, others], [[], []]);
  });

  test("records in the markup of its components", async () => {
    const { events, left, skipped } = await found({
      ...V6,
      "main.js": CONFIGURE,
      "Button.svelte": `<script lang="ts">
  ${IMPORT}  const first = <T,>(all: T[]) => all[0];
  const id = <T>(it: T) => it
</script>
{#if (id(1))}
  <button on:click={() => record({ name: "pressed", attributes: { text: "it's (so)" } })}>it's</button>
{/if}
<style>a { background: url(record.png) }</style>
`,
      "Play.vue": `<template>
  <!-- a (strange one -->
  <button @click="track('played')" :title="track(\`shown_\${kind}\`)">{{ record }}</button>
</template>
<script setup lang="ts">
${IMPORT}const kind: "a" | "b" = "a"
const track = (name: string) => record({ name })
</script>
`,
      "Page.astro": `---
${IMPORT}const { title } = Astro.props;
if (!title) return;
record({ name: "rendered" });
---
<h1>{title}</h1>
<script>
  import { record } from "aws-amplify/analytics";
  record({ name: "read" });
</script>
`,
    });
    assert.deepEqual(events.pressed, { text: "string" });
    assert.deepEqual(Object.keys(events), ["played", "pressed", "read", "rendered", "shown_a"]);
    assert.deepEqual(left, [
      "Page.astro:5:1: analytics on a server (the frontmatter of an Astro component)",
    ]);
    assert.deepEqual(skipped, []);
  });

  test("tracks its elements by a prefix of its own", async () => {
    const { events, left, skipped } = await found({
      ...V6,
      "main.js": `${CONFIGURE}import { configureAutoTrack } from "aws-amplify/analytics";
import { OPTIONS } from "./options";
configureAutoTrack({ enable: true, type: "event", options: OPTIONS });
configureAutoTrack({ enable: true, type: "pageView", options: { eventName } });
`,
      "options.js": `const prefix = "data-track-";
export const OPTIONS = { selectorPrefix: prefix, attributes: { shop: "north" } };\n`,
      "page.html": `<a data-track-on="click" data-track-name="left" data-track-attrs="to:home,menu:top">x</a>
<a [attr.data-track-name]="'bound'" [attr.data-track-attrs]="more">x</a>
<a [attr.data-track-name]="name" data-other-name="other">x</a>\n`,
      "old.html": Buffer.from("caf\xe9", "latin1"),
      "old.js": Buffer.from("// caf\xe9", "latin1"),
      "List.jsx": `export const A = ({ name }) => <a data-track-on="click" data-track-name={name} />;
export const B = () => <a data-amplify-analytics-name={"usual"} data-track-name={\`item_\${id}\`} />;\n`,
      "Tab.test.jsx": `<a data-track-name="of_a_test" /><a data-track-name={name} />;\n`,
      "Tab.vue": `<template><a :data-track-name="name" data-track-name="tab" /></template>\n`,
    });
    const always = { shop: "string", type: "string", target: "string" };
    assert.deepEqual(events, {
      bound: { ...always, to: "string", menu: "string" },
      left: { ...always, to: "string", menu: "string" },
      tab: always,
      usual: always,
    });
    assert.deepEqual(left, [
      `List.jsx:1:57: ${UNNAMED}`,
      `List.jsx:2:65: ${UNNAMED}`,
      `Tab.vue:1:15: ${UNNAMED}`,
      `main.js:6:1: ${UNNAMED}`,
      `page.html:3:10: ${UNNAMED}`,
    ]);
    assert.deepEqual(skipped, []);
  });

  test("puts names together, and takes them from CommonJS", async () => {
    const { events, left } = await found({
      ...V5,
      "main.cjs": `const { Amplify, Analytics } = require("aws-amplify");
const { PREFIX, STEPS: { first } } = require("./names.cjs");
const names = require("./names.cjs");
Amplify.configure({ Analytics: { autoSessionRecord: false } });
Analytics.record({ name: \`\${PREFIX}.\${names.OPENED}\` });
Analytics.record(PREFIX + ".closed");
Analytics.record({ name: PREFIX + (isNew ? ".new" : ".old"), attributes: { n: "v" + 1 } });
Analytics.record({ name: PREFIX + id });
Analytics.record({ name: first });
const step = (kind) => Analytics.record({ name: \`step_\${kind}\` });
step("one");
step("two");
`,
      "names.cjs": `module.exports = { PREFIX: "app", OPENED: "opened", STEPS: { first: "f" } };\n`,
    });
    assert.deepEqual(Object.keys(events), [
      "app.closed",
      "app.new",
      "app.old",
      "app.opened",
      "step_one",
      "step_two",
    ]);
    assert.deepEqual(left, [`main.cjs:8:1: ${UNNAMED}`, `main.cjs:9:1: ${UNNAMED}`]);
  });

  test("hands what records to others, under other names or none", async () => {
    const { events, left } = await found({
      ...V6,
      "main.js": CONFIGURE,
      "log.js": `${IMPORT}export const log = record;\nexport default record;\n`,
      "again.js": `export { log as note } from "./log";\n`,
      "a.js": `import { log } from "./log";\nlog({ name: "by_alias" });\n`,
      "b.js": `import write from "./log";\nwrite({ name: "by_default" });\n`,
      "c.js": `import { note } from "./again";\nnote({ name: "by_two" });\n`,
      "old.cjs": `const { record } = require("aws-amplify/analytics");\nmodule.exports = { put: record };\n`,
      "d.cjs": `const { put } = require("./old.cjs");\nput({ name: "by_member" });\n`,
      "context.jsx": `${IMPORT}export const Tracker = ({ children }) => <Context.Provider value={{ record }}>{children}</Context.Provider>;
const go = isOn ? record : () => {};
const load = () => import("aws-amplify/analytics");
const all = Promise.all([import("aws-amplify/analytics")]);
const bound = record.bind(null);
useCallback(() => {}, [record]);
`,
      "old.js": `import { Analytics } from "aws-amplify";
const log = Analytics.record;
log("by_method");
app.provide("analytics", Analytics);
`,
    });
    assert.deepEqual(Object.keys(events), [
      "by_alias",
      "by_default",
      "by_member",
      "by_method",
      "by_two",
    ]);
    assert.deepEqual(left, [
      `context.jsx:2:69: ${HANDED_ON}`,
      `context.jsx:3:19: ${HANDED_ON}`,
      `context.jsx:4:20: ${HANDED_ON}`,
      `context.jsx:5:26: ${HANDED_ON}`,
      `context.jsx:6:15: ${HANDED_ON}`,
      `old.js:4:26: ${HANDED_ON}`,
    ]);
  });
});

describe("a configuration", { concurrency: 2 }, () => {
  test("of v6 in parts is one of Forebay's", async () => {
    const before = `import { Amplify } from "aws-amplify";
import outputs from "./amplify_outputs.json";

Amplify.configure(outputs);
Amplify.configure({
  ...Amplify.getConfig(),
  Analytics: { Pinpoint: { appId, region } },
});
`;
    const known = `import { Amplify } from "aws-amplify"
Amplify.configure(outputs, { ssr: true })
const known = Amplify.getConfig()
Amplify.configure({ ...known, Analytics: {} })
`;
    await becomes(V6, {
      "a.js": [
        `${IMPORT}record({ name: "a" });\n`,
        `import { record } from "forebay";\nrecord({ name: "a" });\n`,
      ],
      "main.ts": [
        before,
        `import * as Amplify from "forebay";
import outputs from "./amplify_outputs.json";

Amplify.configure({
  endpoint: "/ingest",
  ...outputs,
  Analytics: { Pinpoint: { appId, region } },
} as Amplify.AmplifyConfig);
`,
      ],
      "known.js": [
        known,
        `import * as Amplify from "forebay"
const known = Amplify.getConfig()
Amplify.configure({ endpoint: "/ingest", ...outputs, Analytics: {} })
`,
      ],
    });
    await becomes(V6, {
      "storage.js": [`import { uploadData } from "aws-amplify/storage";\n`],
      "a.js": [
        `${IMPORT}record({ name: "a" });\n`,
        `import { record } from "forebay";\nrecord({ name: "a" });\n`,
      ],
      "known.js": [
        known,
        `import { Amplify } from "aws-amplify"
import { configure } from "forebay"
Amplify.configure(outputs, { ssr: true })
const known = Amplify.getConfig()
Amplify.configure({ ...known, Analytics: {} })
configure({ endpoint: "/ingest", ...known, Analytics: {} })
`,
      ],
    });
    const { left } = await found({
      ...V6,
      "a.js": IMPORT,
      "main.js": CONFIGURE,
      "later.js": `import { Amplify } from "aws-amplify";\nAmplify.configure({ ...Amplify.getConfig(), Analytics: {} });\n`,
    });
    assert.deepEqual(left, ["later.js:2:1: Amplify is configured in parts"]);
  });

  test("stays with Amplify for what is used of it as a whole", async () => {
    const { left, others } = await found({
      ...V5,
      "a.js": `import * as AWS from "aws-amplify";
AWS.Amplify.configure({ Analytics: {} });
AWS.Analytics.record({ name: "a" });
AWS.Auth.signIn();
const { Storage, Analytics } = AWS;
use(Plugin, AWS);
`,
      "b.cjs": `const aws = require("aws-amplify");\nexports.go = () => aws.API.get();\n`,
      "c.js": `import("aws-amplify").then((all) => all.PubSub.publish());\n`,
    });
    const shown = others.map(
      ({ file, line, what }: Record<string, string>) => `${file}:${line}: ${what}`,
    );
    assert.deepEqual(shown.toSorted(), [
      "a.js:4: Auth",
      "a.js:5: Storage",
      "a.js:6: all of aws-amplify",
      "b.cjs:2: API",
      "c.js:1: PubSub",
    ]);
    const what = "aws-amplify is loaded as a whole, and what is used of it cannot be followed";
    assert.deepEqual(left, [`a.js:1:1: ${what}`]);
  });

  test("loses nothing that Forebay does not have", async () => {
    await becomes(V5, {
      "main.js": [
        `import { Amplify } from 'aws-amplify';\nAmplify.Logger.LOG_LEVEL = 'DEBUG';\nAmplify.configure({ Analytics: {} });\n`,
        `import { Amplify } from 'aws-amplify';\nimport { Amplify as Forebay } from 'forebay/amplify-v5';\nAmplify.Logger.LOG_LEVEL = 'DEBUG';\nAmplify.configure({ Analytics: { disabled: true } });\nForebay.configure({ endpoint: '/ingest', Analytics: {} });\n`,
      ],
      "a.js": [
        `import { Analytics } from 'aws-amplify';\nAnalytics.record('a');\n`,
        `import { Analytics } from 'forebay/amplify-v5';\nAnalytics.record('a');\n`,
      ],
      "types.ts": [
        `export type A = import("aws-amplify").Analytics;\nexport type B = import("aws-amplify").Storage;\n`,
        `export type A = import("forebay/amplify-v5").Analytics;\nexport type B = import("aws-amplify").Storage;\n`,
      ],
    });
    await becomes(V6, {
      "types.ts": [
        `${IMPORT}export type A = import("aws-amplify").ResourcesConfig;\n`,
        `import { record } from "forebay";\nexport type A = import("aws-amplify").ResourcesConfig;\n`,
      ],
      "all.ts": [
        `import type * as analytics from "aws-amplify/analytics";\nexport type A = analytics.RecordInput | analytics.IdentifyUserInput;\n`,
        `import type * as analytics from "forebay";\nexport type A = analytics.AnalyticsEvent | analytics.IdentifyUserInput;\n`,
      ],
    });
  });
});

test("a file keeps its mode, a link leads where it led, and any name is one that Git applies", async () => {
  const files = {
    ...V6,
    "bin/log": "",
    "send it.mjs": `#!/usr/bin/env node\n${IMPORT}`,
    "real/events.json": { $defs: { old: { type: "object", properties: {} } } },
  };
  const [shown, made] = await Promise.all([folderOf(files), folderOf(files)]);
  await chmod(join(made.path, "send it.mjs"), 0o755);
  await symlink("real/forebay.gen.ts", join(made.path, "forebay.gen.ts"));
  await made.write("real/forebay.gen.ts", "old");
  const { stdout } = await made.run(["migrate", "--write"]);
  assert.deepEqual(Object.keys(changes(stdout)), ["send it.mjs\t"]);
  assert.equal((await stat(join(made.path, "send it.mjs"))).mode & 0o777, 0o755);
  await shown.write("migrate.diff", stdout);
  await git(shown, "apply", "migrate.diff");
  assert.equal(await shown.read("send it.mjs"), await made.read("send it.mjs"));
  await made.run(["codegen", "--schema", "real/events.json"]);
  assert.ok((await lstat(join(made.path, "forebay.gen.ts"))).isSymbolicLink());
  assert.match(await made.read("real/forebay.gen.ts"), /oldEvent|old/);
});
