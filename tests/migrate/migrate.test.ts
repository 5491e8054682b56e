// `npx forebay migrate` in apps of several shapes: what it changes, what it leaves, and that what it makes runs.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { describe, test } from "node:test";
import { promisify } from "node:util";
import { build } from "esbuild";
import type { Folder } from "../schema/support/cli.ts";
import { ROOT } from "../support/stack.ts";
import { APPS } from "./support/apps.ts";
import { changes, fields, folderOf, git, left } from "./support/folders.ts";

const run = promisify(execFile);
/** What is in the modules of others, as far as the apps use it. */
const MODULES = `
declare module "aws-amplify" {
  export const Amplify: { configure(config: object, options?: object): void };
  export type ResourcesConfig = { Auth?: object; API?: object; Analytics?: object };
  export const Analytics: any, AWSKinesisProvider: any;
}
declare module "aws-amplify/auth" { export function getCurrentUser(): void; }
declare module "@angular/core" { export const Injectable: any, Inject: any, Component: any; }
declare module "*/aws-exports" { const awsmobile: { [key: string]: any }; export default awsmobile; }
declare module "react" { export type ReactNode = unknown; export function useCallback<T>(it: T, on: unknown[]): T; }
declare namespace JSX { interface IntrinsicElements { button: any } }
`;

/** What each app is to become. */
const EXPECTED: Record<string, { diff: Record<string, string[]>; left: RegExp[] }> = {
  cra: {
    diff: {
      "src/App.js": [
        "-import { Analytics } from 'aws-amplify';",
        "+import { Analytics } from 'forebay/amplify-v5';",
      ],
      "src/index.js": [
        "-import { Amplify, Analytics, Auth } from 'aws-amplify';",
        "+import { Amplify, Auth } from 'aws-amplify';",
        "+import { Analytics, Amplify as Forebay } from 'forebay/amplify-v5';",
        "-Amplify.configure(awsExports);",
        "+Amplify.configure({ ...awsExports, Analytics: { disabled: true } });",
        "+Forebay.configure({ ...awsExports, endpoint: 'https://events.example.com' });",
      ],
    },
    left: [/^src\/App\.js:11:22: the event "basket opened" has no place in a schema$/],
  },
  vite: {
    diff: {
      "src/main.ts": [
        '-import { Amplify } from "aws-amplify";',
        '-import { parseAmplifyConfig } from "aws-amplify/utils";',
        '+import * as Amplify from "forebay";',
        "-Amplify.configure(parseAmplifyConfig(outputs));",
        '+Amplify.configure({ ...outputs, endpoint: "https://events.example.com" });',
      ],
      "src/track.ts": [
        "-  type RecordInput,",
        '-} from "aws-amplify/analytics";',
        "+  type AnalyticsEvent as RecordInput,",
        '+} from "forebay";',
      ],
    },
    left: [],
  },
  next: {
    diff: {
      "app/api/orders/route.ts": [
        '-import { record } from "aws-amplify/analytics";',
        '+import { record } from "forebay";',
      ],
      "app/buy.tsx": [
        '-import { record } from "aws-amplify/analytics";',
        '+import { record } from "forebay";',
      ],
      "app/page.tsx": [
        '-import { record } from "aws-amplify/analytics";',
        '+import { record } from "forebay";',
      ],
      "app/providers.tsx": [
        '-import { configureAutoTrack } from "aws-amplify/analytics";',
        '+import { configureAutoTrack, configure } from "forebay";',
        "+configure({",
        '+  endpoint: "https://events.example.com",',
        "+  Auth: {",
        '+    Cognito: { identityPoolId: "us-east-1:f0e1d2c3-0000-4000-8000-000000000001", allowGuestAccess: true },',
        "+  },",
        '+  Analytics: { Pinpoint: { appId: "f0e1d2c3b4a5968778695a4b3c2d1e0f", region } },',
        "+});",
      ],
    },
    left: [
      /^app\/api\/orders\/route\.ts:4:3: analytics on a server \(a route or middleware\)$/,
      /^app\/page\.tsx:4:3: analytics on a server \(a server component/,
    ],
  },
  vue: {
    diff: {
      "amplify.js": [
        "-const { Amplify, Analytics } = require('aws-amplify')",
        "+const { Amplify, Analytics } = require('forebay/amplify-v5')",
        "-Amplify.configure(config)",
        "+Amplify.configure({ ...config, endpoint: 'https://events.example.com' })",
      ],
      "src/Player.vue": [
        "-import { Analytics } from 'aws-amplify'",
        "+import { Analytics } from 'forebay/amplify-v5'",
        "-import { Analytics } from 'aws-amplify'",
        "+import { Analytics } from 'forebay/amplify-v5'",
      ],
    },
    left: [],
  },
  monorepo: {
    diff: {
      "apps/web/src/main.ts": ['+  endpoint: "https://events.example.com",'],
      "packages/analytics/src/index.ts": [
        '-export { record as send, flushEvents } from "aws-amplify/analytics";',
        '+export { record as send, flushEvents } from "forebay";',
        '-export { Amplify } from "aws-amplify";',
        '+export * as Amplify from "forebay";',
      ],
    },
    left: [],
  },
  angular: {
    diff: {
      "src/app/analytics.service.ts": [
        "-import { Amplify, Analytics, AWSKinesisProvider } from 'aws-amplify';",
        "+import { Amplify, Analytics as AmplifyAnalytics, AWSKinesisProvider } from 'aws-amplify';",
        "+import { Analytics, Amplify as Forebay } from 'forebay/amplify-v5';",
        "-Amplify.configure(awsExports);",
        "-Analytics.addPluggable(new AWSKinesisProvider());",
        "-Analytics.configure({ AWSKinesis: { region: 'us-east-1' } });",
        "+Amplify.configure({ ...awsExports, Analytics: { autoSessionRecord: false } });",
        "+Forebay.configure({ ...awsExports, endpoint: 'https://events.example.com' });",
        "+AmplifyAnalytics.addPluggable(new AWSKinesisProvider());",
        "+AmplifyAnalytics.configure({ AWSKinesis: { region: 'us-east-1' } });",
        "-    Analytics.record({ data, partitionKey: '1', streamName: this.streamName }, 'AWSKinesis');",
        "+    AmplifyAnalytics.record({ data, partitionKey: '1', streamName: this.streamName }, 'AWSKinesis');",
      ],
    },
    left: [
      /^src\/app\/analytics\.service\.ts:2:1: Amplify's Kinesis provider \(AWSKinesisProvider\)$/,
      /^src\/app\/analytics\.service\.ts:6:1: Analytics\.addPluggable$/,
      /^src\/app\/analytics\.service\.ts:7:1: the configuration of AWSKinesis$/,
      /^src\/app\/analytics\.service\.ts:18:5: a record for the provider AWSKinesis$/,
      /^src\/app\/cart\.component\.ts:10:5: an event whose name the code does not say$/,
    ],
  },
};

/** What v5 records by itself. */
const SESSIONS = { "_session.start": {}, "_session.stop": {} };

/** The events that each app records, with the types of their fields. */
const SCHEMAS: Record<string, Record<string, Record<string, string>>> = {
  cra: {
    ...SESSIONS,
    liked: { type: "string", target: "string", album: "string", genre: "string" },
    page_seen: { url: "string", shop: "string" },
    purchase: {
      sku: "string",
      gift: "boolean",
      channel: "string",
      price: "number",
      count: "integer",
    },
  },
  vite: {
    checkout_paid: {},
    signed_up: { email: "string", plan: "string", campaign: "string", seats: "number" },
  },
  next: {
    ordered: { total: "number" },
    pageView: { url: "string" },
    pressed: { id: "string" },
    rendered: {},
  },
  vue: { ...SESSIONS, left: {}, play: { title: "string" }, volume: { level: "integer" } },
  monorepo: { "app.closed": { seconds: "number" }, "app.opened": { theme: "string" } },
  angular: { ...SESSIONS, cart_opened: { kind: "string" } },
};

const written = new Map<string, Folder>();

describe("an app", { concurrency: 3 }, () => {
  for (const [name, files] of Object.entries(APPS)) {
    test(`${name}: shows what would change, writes just that, and nothing more`, async () => {
      const [shown, made] = await Promise.all([folderOf(files), folderOf(files)]);
      const expected = EXPECTED[name];
      const { code, stdout, stderr } = await made.run(["migrate", "--write"]);
      const { "forebay.schema.json": schema, ...diff } = changes(stdout);
      assert.deepEqual(diff, expected.diff);
      const entries = left(stderr);
      assert.equal(entries.length, expected.left.length, stderr);
      for (const [at, wanted] of expected.left.entries()) assert.match(entries[at], wanted);
      assert.equal(code, expected.left.length > 0 ? 1 : 0);

      await shown.write("migrate.diff", stdout);
      await git(shown, "apply", "migrate.diff");
      for (const path of [...Object.keys(files), "forebay.schema.json"]) {
        assert.equal(await made.read(path), await shown.read(path), path);
      }
      const text = await made.read("forebay.schema.json");
      assert.equal(`${schema.map((line) => line.slice(1)).join("\n")}\n`, text);
      assert.deepEqual(fields(text), SCHEMAS[name]);

      const again = await made.run(["migrate", "--write"]);
      assert.equal(again.stdout, "", again.stderr);
      assert.match(again.stderr, /forebay\.schema\.json stays as it is, and lacks nothing/);
      written.set(name, made);
    });
  }
});

test("without --write it shows the same, and writes nothing", async () => {
  const [shown, made] = await Promise.all([folderOf(APPS.cra), folderOf(APPS.cra)]);
  const [dry, wrote] = await Promise.all([
    shown.run(["migrate"]),
    made.run(["migrate", "--write"]),
  ]);
  assert.equal(dry.stdout, wrote.stdout);
  assert.match(dry.stderr, /2 files would change/);
  for (const [path, text] of Object.entries(APPS.cra)) assert.equal(await shown.read(path), text);
  await assert.rejects(shown.read("forebay.schema.json"));
  const generated = await made.run(["codegen", "--check"]);
  assert.equal(generated.code, 1, "the schema is one that codegen takes");
});

test("what is rewritten has the types that Forebay asks for", async () => {
  const folder = await folderOf({ "modules.d.ts": MODULES });
  const files: string[] = [];
  for (const [name, made] of written) {
    for (const path of Object.keys(APPS[name]).filter((one) => /\.(tsx?|json)$/.test(one))) {
      const text = await made.read(path);
      await folder.write(`${name}/${path}`, text);
      if (!path.endsWith(".json")) files.push(`${name}/${path}`);
    }
  }
  assert.ok(files.length > 8);
  const paths = {
    forebay: [join(ROOT, "npm/dist/index.d.ts")],
    "forebay/amplify-v5": [join(ROOT, "npm/dist/amplify-v5.d.ts")],
    "@acme/analytics": ["./monorepo/packages/analytics/src/index.ts"],
  };
  await folder.write("tsconfig.json", {
    compilerOptions: {
      ...{ target: "es2022", module: "esnext", moduleResolution: "bundler", jsx: "preserve" },
      ...{ strict: true, noEmit: true, skipLibCheck: true, types: [], paths },
      ...{ experimentalDecorators: true, resolveJsonModule: true },
    },
    files: ["modules.d.ts", ...files],
  });
  const tsc = join(ROOT, "node_modules/.bin/tsc");
  const { stdout } = await run(tsc, ["-p", folder.path]).catch((failed) => failed);
  assert.equal(stdout, "");
});

test("what is rewritten runs, and its events fit the derived schema", async () => {
  for (const [name, entry, count] of [
    ["vite", "src/main.ts", 2],
    ["monorepo", "apps/web/src/main.ts", 1],
  ] as const) {
    const made = written.get(name) as Folder;
    const contents = `globalThis.location = { search: "?ad=1" }; globalThis.addEventListener = () => {};
      const { recorded } = require("forebay/testing");
      globalThis.window = globalThis;
      require("./${entry}");
      for (const event of recorded()) console.log(JSON.stringify(event));`;
    const outfile = join(made.path, "bundle.cjs");
    const alias = {
      forebay: join(ROOT, "npm/dist/index.js"),
      "forebay/testing": join(ROOT, "npm/dist/testing.js"),
      "@acme/analytics": join(made.path, "packages/analytics/src/index.ts"),
    };
    await build({
      stdin: { contents, resolveDir: made.path },
      ...{ bundle: true, platform: "node", format: "cjs", outfile, alias, logLevel: "error" },
      define: { "import.meta.url": '"file:///"' },
    });
    const { stdout } = await run(process.execPath, [outfile]);
    assert.equal(stdout.trim().split("\n").length, count, stdout);
    const { code, stdout: problems } = await made.run(["validate", "-"], stdout);
    assert.equal(code, 0, problems);
  }
});
