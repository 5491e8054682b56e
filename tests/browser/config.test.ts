import assert from "node:assert/strict";
import { test } from "node:test";
import { type CompiledSchema, ForebayError } from "forebay";
import * as config from "../../npm/src/config/config.ts";

const endpoint = "https://events.example.com";
const settings = {
  endpoint,
  identityEndpoint: endpoint,
  appId: "app",
  region: "eu-west-1",
  identityPoolId: "eu-west-1:pool",
  flushInterval: 5000,
  flushSize: 100,
  bufferSize: 10_000,
  sessionTimeout: 1_800_000,
  bufferBytes: 32 * 1024 * 1024,
  maxAge: 30 * 86_400_000,
};

/** What is read of a configuration, without what is Amplify's, and without what options take. */
async function readConfig(given: Parameters<typeof config.readConfig>[0]) {
  const settings = await config.readConfig(given, (code, message) => {
    throw new ForebayError(code, message);
  });
  const others = /^(analytics|auth|version|prepare)$|^aws_/i;
  const own = Object.entries(settings).filter(
    ([name, value]) => value !== undefined && !others.test(name),
  );
  return Object.fromEntries(own);
}

test("Forebay's own form, with what it leaves out filled in", async () => {
  const config = {
    endpoint: "https://Events.Example.com:443/",
    appId: "app",
    region: "eu-west-1",
    identityPoolId: "eu-west-1:pool",
  };
  assert.deepEqual(await readConfig(config), settings);
  const usual = { sampleRate: 1, sessions: "shared", dropPolicy: "oldest" } as const;
  assert.deepEqual(await readConfig({ ...config, ...usual }), settings);
  const schema = "[1]" as CompiledSchema;
  const more = { flushInterval: 10, flushSize: 5, bufferSize: 50, schema };
  assert.deepEqual(
    await readConfig({ ...config, ...more, identityEndpoint: "http://127.0.0.1:8787" }),
    {
      ...settings,
      ...more,
      identityEndpoint: "http://127.0.0.1:8787",
    },
  );
});

test("the object of Amplify v6", async () => {
  assert.deepEqual(
    await readConfig({
      endpoint,
      Analytics: { Pinpoint: { appId: "app", region: "eu-west-1", flushSize: 50 } },
      Auth: { Cognito: { identityPoolId: "eu-west-1:pool" } },
    }),
    { ...settings, flushSize: 50 },
  );
});

test("the object of Amplify v5, with what is Forebay's not to read", async () => {
  const config = {
    endpoint,
    Auth: {
      region: "eu-west-1",
      userPoolId: "eu-west-1_users",
      userPoolWebClientId: "client",
      identityPoolId: "eu-west-1:pool",
      identityPoolRegion: "eu-west-1",
    },
    Analytics: {
      disabled: true,
      autoSessionRecord: true,
      AWSPinpoint: { appId: "app", region: "eu-west-1", endpointId: "mine", bufferSize: 1000 },
    },
  };
  const read = { ...settings, endpointId: "mine", bufferSize: 1000, disabled: true };
  assert.deepEqual(await readConfig(config), read);
  // Without the provider's name, the whole object is the provider's.
  const { AWSPinpoint, ...rest } = config.Analytics;
  const flat = { ...config, Analytics: { ...rest, ...AWSPinpoint } };
  assert.deepEqual(await readConfig(flat as never), read);
});

test("what the Amplify CLI writes to aws-exports.js", async () => {
  assert.deepEqual(
    await readConfig({
      endpoint,
      sampleRate: 0.5,
      aws_project_region: "eu-west-1",
      aws_mobile_analytics_app_id: "app",
      aws_mobile_analytics_app_region: "eu-west-1",
      aws_cognito_identity_pool_id: "eu-west-1:pool",
      aws_cognito_region: "eu-west-1",
      Analytics: undefined,
    }),
    { ...settings, sampleRate: 0.5 },
  );
});

test("what Amplify Gen 2 writes to amplify_outputs.json", async () => {
  assert.deepEqual(
    await readConfig({
      endpoint,
      version: "1.3",
      analytics: { amazon_pinpoint: { app_id: "app", aws_region: "eu-west-1" } },
      auth: { identity_pool_id: "eu-west-1:pool", user_pool_id: "users", aws_region: "eu-west-1" },
    }),
    settings,
  );
});

test("an endpoint id may be a number, and an empty one is none", async () => {
  const config = { endpoint, appId: "app", region: "eu-west-1", identityPoolId: "eu-west-1:pool" };
  const read = (endpointId: unknown) => readConfig({ ...config, endpointId } as never);
  assert.deepEqual(await read(7), { ...settings, endpointId: "7" });
  for (const nothing of ["", null, undefined]) assert.deepEqual(await read(nothing), settings);
  const longest = "🎉".repeat(256);
  assert.deepEqual(await read(longest), { ...settings, endpointId: longest });
});

const POOL = "eu-west-1:pool";
const exported = {
  aws_project_region: "us-east-2",
  aws_mobile_analytics_app_id: "app",
  aws_mobile_analytics_app_region: "eu-west-1",
  aws_cognito_identity_pool_id: POOL,
};
const pinpoint = { appId: "app", region: "eu-west-1" };
const MIXED: [what: string, given: object, more?: object][] = [
  ["aws-exports and Analytics", { ...exported, Analytics: { autoSessionRecord: false } }],
  [
    "aws-exports and the provider's settings of v5",
    { ...exported, Analytics: { AWSPinpoint: { flushSize: 10 } } },
    { flushSize: 10 },
  ],
  [
    "aws-exports and the provider's settings of v6",
    { ...exported, Analytics: { Pinpoint: { bufferSize: 7 }, disabled: true } },
    { bufferSize: 7, disabled: true },
  ],
  [
    "aws-exports and Auth.Cognito, which goes before",
    {
      ...exported,
      aws_cognito_identity_pool_id: "other",
      Auth: { Cognito: { identityPoolId: POOL } },
    },
  ],
  [
    "v6's Pinpoint and v5's Auth",
    { Analytics: { Pinpoint: pinpoint }, Auth: { identityPoolId: POOL } },
  ],
  [
    "v5's provider and v6's Auth",
    { Analytics: { AWSPinpoint: pinpoint }, Auth: { Cognito: { identityPoolId: POOL } } },
  ],
  ["Forebay's own and v6's Auth", { ...pinpoint, Auth: { Cognito: { identityPoolId: POOL } } }],
  [
    "Gen 2's Auth and v6's Pinpoint",
    { auth: { identity_pool_id: POOL }, Analytics: { Pinpoint: pinpoint } },
  ],
  [
    "Forebay's own, and disabled as v5 has it",
    { ...pinpoint, identityPoolId: POOL, Analytics: { disabled: true } },
    { disabled: true },
  ],
  [
    "what is empty in one place and given in another",
    { ...exported, Analytics: { Pinpoint: { appId: "", region: null } }, Auth: {} },
  ],
];
for (const [what, given, more] of MIXED) {
  test(`forms mixed: ${what}`, async () => {
    assert.deepEqual(await readConfig({ endpoint, ...given } as never), { ...settings, ...more });
  });
}

test("a wrong value is named where it stands, in whatever form", async () => {
  const given = { endpoint, ...exported, Analytics: { AWSPinpoint: { flushSize: 0 } } };
  await assert.rejects(() => readConfig(given), /: Analytics.AWSPinpoint.flushSize must be/);
  const other = { endpoint, ...exported, Auth: { Cognito: { identityPoolId: 7 } } };
  await assert.rejects(() => readConfig(other), /: Auth.Cognito.identityPoolId must be/);
});

test("white space around an id is named, as a variable of the environment may bring it", async () => {
  const given = { ...pinpoint, identityPoolId: POOL, endpoint };
  for (const [member, value] of [
    ["appId", " app"],
    ["region", "eu-west-1\n"],
    ["identityPoolId", `${POOL}\t`],
    ["appId", " "],
  ]) {
    const message = new RegExp(`: ${member} must be a string .* without white space`);
    await assert.rejects(() => readConfig({ ...given, [member]: value }), message);
  }
});

test("an endpoint may have a path", async () => {
  const config = { ...pinpoint, identityPoolId: POOL, endpoint: "https://app.example.com/ingest/" };
  const ingest = "https://app.example.com/ingest";
  assert.deepEqual(await readConfig(config), {
    ...settings,
    endpoint: ingest,
    identityEndpoint: ingest,
  });
});

test("a schema file in place of the generated rules is told what to do", async () => {
  const config = {
    endpoint,
    appId: "app",
    region: "r",
    identityPoolId: "p",
    schema: { $defs: {} },
  };
  await assert.rejects(() => readConfig(config as never), /`npx forebay codegen` generates/);
});

test("what is missing or wrong is named", async () => {
  const good = { endpoint, appId: "app", region: "eu-west-1", identityPoolId: "p" };
  const pinpoint = { appId: "app", region: "r" };
  const exported = { aws_mobile_analytics_app_id: "a", aws_mobile_analytics_app_region: "r" };
  const outputs = { app_id: "app", aws_region: "r" };
  const amplify = { Analytics: { Pinpoint: { region: "r" } }, Auth: {}, endpoint };
  for (const [config, member] of [
    [undefined, "endpoint"],
    [{}, "endpoint"],
    [{ ...good, endpoint: "events.example.com" }, "endpoint"],
    [{ ...good, endpoint: "ftp://events.example.com" }, "endpoint"],
    [{ ...good, endpoint: "https://events.example.com/ingest?key=1" }, "endpoint"],
    [{ ...good, endpoint: "https://events.example.com/#ingest" }, "endpoint"],
    [{ ...good, endpoint: "https://me:secret@events.example.com" }, "endpoint"],
    [{ ...good, endpoint: "https://events.example.com//ingest" }, "endpoint"],
    // Outside of a page it is relative to nothing.
    [{ ...good, endpoint: "/ingest" }, "endpoint"],
    [{ ...good, identityEndpoint: "pool" }, "identityEndpoint"],
    [{ ...good, appId: undefined }, "appId"],
    [{ ...good, region: "" }, "region"],
    [{ ...good, identityPoolId: 7 }, "identityPoolId"],
    [{ ...good, flushInterval: 0 }, "flushInterval"],
    [{ ...good, flushSize: 101 }, "flushSize"],
    [{ ...good, bufferSize: 1.5 }, "bufferSize"],
    [{ ...good, schema: { $defs: {} } }, "schema"],
    [{ ...good, sessions: "mine" }, "sessions"],
    [{ ...good, sessionTimeout: 0 }, "sessionTimeout"],
    [{ ...good, before: "filter" }, "before"],
    [{ ...good, sampleRate: 1.5 }, "sampleRate"],
    // Taken for a number it is 0, and no event is sent.
    [{ ...good, sampleRate: "" }, "sampleRate"],
    [{ ...good, endpointId: "x".repeat(257) }, "endpointId"],
    [{ ...good, endpointId: "\ud83d" }, "endpointId"],
    [{ ...good, endpointId: {} }, "endpointId"],
    [{ ...good, dropPolicy: "none" }, "dropPolicy"],
    [{ ...good, wire: "smoke" }, "wire"],
    [{ ...good, disabled: "false" }, "disabled"],
    [{ ...good, keepCredentials: 0 }, "keepCredentials"],
    [{ ...good, globalProperties: "page" }, "globalProperties"],
    [{ ...good, guestRoleArn: 7 }, "guestRoleArn"],
    [{ ...good, stsEndpoint: "sts" }, "stsEndpoint"],
    [amplify, "Analytics.Pinpoint.appId"],
    [{ ...amplify, Analytics: { Pinpoint: { appId: "app" } } }, "Analytics.Pinpoint.region"],
    [{ ...amplify, Analytics: { Pinpoint: pinpoint } }, "Auth.Cognito.identityPoolId"],
    [{ ...amplify, Analytics: { AWSPinpoint: pinpoint } }, "Auth.identityPoolId"],
    [{ ...amplify, Analytics: {} }, "Analytics.AWSPinpoint.appId"],
    [{ endpoint, aws_project_region: "r" }, "aws_mobile_analytics_app_id"],
    [{ endpoint, aws_mobile_analytics_app_id: "a" }, "aws_mobile_analytics_app_region"],
    [{ endpoint, ...exported }, "aws_cognito_identity_pool_id"],
    [{ endpoint, analytics: {} }, "analytics.amazon_pinpoint.app_id"],
    [{ endpoint, analytics: { amazon_pinpoint: outputs } }, "auth.identity_pool_id"],
  ] as const) {
    await assert.rejects(
      () => readConfig(config as never),
      (error: { name: string; code: string; message: string }) =>
        error.name === "ForebayError" &&
        error.code === "InvalidConfig" &&
        error.message.startsWith(`Forebay configuration: ${member} must`),
      member,
    );
  }
});
