// What an outsider can do to the worker, and what it may cost: in bytes, calls and answers, never in
// time. One `describe` for each kind of attack.

import assert from "node:assert/strict";
import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import {
  type Credentials,
  cognito,
  guest,
  putEvents,
  putEventsBody,
  send,
  signed,
} from "../support/requests.ts";
import { type Stack, startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { idToken, startIssuer } from "./support/issuer.ts";
import { residentMegabytes } from "./support/memory.ts";
import { mint } from "./support/session-token.ts";
import { startUpload } from "./support/upload.ts";
import { startWorker, type Worker } from "./support/worker.ts";

const EVENT = { EventType: "SignUpEvent", Attributes: { email: "a@example.com" } };
const MASTER_SECRET = randomBytes(32);
const MEGABYTE = 1024 * 1024;

let stack: Stack;
let worker: Worker;
let at: Stack;
let credentials: Credentials;
let path: string;

before(async () => {
  stack = await startStack({ withLake: false });
  worker = await startWorker(stack, { kinesis: stack.kinesis, masterSecret: MASTER_SECRET });
  at = { ...stack, edge: worker.edge };
  credentials = await guest(at);
  path = `/v1/apps/${stack.app_id}/events`;
});
after(async () => {
  await worker?.stop();
  await stack?.stop();
});

const body = () => JSON.stringify(putEventsBody({ [randomUUID()]: EVENT }));

/** The head of a signed request that announces a body. */
async function head(by = credentials, place = at, options: { path?: string; date?: Date } = {}) {
  const { url, init } = await signed(place, by, { path, body: body(), ...options });
  return { url, headers: { ...init.headers, "content-length": String(MEGABYTE) } };
}

async function stillServes() {
  const id = randomUUID();
  const answers = await putEvents(at, credentials, { [id]: EVENT });
  assert.equal(answers[id].StatusCode, 202);
}

describe("a request that its head refuses is answered before a byte of its body has come", () => {
  const announced = { "content-length": String(20 * MEGABYTE) };
  const target = (operation: string) => ({
    ...announced,
    "x-amz-target": `AWSCognitoIdentityService.${operation}`,
  });
  const now = () => Math.floor(Date.now() / 1000);
  const heads: [string, () => Promise<{ url: string; headers: Record<string, string> }>, RegExp][] =
    [
      ["no signature", async () => ({ url: at.edge + path, headers: announced }), /MissingAuth/],
      [
        "a token of its own making",
        () => head({ ...credentials, sessionToken: randomBytes(120).toString("base64url") }),
        /UnrecognizedClient/,
      ],
      [
        "credentials that have run out",
        () => head(mint(MASTER_SECRET, credentials.identityId, now() - 1)),
        /ExpiredToken/,
      ],
      [
        "a date of six minutes ago",
        () => head(credentials, at, { date: new Date(Date.now() - 360_000) }),
        /InvalidSignature/,
      ],
      [
        "a date in six minutes",
        () => head(credentials, at, { date: new Date(Date.now() + 360_000) }),
        /InvalidSignature/,
      ],
      [
        "another region",
        () => head(credentials, { ...at, region: "eu-west-1" }),
        /InvalidSignature/,
      ],
      [
        "another app",
        () => head(credentials, at, { path: "/v1/apps/nobody/events" }),
        /NotFoundException/,
      ],
      [
        "more than an operation takes",
        async () => {
          const { url, headers } = await head();
          return { url, headers: { ...headers, ...announced } };
        },
        /PayloadTooLarge/,
      ],
      [
        "no operation",
        async () => ({ url: at.edge, headers: target("Nothing") }),
        /UnknownOperation/,
      ],
      [
        "more than the identity pool takes",
        async () => ({ url: at.edge, headers: target("GetId") }),
        /PayloadTooLarge/,
      ],
      ["no route", async () => ({ url: `${at.edge}/nowhere`, headers: announced }), /NotFound/],
    ];
  for (const [what, made, expected] of heads) {
    test(what, async () => {
      const { url, headers } = await made();
      const upload = await startUpload(url, { headers });
      try {
        const { text } = await upload.answered();
        assert.match(text, expected);
      } finally {
        upload.cut();
      }
    });
  }

  test("and a client that is known, and still sends, hears the answer", async () => {
    const large = "x".repeat(4 * MEGABYTE);
    for (let count = 0; count < 10; count++) {
      const minutesAgo = new Date(Date.now() - 360_000);
      const expired = await send(at, credentials, { path, body: large, date: minutesAgo });
      assert.equal(expired.headers.get("x-amzn-errortype"), "InvalidSignatureException");
      assert.match(await expired.text(), /^{"Message":"Signature expired/);
      const tooLarge = await send(at, credentials, { path, body: `${large}x` });
      assert.match(await tooLarge.text(), /larger than 4194304 bytes/);
    }
  });

  test("and serves on while what it refused is thrown away", async () => {
    const megabyte = new Uint8Array(MEGABYTE);
    for (let count = 0; count < 20; count++) {
      const upload = await startUpload(at.edge + path, { headers: announced });
      for (let sent = 0; sent < 20; sent++) upload.write(megabyte);
      // Whoever goes on sending may find the connection cut.
      await upload.answered().catch(() => {});
      upload.cut();
    }
    await stillServes();
  });
});

describe("an upload that stalls", () => {
  test("is ended, whatever of it has come, and holds up nobody", async () => {
    const { url, headers } = await head();
    const { "content-length": _, ...unannounced } = headers;
    const uploads = await Promise.all([
      startUpload(url, { headers }),
      startUpload(url, { headers: { ...headers, "content-length": "100" } }),
      startUpload(url, { headers: { ...unannounced, "transfer-encoding": "chunked" } }),
    ]);
    uploads[0].write(new Uint8Array(100_000));
    uploads[1].write("{");
    uploads[2].write("5\r\n{    \r\n");
    await stillServes();
    for (const upload of uploads) {
      const { status, text } = await upload.answered();
      assert.equal(status, 408, text);
      assert.match(text, /x-amzn-errortype: RequestTimeoutException/i);
      upload.cut();
    }
    await stillServes();
  });
});

/** A server that keeps every request until it is told to answer. */
async function startHolding(): Promise<{ url: string; held: ServerResponse[]; stop(): void }> {
  const held: ServerResponse[] = [];
  const server: Server = createServer((request, response) => {
    request.resume().on("end", () => held.push(response));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    held,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** An answer of Kinesis that has taken one record. */
const TAKEN = JSON.stringify({
  FailedRecordCount: 0,
  Records: [{ SequenceNumber: "1", ShardId: "shardId-0" }],
});

const isTooMany = (response: Response) =>
  response.status === 429 &&
  response.headers.get("x-amzn-errortype") === "TooManyRequestsException" &&
  Number(response.headers.get("retry-after")) > 0;

describe("memory", () => {
  test("is given to so many requests at once, and the others are told to come back", async () => {
    const kinesis = await startHolding();
    const busy = await startWorker(stack, { kinesis: kinesis.url, masterSecret: MASTER_SECRET });
    try {
      const place = { ...stack, edge: busy.edge };
      const large = () => body().padEnd(4 * MEGABYTE);
      const refused: Response[] = [];
      let cut = 0;
      const requests = Array.from({ length: 16 }, async () => {
        try {
          const response = await send(place, credentials, { path, body: large() });
          if (response.status !== 202) refused.push(response);
          return response.status;
        } catch {
          // workerd may close a connection whose client still sends what nobody reads.
          cut += 1;
          return undefined;
        }
      });
      const settled = () => kinesis.held.length + refused.length + cut === 16;
      await until("each to be held or refused", settled);
      assert.ok(kinesis.held.length >= 1, "none at once");
      assert.ok(refused.length >= 6 && refused.every(isTooMany), `${refused.length} refused`);
      assert.ok(cut <= 3, `${cut} cut`);
      // A small one finds room beside them.
      const small = send(place, credentials, { path, body: body() });
      const held = kinesis.held.length;
      await until("the small one to come to Kinesis", () => kinesis.held.length === held + 1);
      for (const response of kinesis.held) response.end(TAKEN);
      assert.equal((await small).status, 202);
      const statuses = await Promise.all(requests);
      assert.equal(statuses.filter((status) => status === 202).length, held);
      // All of it was given back.
      const again = send(place, credentials, { path, body: large() });
      await until("the next to come to Kinesis", () => kinesis.held.length === held + 2);
      kinesis.held[held + 1].end(TAKEN);
      assert.equal((await again).status, 202);
    } finally {
      await busy.stop();
      kinesis.stop();
    }
  });

  test("of uploads that are cut off is given back", async () => {
    const ended = () => worker.log().match(/"operation":"PutEvents"/g)?.length ?? 0;
    const cutOff = async (count: number) => {
      const before = ended();
      for (let round = 0; round < count; round++) {
        const { url, headers } = await head();
        const length = String(4 * MEGABYTE);
        const upload = await startUpload(url, {
          headers: { ...headers, "content-length": length },
        });
        upload.write(new Uint8Array(3 * MEGABYTE));
        await upload.sent();
        upload.cut();
      }
      await until("them to end", () => ended() === before + count, { timeout: 60_000 });
      return residentMegabytes(worker.pid);
    };
    // What the platform takes and keeps for itself, it takes at first.
    const resident = await cutOff(120);
    const grown = (await cutOff(120)) - resident;
    assert.ok(grown < 120, `${grown} MB more after 360 MB that were cut off`);
    const large = body().padEnd(4 * MEGABYTE);
    assert.equal((await send(at, credentials, { path, body: large })).status, 202);
  });

  test("of requests whose client goes away is given back", async () => {
    const kinesis = await startHolding();
    const busy = await startWorker(stack, { kinesis: kinesis.url, masterSecret: MASTER_SECRET });
    try {
      const place = { ...stack, edge: busy.edge };
      for (let round = 1; round <= 12; round++) {
        const text = body().padEnd(4 * MEGABYTE);
        const { url, init } = await signed(place, credentials, { path, body: text });
        const headers = { ...init.headers, "content-length": String(text.length) };
        const upload = await startUpload(url, { headers });
        upload.write(text);
        await until("the request to come to Kinesis", () => kinesis.held.length === round);
        upload.cut();
        // What was sent goes where it belongs, whether or not somebody hears of it.
        kinesis.held[round - 1].end(TAKEN);
        const lines = () => busy.log().match(/"accepted":1/g)?.length ?? 0;
        await until("the request to end", () => lines() === round);
      }
    } finally {
      await busy.stop();
      kinesis.stop();
    }
  });
});

describe("a stampede", () => {
  test("of forged logins asks the issuer once", async () => {
    const issuer = await startIssuer();
    const pool = await startWorker(stack, {
      kinesis: stack.kinesis,
      masterSecret: MASTER_SECRET,
      issuers: [issuer.settings],
    });
    try {
      const place = { ...stack, edge: pool.edge };
      const login = (token: string) =>
        cognito(place, "GetId", {
          IdentityPoolId: stack.identity_pool_id,
          Logins: { "login.example/pool": token },
        });
      const genuine = idToken("RS256", "ada");
      const forged = `${genuine.slice(0, -8)}AAAAAAAA`;
      const statuses = async (token: string, count: number) => {
        const answers = await Promise.all(Array.from({ length: count }, () => login(token)));
        return answers.map((answer) => answer.status);
      };
      const first = await statuses(forged, 200);
      assert.ok(first.every((status) => status === 400 || status === 429));
      assert.equal(issuer.asked(), 1);
      const unknown = idToken("RS256", "ada", {}, undefined, "nobody");
      const others = await statuses(unknown, 200);
      assert.ok(others.every((status) => status === 400 || status === 429));
      assert.ok(issuer.asked() <= 2, `${issuer.asked()} times`);
      assert.equal((await login(genuine)).status, 200);
    } finally {
      await pool.stop();
      issuer.stop();
    }
  });

  test("of deep health checks asks each stream once", async () => {
    let calls = 0;
    const kinesis = createServer((request, response) => {
      calls += 1;
      request.resume().on("end", () => {
        response.end('{"StreamDescriptionSummary":{"StreamStatus":"ACTIVE"}}');
      });
    });
    kinesis.listen(0, "127.0.0.1");
    await once(kinesis, "listening");
    const { port } = kinesis.address() as AddressInfo;
    const healthy = await startWorker(stack, {
      kinesis: `http://127.0.0.1:${port}`,
      masterSecret: MASTER_SECRET,
    });
    try {
      const ask = () => fetch(`${healthy.edge}/healthz?deep=1`);
      await Promise.all(Array.from({ length: 200 }, ask));
      assert.equal(calls, 2);
    } finally {
      await healthy.stop();
      kinesis.closeAllConnections();
      kinesis.close();
    }
  });

  test("does not wait for one who has gone away", async () => {
    const issuer = await startHolding();
    const pool = await startWorker(stack, {
      kinesis: stack.kinesis,
      masterSecret: MASTER_SECRET,
      issuers: [{ issuer: "https://login.example/pool", audiences: ["web"], jwks_uri: issuer.url }],
    });
    try {
      const text = JSON.stringify({
        IdentityPoolId: stack.identity_pool_id,
        Logins: { "login.example/pool": idToken("RS256", "ada") },
      });
      const headers = {
        "x-amz-target": "AWSCognitoIdentityService.GetId",
        "content-length": String(text.length),
      };
      const first = await startUpload(pool.edge, { headers });
      first.write(text);
      await until("the issuer to be asked", () => issuer.held.length === 1);
      const second = await startUpload(pool.edge, { headers });
      second.write(text);
      first.cut();
      // Nobody answers: both give up, and the next one would ask again.
      const { status } = await second.answered();
      second.cut();
      assert.equal(status, 500);
    } finally {
      await pool.stop();
      issuer.stop();
    }
  });
});

describe("limits", () => {
  test("of a network and an identity are kept, by Cloudflare's binding where there is one", async () => {
    const rates = { requests: 2, seconds: 600 };
    const limited = await startWorker(stack, {
      kinesis: stack.kinesis,
      masterSecret: MASTER_SECRET,
      rateLimits: {
        identity_pool_per_network: rates,
        events_per_identity: { ...rates, binding: "EVENTS" },
      },
      front: `
import worker from "./main.js";
const EVENTS = { limit: async ({ key }) => ({ success: !key.includes("${credentials.identityId}") }) };
export default {
  fetch: (request, env, context) => worker.fetch(request, { ...env, EVENTS }, context),
};
`,
    });
    try {
      const place = { ...stack, edge: limited.edge };
      const getId = (address: string) =>
        fetch(limited.edge, {
          method: "POST",
          headers: {
            "x-amz-target": "AWSCognitoIdentityService.GetId",
            "cf-connecting-ip": address,
          },
          body: JSON.stringify({ IdentityPoolId: stack.identity_pool_id }),
        });
      assert.equal((await getId("192.0.2.1")).status, 200);
      assert.equal((await getId("192.0.2.1")).status, 200);
      assert.ok(isTooMany(await getId("192.0.2.1")));
      assert.equal((await getId("192.0.2.2")).status, 200);
      assert.ok(isTooMany(await send(place, credentials, { path, body: body() })));
      const other = await guest(place);
      assert.equal((await send(place, other, { path, body: body() })).status, 202);
    } finally {
      await limited.stop();
    }
  });

  test("a revoked identity sends nothing more, and a body that is not read", async () => {
    const revoking = await startWorker(stack, {
      kinesis: stack.kinesis,
      masterSecret: MASTER_SECRET,
      revokedIdentities: [credentials.identityId],
    });
    try {
      const place = { ...stack, edge: revoking.edge };
      const { url, headers } = await head(credentials, place);
      const upload = await startUpload(url, { headers });
      assert.match((await upload.answered()).text, /UnrecognizedClientException/);
      upload.cut();
      const { identityId: IdentityId } = credentials;
      const renewed = await cognito(place, "GetCredentialsForIdentity", { IdentityId });
      assert.equal(renewed.headers.get("x-amzn-errortype"), "NotAuthorizedException");
    } finally {
      await revoking.stop();
    }
  });

  test("an identity that is no region and UUID is not issued", async () => {
    for (const IdentityId of [
      "us-east-1:0",
      `us-east-1:${"-".repeat(36)}`,
      "us-east-1:dead-beef",
    ]) {
      const response = await cognito(at, "GetCredentialsForIdentity", { IdentityId });
      assert.equal(response.headers.get("x-amzn-errortype"), "ResourceNotFoundException");
    }
  });
});
