// GetOpenIdToken: AWS's clients ask for the token, Node's cryptography checks it, and another worker accepts it as a
// login.

import assert from "node:assert/strict";
import { createPublicKey, generateKeyPairSync, randomBytes, verify } from "node:crypto";
import { after, before, test } from "node:test";
import { CognitoIdentityClient, GetOpenIdTokenCommand } from "@aws-sdk/client-cognito-identity";
import { python } from "../support/python.ts";
import { cognito, guest } from "../support/requests.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { type Issuer, idToken, startIssuer } from "./support/issuer.ts";
import { startWorker, type Worker } from "./support/worker.ts";

const PROVIDER = "login.example/pool";
const NAME = "events.example.com";

let stack: Stack;
let issuer: Issuer;
let worker: Worker;
let trusting: Worker;
before(async () => {
  stack = await startStack({ withLake: false });
  issuer = await startIssuer();
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  worker = await startWorker(stack, {
    kinesis: stack.kinesis,
    masterSecret: randomBytes(32),
    piiSalt: randomBytes(32).toString("base64"),
    issuers: [issuer.settings],
    openidIssuer: `https://${NAME}`,
    openidKeys: [{ kid: "1", ...privateKey.export({ format: "jwk" }) }],
  });
  trusting = await startWorker(stack, {
    kinesis: stack.kinesis,
    masterSecret: randomBytes(32),
    piiSalt: randomBytes(32).toString("base64"),
    issuers: [
      {
        issuer: `https://${NAME}`,
        audiences: [stack.identity_pool_id],
        jwks_uri: `${worker.edge}/.well-known/jwks.json`,
      },
    ],
  });
});
after(async () => {
  await trusting?.stop();
  await worker?.stop();
  issuer?.stop();
  await stack?.stop();
});

interface Claims {
  sub: string;
  aud: string;
  iss: string;
  amr: string[];
  iat: number;
  exp: number;
}

/** The claims of a token, checked with what the worker publishes. */
async function claimsOf(token: string): Promise<Claims> {
  const configuration = await fetch(`${worker.edge}/.well-known/openid-configuration`);
  const { issuer, jwks_uri } = await configuration.json();
  assert.equal(issuer, `https://${NAME}`);
  const { keys } = await (await fetch(jwks_uri.replace(issuer, worker.edge))).json();
  const [header, claims, signature] = token.split(".");
  const { alg, kid } = JSON.parse(Buffer.from(header, "base64url").toString());
  assert.equal(alg, "ES256");
  const jwk = keys.find((key: { kid: string }) => key.kid === kid);
  const key = createPublicKey({ key: jwk, format: "jwk" });
  const isGenuine = verify(
    "sha256",
    Buffer.from(`${header}.${claims}`),
    { key, dsaEncoding: "ieee-p1363" },
    Buffer.from(signature, "base64url"),
  );
  assert.ok(isGenuine);
  return JSON.parse(Buffer.from(claims, "base64url").toString());
}

test("AWS's clients get a token of a guest", async () => {
  const { edge } = worker;
  const { region, identity_pool_id } = stack;
  const given = JSON.stringify({ edge, region, identity_pool_id });
  const { identity_id, answer, refused } = JSON.parse(
    await python("edge/boto3_open_id_token.py", [], given),
  );
  assert.equal(refused, "NotAuthorizedException");
  assert.equal(answer.IdentityId, identity_id);
  const client = new CognitoIdentityClient({ endpoint: edge, region });
  const { Token } = await client.send(new GetOpenIdTokenCommand({ IdentityId: identity_id }));
  client.destroy();
  for (const token of [answer.Token, Token]) {
    const { iat, exp, ...claims } = await claimsOf(token);
    assert.ok(Math.abs(iat * 1000 - Date.now()) < 60_000 && exp - iat === 600, `${iat} ${exp}`);
    assert.deepEqual(claims, {
      sub: identity_id,
      aud: identity_pool_id,
      iss: `https://${NAME}`,
      amr: ["unauthenticated"],
    });
  }
});

test("a token of whoever has logged in is a login of another worker, and a guest's is none", async () => {
  const at = { ...stack, edge: worker.edge };
  const { identityId } = await guest(at);
  const Logins = { [PROVIDER]: idToken("RS256", "ada") };
  const asked = await cognito(at, "GetOpenIdToken", { IdentityId: identityId, Logins });
  const { IdentityId, Token } = await asked.json();
  assert.notEqual(IdentityId, identityId);
  const claims = await claimsOf(Token);
  assert.deepEqual([claims.sub, claims.amr], [IdentityId, ["authenticated", PROVIDER]]);

  const there = { ...stack, edge: trusting.edge };
  const logIn = (token: string) =>
    cognito(there, "GetId", {
      IdentityPoolId: stack.identity_pool_id,
      Logins: { [NAME]: token },
    });
  assert.equal((await logIn(Token)).status, 200);
  const ofGuest = await cognito(at, "GetOpenIdToken", { IdentityId: identityId });
  const refused = await logIn((await ofGuest.json()).Token);
  assert.match(await refused.text(), /guest/);
  const [header, body] = Token.split(".");
  const forged = await logIn(`${header}.${body}.${"A".repeat(86)}`);
  assert.match(await forged.text(), /Couldn't verify/);
});
