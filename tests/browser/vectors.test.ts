// The golden vectors that Rust is held against, in the TypeScript of the SDK and the module it loads.

import assert from "node:assert/strict";
import { createHash, createHmac, randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { mock, test } from "node:test";
import { encode } from "../../npm/src/module/validator.ts";
import { wired } from "../../npm/src/queue/wire.ts";
import { inHeaders } from "../../npm/src/send/pinpoint.ts";
import { send } from "../../npm/src/send/requests.ts";
import { hex, hmac, sha256 } from "../../npm/src/send/sha256.ts";
import { setUp } from "../../npm/src/setup.ts";

function cases(file: string) {
  return JSON.parse(readFileSync(new URL(`../vectors/${file}`, import.meta.url), "utf8")).cases;
}

/** Milliseconds since the epoch of a time such as `20150830T123600Z`. */
function time(amzDate: string): number {
  return Date.parse(amzDate.replace(/(....)(..)(..)T(..)(..)(..)Z/, "$1-$2-$3T$4:$5:$6Z"));
}

for (const given of cases("sigv4_browser.json")) {
  test(`a signed request: ${given.name}`, async () => {
    const fetch = mock.method(globalThis, "fetch", async () => new Response("{}"));
    mock.timers.enable({ apis: ["Date"], now: time(given.amz_date) - 7_000 });
    try {
      const [, appId, path] = /^\/v1\/apps\/([^/]+)\/(.+)$/.exec(given.path) ?? [];
      const form = given.form === "presigned" ? undefined : inHeaders;
      const settings = { appId, endpoint: `https://${given.host}`, region: given.region, form };
      setUp(settings as never, undefined as never);
      const body = new TextEncoder().encode(given.body);
      await send(
        { method: given.method, path, body, keepalive: false, offset: 7_000 },
        {
          AccessKeyId: given.access_key_id,
          SecretKey: given.secret_access_key,
          SessionToken: given.session_token,
          Expiration: 0,
        },
      );
    } finally {
      mock.timers.reset();
      fetch.mock.restore();
    }
    const [address, { headers }] = fetch.mock.calls[0].arguments as unknown as [
      string,
      { headers: Record<string, string> },
    ];
    const { query, headers: signed } = given.sends;
    const url = `https://${given.host}${given.path}`;
    assert.equal(address, query ? `${url}?${query}` : url);
    for (const [name, value] of Object.entries(signed ?? {})) assert.equal(headers[name], value);
  });
}

test("bytes and keys of any length have the hash and the MAC that OpenSSL gives", () => {
  for (let length = 0; length < 300; length++) {
    const [bytes, key] = [randomBytes(length), randomBytes((length * 7) % 150)];
    assert.equal(hex(sha256(bytes)), createHash("sha256").update(bytes).digest("hex"));
    assert.equal(hex(hmac(key, bytes)), createHmac("sha256", key).update(bytes).digest("hex"));
  }
});

for (const { name, events, expected } of cases("put_events_encoding.json")) {
  test(`events as they travel: ${name}`, () => {
    const texts = events.map(({ id, milliseconds, event }: Encoded) => {
      const { Session, ...body } = event;
      const session = Session && {
        id: Session.Id,
        start: Date.parse(Session.StartTimestamp) - 5,
        stop: Session.StopTimestamp && Date.parse(Session.StopTimestamp) - 5,
      };
      const row = { id, at: milliseconds - 5, body: JSON.stringify(body), session };
      return wired(row as never, 5);
    });
    const [{ Events }] = Object.values(JSON.parse(expected).BatchItem) as { Events: object }[];
    assert.deepEqual(JSON.parse(`{${texts.join()}}`), Events);
  });
}

for (const { name, units, json, text } of cases("surrogates.json")) {
  test(`halves of surrogate pairs as the platform encodes them: ${name}`, () => {
    const given = String.fromCharCode(...units);
    assert.equal(JSON.parse(json), given);
    assert.equal(new TextDecoder().decode(encode(given)), text);
  });
}

interface Encoded {
  id: string;
  milliseconds: number;
  event: Record<string, unknown> & {
    Session?: { Id: string; StartTimestamp: string; StopTimestamp?: string };
  };
}
