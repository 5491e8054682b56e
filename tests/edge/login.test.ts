// Whoever logs in: tokens with real signatures, verified by the platform's own cryptography.

import assert from "node:assert/strict";
import { generateKeyPairSync, randomBytes, randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import {
  CognitoIdentityClient,
  GetCredentialsForIdentityCommand,
  GetIdCommand,
  NotAuthorizedException,
} from "@aws-sdk/client-cognito-identity";
import { readStream } from "../support/kinesis.ts";
import { type Credentials, guest, putEvents, type TestEvent } from "../support/requests.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { ALGORITHMS, type Issuer, idToken, startIssuer } from "./support/issuer.ts";
import { askAsPage, credentialsIn } from "./support/pages.ts";
import { startWorker, type Worker } from "./support/worker.ts";

const PROVIDER = "login.example/pool";

// As docs/edge-worker.md has it.
const SCHEMA = {
  $defs: {
    IdentityLinkEvent: {
      "x-event-name": "_identity.link",
      description: "A guest logged in: both ids are of one person.",
      type: "object",
      properties: {
        guest_identity_id: { type: "string", maxLength: 55 },
        identity_id: { type: "string", maxLength: 55 },
      },
      required: ["guest_identity_id", "identity_id"],
      additionalProperties: false,
    },
    SignUpEvent: { type: "object", properties: { email: { type: "string" } } },
  },
};

let stack: Stack;
let folder: string;
let issuer: Issuer;
let worker: Worker;
let at: Stack;
before(async () => {
  stack = await startStack({ withLake: false });
  folder = await mkdtemp(join(tmpdir(), "forebay-login-"));
  const schema = join(folder, "forebay.schema.json");
  await writeFile(schema, JSON.stringify(SCHEMA));
  issuer = await startIssuer();
  worker = await startWorker(
    { ...stack, schema },
    { kinesis: stack.kinesis, masterSecret: randomBytes(32), issuers: [issuer.settings] },
  );
  at = { ...stack, edge: worker.edge };
});
after(async () => {
  await worker?.stop();
  issuer?.stop();
  if (folder) await rm(folder, { recursive: true });
  await stack?.stop();
});

const getId = (token: string) =>
  askAsPage(at.edge, "GetId", {
    IdentityPoolId: at.identity_pool_id,
    Logins: { [PROVIDER]: token },
  });

/** The record that an event of these credentials becomes. */
async function recordOf(credentials: Credentials, event: TestEvent) {
  const id = randomUUID();
  const answers = await putEvents(at, credentials, { [id]: event });
  assert.deepEqual(answers[id], { Message: "Accepted", StatusCode: 202 });
  const record = (await readStream(stack)).find(({ json }) => json.forebay.event_id === id);
  return record?.json;
}

test("a login has one identity, with whichever key the issuer signs, and its events say so", async () => {
  const visitor = await guest(at);
  const identities = new Set<string>();
  for (const algorithm of ALGORITHMS) {
    const credentials = await credentialsIn(await getId(idToken(algorithm, "ada")));
    identities.add(credentials.identityId);
    const record = await recordOf(credentials, { EventType: "SignUpEvent" });
    assert.equal(record.client.cognito_id, credentials.identityId);
    assert.equal(record.forebay.amr, "authenticated");
  }
  assert.equal(identities.size, 1);
  assert.ok(!identities.has(visitor.identityId));
  const bob = await credentialsIn(await getId(idToken("RS256", "bob")));
  assert.ok(!identities.has(bob.identityId));
  assert.equal(issuer.asked(), 1, "its keys are kept");
});

test("a token that the issuer did not sign so is no login", async () => {
  const token = idToken("RS256", "ada");
  const [header, , signature] = token.split(".");
  const [, claims] = idToken("RS256", "bob").split(".");
  const seconds = Math.floor(Date.now() / 1000);
  for (const [what, wrong, message] of [
    ["claims of another token", `${header}.${claims}.${signature}`, /Couldn't verify/],
    [
      "a key of someone else",
      idToken("RS256", "ada", {}, generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey),
      /Couldn't verify/,
    ],
    [
      "a key of someone else on the curve",
      idToken("ES256", "ada", {}, generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey),
      /Couldn't verify/,
    ],
    ["no signature", `${header}.${claims}.`, /Couldn't verify/],
    ["no token", "hunter2", /Not an OpenID Connect ID token/],
    ["a time that ran out", idToken("RS256", "ada", { exp: seconds - 1 }), /Token expired/],
    ["another client", idToken("RS256", "ada", { aud: "other" }), /audience/],
    ["another issuer", idToken("RS256", "ada", { iss: "https://else.example" }), /Issuer/],
  ] as const) {
    const response = await getId(wrong);
    assert.equal(response.status, 400, what);
    const { __type, message: said, Credentials } = await response.json();
    assert.equal(__type, "NotAuthorizedException", what);
    assert.match(said, message, what);
    assert.equal(Credentials, undefined);
  }
  assert.doesNotMatch(worker.log(), /hunter2|eyJ/);
});

test("the identity of a login is nobody's without it", async () => {
  const { identityId } = await credentialsIn(await getId(idToken("RS256", "ada")));
  const ask = (Logins?: object) =>
    askAsPage(at.edge, "GetCredentialsForIdentity", { IdentityId: identityId, Logins });
  for (const logins of [undefined, {}, { [PROVIDER]: idToken("RS256", "bob") }]) {
    const response = await ask(logins);
    assert.equal(response.headers.get("x-amzn-errortype"), "NotAuthorizedException");
  }
  const credentials = await credentialsIn(await ask({ [PROVIDER]: idToken("ES256", "ada") }));
  assert.equal(credentials.identityId, identityId);
});

test("a guest who logs in goes on as the login, and an event records that both are one", async () => {
  const visitor = await guest(at);
  const client = new CognitoIdentityClient({ endpoint: at.edge, region: at.region });
  try {
    const Logins = { [PROVIDER]: idToken("RS256", "ada") };
    const { IdentityId } = await client.send(
      new GetIdCommand({ IdentityPoolId: at.identity_pool_id, Logins }),
    );
    const answer = await client.send(
      new GetCredentialsForIdentityCommand({ IdentityId: visitor.identityId, Logins }),
    );
    assert.equal(answer.IdentityId, IdentityId);
    const { AccessKeyId, SecretKey, SessionToken, Expiration } = answer.Credentials ?? {};
    const credentials = {
      identityId: String(IdentityId),
      accessKeyId: String(AccessKeyId),
      secretAccessKey: String(SecretKey),
      sessionToken: String(SessionToken),
      expiration: Number(Expiration) / 1000,
    };
    const link = { guest_identity_id: visitor.identityId, identity_id: credentials.identityId };
    const linked = await recordOf(credentials, { EventType: "_identity.link", Attributes: link });
    assert.deepEqual(linked.attributes, link);
    assert.equal(linked.client.cognito_id, credentials.identityId);
    // What was queued before goes out as the guest's.
    const earlier = await recordOf(visitor, { EventType: "SignUpEvent" });
    assert.equal(earlier.client.cognito_id, visitor.identityId);
    assert.equal(earlier.forebay.amr, "unauthenticated");
    await assert.rejects(
      client.send(new GetCredentialsForIdentityCommand({ IdentityId })),
      NotAuthorizedException,
    );
  } finally {
    client.destroy();
  }
});

test("with the issuer away, a login is to be sent again and guests are not held up", async () => {
  const away = await startIssuer();
  away.stop();
  const cut = await startWorker(stack, {
    kinesis: stack.kinesis,
    masterSecret: randomBytes(32),
    issuers: [away.settings],
  });
  try {
    const response = await askAsPage(cut.edge, "GetId", {
      IdentityPoolId: stack.identity_pool_id,
      Logins: { [PROVIDER]: idToken("RS256", "ada") },
    });
    assert.equal(response.status, 500);
    assert.equal(response.headers.get("x-amzn-errortype"), "InternalErrorException");
    assert.ok((await guest({ ...stack, edge: cut.edge })).identityId);
  } finally {
    await cut.stop();
  }
});
