// What the browser's side takes for a description is what the worker takes: descriptions by chance, the same
// ones in both.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { description as descriptionBy, mended } from "../../npm/src/identity/profile.ts";
import { type Credentials, guest, send } from "../support/requests.ts";
import { type Stack, startStack } from "../support/stack.ts";

const description = (input: Parameters<typeof descriptionBy>[0], id: string, known: string) =>
  descriptionBy(input, id, known, (code, message) => {
    throw Object.assign(new Error(message), { code });
  });

let stack: Stack;
let credentials: Credentials;
before(async () => {
  stack = await startStack({ withLake: false });
  credentials = await guest(stack);
});
after(() => stack?.stop());

/** Whether the worker takes it, and else what it says. */
async function refusal(body: string): Promise<string | undefined> {
  const path = `/v1/apps/${stack.app_id}/endpoints/${randomUUID()}`;
  const response = await send(stack, credentials, { method: "PUT", path, body });
  const said = await response.text();
  return response.status === 202 ? undefined : `${response.status} ${said}`;
}

/** Numbers from 0 to under 1, the same in every run (mulberry32). */
function chance(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

type Pick = <T>(...all: T[]) => T;

/** What stands in a member: mostly what is asked for, at its limits, and now and then anything. */
function generators(pick: Pick) {
  const long = (most: number) =>
    pick("a", "é", "漢", "😀").repeat(pick(1, most - 1, most, most, most + 1));
  const text = () => pick<unknown>("", "pro", "half \ud83d of one", long(100));
  const anything = () =>
    pick<unknown>(
      null,
      undefined,
      7,
      -0,
      1e300,
      Number.NaN,
      true,
      {},
      [],
      ["x"],
      7n,
      new Map(),
      () => 1,
    );
  const often = (make: () => unknown) =>
    pick(...Array(19).fill(true), false) ? make() : anything();
  const values = () =>
    pick<unknown>(
      text(),
      [text(), text()],
      Array(pick(49, 50, 51)).fill("v"),
      [null, text()],
      new Date(0),
    );
  const named = (value: () => unknown) =>
    Object.fromEntries(
      Array.from({ length: pick(0, 1, 3) }, () => [pick("plan", "\udc00", long(50)), often(value)]),
    );
  const number = () => pick<unknown>(0, -1.5, 1e-7, Number.MAX_VALUE);
  return { text, often, values, named, number };
}

test("what identifyUser takes the worker takes, and what heals, too", async () => {
  let [taken, refused] = [0, 0];
  for (let seed = 0; seed < 400; seed++) {
    const next = chance(seed);
    const pick: Pick = (...all) => all[Math.floor(next() * all.length)];
    const { text, often, values, named, number } = generators(pick);
    const profile = {
      email: often(text),
      name: often(text),
      customProperties: often(() => named(values)),
      demographic: often(() => ({ appVersion: often(text), platform: often(text), other: {} })),
      location: often(() => ({
        city: often(text),
        latitude: often(number),
        longitude: often(number),
      })),
      metrics: often(() => named(number)),
    };
    const options = {
      address: often(text),
      channelType: often(() => pick("EMAIL", "IN_APP", "APNS_VOIP_SANDBOX")),
      optOut: often(() => pick("ALL", "NONE")),
      userAttributes: often(() => named(values)),
      merge: pick(true, false),
    };
    // biome-ignore lint/suspicious/noExplicitAny: what pages give may be anything.
    const input: any = { userId: often(text), userProfile: profile, options };
    try {
      const known = `{"User":{"UserId":"u","UserAttributes":{"a":["b"]}}}`;
      assert.equal(
        await refusal(description(input, randomUUID(), known)),
        undefined,
        `seed ${seed}`,
      );
      taken++;
    } catch (error) {
      if ((error as { code?: string }).code !== "InvalidUser") throw error;
      refused++;
    }
    // What a version kept that did not look at it.
    const { email, name, customProperties, demographic, location, metrics } = profile;
    const left = {
      Attributes: { email, name, ...(customProperties as object) },
      Demographic: demographic,
      Location: location,
      Metrics: metrics,
      OptOut: options.optOut,
      ChannelType: options.channelType,
      User: { UserId: input.userId, UserAttributes: options.userAttributes },
    };
    const kept = JSON.stringify(left, (_, value) =>
      typeof value === "bigint" ? Number(value) : value,
    );
    assert.equal(await refusal(mended(kept) ?? "{}"), undefined, `left by seed ${seed}`);
  }
  assert.ok(taken > 50 && refused > 50, `${taken} taken, ${refused} refused`);
});

test("what identifyUser refuses of the right types the worker refuses, and at the same limits", async () => {
  const texts = (count: number, character: string) => character.repeat(count);
  for (const character of ["a", "é", "漢", "😀"]) {
    for (const more of [0, 1]) {
      const name = texts(50 + more, character);
      const value = texts(100 + more, character);
      for (const [given, sent] of [
        [
          { userProfile: { customProperties: { [name]: ["v"] } } },
          { Attributes: { [name]: ["v"] } },
        ],
        [{ userProfile: { customProperties: { n: [value] } } }, { Attributes: { n: [value] } }],
        [{ userProfile: { metrics: { [name]: 1 } } }, { Metrics: { [name]: 1 } }],
        [
          { userProfile: { customProperties: { n: Array(50 + more).fill("v") } } },
          { Attributes: { n: Array(50 + more).fill("v") } },
        ],
        [
          { options: { userAttributes: { n: [value] } } },
          { User: { UserAttributes: { n: [value] } } },
        ],
      ] as const) {
        let isTaken = true;
        try {
          description(given as never, "r", "{}");
        } catch {
          isTaken = false;
        }
        const said = await refusal(JSON.stringify(sent));
        assert.deepEqual([isTaken, said === undefined], [!more, !more], JSON.stringify(given));
      }
    }
  }
  for (const [member, given, name] of [
    ["channelType", "SMOKE", "ChannelType"],
    ["channelType", "email", "ChannelType"],
    ["optOut", "SOME", "OptOut"],
  ]) {
    assert.throws(() =>
      description({ userId: "u", userProfile: {}, options: { [member]: given } }, "r", "{}"),
    );
    assert.match(String(await refusal(JSON.stringify({ [name]: given }))), /^400/);
  }
});

test("the largest description that identifyUser takes is the largest that the worker takes", async () => {
  const of = (length: number) =>
    description(
      { userId: "u", userProfile: {}, options: { address: "é".repeat(length) } },
      "r",
      "{}",
    );
  let length = 7_000;
  for (;;) {
    try {
      of(length + 1);
      length++;
    } catch {
      break;
    }
  }
  const largest = of(length);
  assert.equal(await refusal(largest), undefined);
  assert.match(String(await refusal(largest.replace("é", "éé"))), /^413/);
});
