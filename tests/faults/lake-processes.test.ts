// Several processes read one stream into one lake: shards spread, and go over when a process dies or is paused.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { type KinesisClient, SplitShardCommand } from "@aws-sdk/client-kinesis";
import { Bucket } from "../support/bucket.ts";
import { kinesisClient } from "../support/kinesis.ts";
import { eventIds } from "../support/lake.ts";
import { ROOT } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { flushes, type Program, putEvents, REGION, runLake, startKinesis } from "./lake-process.ts";

const SCHEMA = join(ROOT, "demo-react/forebay.schema.json");
const SHARDS = 4;

let kinesis: Program & { url: string };
let client: KinesisClient;
let bucket: Bucket;
let folder: string;

before(async () => {
  kinesis = await startKinesis([`folder:${SHARDS}`, `bucket:${SHARDS}`]);
  client = kinesisClient({ kinesis: kinesis.url, region: REGION });
  bucket = await Bucket.start("lakes");
  folder = await mkdtemp(join(tmpdir(), "forebay-processes-"));
});

after(async () => {
  client.destroy();
  bucket.close();
  await kinesis.end("SIGKILL");
  await rm(folder, { recursive: true });
});

/** A stream and its lake. */
class Lake {
  sent: string[] = [];

  constructor(
    readonly stream: string,
    readonly place: string[],
    readonly copy: () => Promise<string>,
  ) {}

  consume(): Program {
    const words = ["consume", "--stream", this.stream, "--region", REGION, "--schema", SCHEMA];
    words.push("--kinesis-endpoint", kinesis.url, "--max-seconds", "0.2", "--compact-seconds", "2");
    return runLake([...words, ...this.place]);
  }

  /** Puts events of many clients, some of them twice. */
  async put(count: number): Promise<void> {
    const ids = Array.from({ length: count }, (_, n) => `e${this.sent.length + n}`);
    this.sent.push(...ids);
    const again = ids.filter((_, n) => n % 5 === 0);
    const events = [...ids, ...again].map((event_id) => ({
      event_id,
      event_type: "SignUpEvent",
      client_id: `client-${event_id}`,
      attributes: { email: `${event_id}@example.com` },
    }));
    await putEvents(client, this.stream, events);
  }

  async untilAll(): Promise<void> {
    const all = async () => {
      // A query that meets the deletion of a file that was merged ends with an error.
      const ids = await eventIds(await this.copy()).catch(() => []);
      return new Set(ids).size >= this.sent.length;
    };
    await until("all rows", all, { timeout: 60_000 });
  }

  async verify(): Promise<void> {
    // A merge that a signal has interrupted may have left the files that it replaced.
    const compacted = runLake(["compact", "--region", REGION, ...this.place]);
    assert.equal(await compacted.ended, 0, compacted.log());
    const verified = runLake(["verify", "--region", REGION, ...this.place]);
    assert.equal(await verified.ended, 0, verified.output());
    assert.deepEqual(await eventIds(await this.copy()), this.sent.toSorted());
    const { counts } = JSON.parse(verified.output().trim().split("\n").at(-1) ?? "");
    const again = counts.records - this.sent.length;
    assert.deepEqual([counts.rows, counts.duplicates], [this.sent.length, again]);
  }
}

const shardsOf = (...lakes: Program[]) =>
  lakes.map((lake) => new Set(flushes(lake).map((flush) => flush.shard)));

/** Waits until a process has written batches of so many shards since it was looked at. */
async function untilReads(lake: Lake, program: Program, shards: number): Promise<void> {
  const from = flushes(program).length;
  await until(
    `batches of ${shards} shards`,
    async () => {
      await lake.put(20);
      return (
        new Set(
          flushes(program)
            .slice(from)
            .map(({ shard }) => shard),
        ).size >= shards
      );
    },
    { timeout: 60_000 },
  );
}

const lakes: [string, () => Lake][] = [
  [
    "folder",
    () => {
      const place = join(folder, "folder");
      return new Lake("folder", ["--lake", place], async () => place);
    },
  ],
  [
    "bucket",
    () => {
      const place = ["--lake", "s3://lakes/a", "--s3-endpoint", bucket.url];
      const copy = join(folder, "copy");
      return new Lake("bucket", place, async () => {
        await bucket.copyTo(copy, "a/");
        return copy;
      });
    },
  ],
];

for (const [name, make] of lakes) {
  test(`in a ${name}, shards spread over processes, and go over when one is killed or paused`, async () => {
    const lake = make();
    const first = lake.consume();
    await untilReads(lake, first, SHARDS);
    const second = lake.consume();
    await untilReads(lake, second, SHARDS / 2);
    // What the first has given up it does not read any more.
    await untilReads(lake, first, SHARDS / 2);
    const [, ofSecond] = shardsOf(first, second);
    assert.equal(ofSecond.size, SHARDS / 2, second.log());

    // A split shard's children are read when it has been read to its end, by whichever process.
    await client.send(
      new SplitShardCommand({
        StreamName: lake.stream,
        ShardToSplit: "shardId-000000000000",
        NewStartingHashKey: String(2n ** 125n),
      }),
    );
    const children = ["shardId-000000000004", "shardId-000000000005"];
    await until("the children", async () => {
      await lake.put(20);
      const read = shardsOf(first, second);
      return children.every((child) => read.some((shards) => shards.has(child)));
    });

    let last = second;
    if (name === "folder") {
      // The system keeps the locks of a process that is paused. It goes on where it was.
      first.signal("SIGSTOP");
      await lake.put(50);
      first.signal("SIGCONT");
      await untilReads(lake, first, 2);
      assert.equal(await second.end("SIGKILL"), null);
      last = first;
    } else {
      // Nobody waits for a process that is paused. It notices, and writes nothing more.
      first.signal("SIGSTOP");
    }
    await untilReads(lake, last, SHARDS + 1);
    if (name === "bucket") {
      first.signal("SIGCONT");
      assert.equal(await first.ended, 1, first.log());
      assert.match(first.log(), /the lease of this process is lost/);
    }
    await lake.put(50);
    await lake.untilAll();
    assert.equal(await last.end("SIGTERM"), 0, last.log());
    await lake.verify();
  });
}
