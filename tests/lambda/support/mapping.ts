// What Lambda's event source mapping does with one shard, on a bad day: batches of any size, invocations that are
// killed at any write or run on after they were given up, and tries with other boundaries.

import type { Bucket } from "../../support/bucket.ts";
import { FunctionError, Killed, LambdaFunction } from "./function.ts";
import { kinesisRecord } from "./records.ts";

/** Most records and bytes of an invocation. */
const MAX_RECORDS = 10_000;
const MAX_BYTES = 6 * 1024 * 1024;

export interface Shard {
  id: string;
  /** The numbers of its records: from the first up to the last, which is not one of them. */
  from: number;
  to: number;
}

export interface Trouble {
  invocations: number;
  killed: number;
  /** Given up while they ran, and left to run on. */
  abandoned: number;
  megabytes: number;
}

/** A generator of numbers from 0 to 1 that is the same for a seed (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** Has a function take all records of a shard. */
export async function deliver(
  shard: Shard,
  environment: NodeJS.ProcessEnv,
  bucket: Bucket,
  seed: number,
): Promise<Trouble> {
  const random = randomOf(seed);
  const trouble = { invocations: 0, killed: 0, abandoned: 0, megabytes: 0 };
  const lambda = () => new LambdaFunction("stream", environment);
  let current = lambda();
  const runningOn: Promise<unknown>[] = [];
  const releases: (() => void)[] = [];
  // Small shards have many invocations, too.
  const most = Math.min(MAX_RECORDS, (shard.to - shard.from) / 4);
  let next = shard.from;
  while (next < shard.to) {
    const event = batch(shard, next, 1 + Math.floor(random() ** 2 * most));
    trouble.invocations++;
    const chance = random();
    if (chance < 0.15) {
      // Given up: the same records go to another process, and this one writes when that has ended.
      trouble.abandoned++;
      const abandoned = current;
      const { held, release } = holdWrites(abandoned, bucket, shard.id);
      runningOn.push(abandoned.invoke(event).finally(() => abandoned.kill()));
      await held;
      releases.push(release);
      current = lambda();
      continue;
    }
    const kill = chance < 0.45 && killAtWrite(current, bucket, shard.id, random);
    try {
      const answer = (await current.invoke(event)) as {
        batchItemFailures: { itemIdentifier: string }[];
      };
      const failed = answer.batchItemFailures[0]?.itemIdentifier;
      const taken = event.Records.findIndex(({ kinesis }) => kinesis.sequenceNumber === failed);
      next += failed === undefined ? event.Records.length : taken;
      for (const release of releases.splice(0)) release();
    } catch (error) {
      if (!(error instanceof Killed)) throw error;
      trouble.killed++;
    } finally {
      if (kill) kill();
      trouble.megabytes = Math.max(trouble.megabytes, current.megabytes);
    }
  }
  current.kill();
  await Promise.all(runningOn);
  return trouble;
}

function batch(shard: Shard, from: number, most: number) {
  const records = [];
  let bytes = 0;
  for (let number = from; number < Math.min(from + most, shard.to); number++) {
    const record = kinesisRecord(shard.id, number);
    bytes += record.kinesis.data.length + 500;
    if (bytes > MAX_BYTES) break;
    records.push(record);
  }
  return { Records: records };
}

/** Kills the function when it makes one of its next writes: before the write happens, or after. */
function killAtWrite(lambda: LambdaFunction, bucket: Bucket, shard: string, random: () => number) {
  let left = Math.floor(random() * 6);
  const moment = random() < 0.5 ? "before" : "after";
  const others = bucket.onPut;
  bucket.onPut = async (key, when) => {
    await others(key, when);
    if (!key.includes(shard) || when !== moment || left-- !== 0) return;
    lambda.kill();
    if (when === "before") throw new FunctionError("the connection of a killed process");
  };
  return () => {
    left = -1;
  };
}

/** Stops the function at its first write, which then waits until it is released. */
function holdWrites(lambda: LambdaFunction, bucket: Bucket, shard: string) {
  let release = () => {};
  let stopped = () => {};
  const held = new Promise<void>((resolve) => {
    stopped = resolve;
  });
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  let holding = true;
  const others = bucket.onPut;
  bucket.onPut = async (key, when) => {
    await others(key, when);
    if (!holding || when !== "before" || !key.includes(shard)) return;
    lambda.signal("SIGSTOP");
    stopped();
    await released;
  };
  return {
    held: held.then(() => {
      holding = false;
    }),
    release: () => {
      lambda.signal("SIGCONT");
      release();
    },
  };
}
