// What a stream holds, read through AWS's own client.

import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
} from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";
import type { StackDescription } from "./stack.ts";

export interface StreamRecord {
  shard: string;
  sequence_number: string;
  partition_key: string;
  /** The record's bytes as text. */
  text: string;
  /** The record's JSON; `undefined` where it is none. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into records of any shape.
  json: any;
}

/** A client for the stack's Kinesis. */
export function kinesisClient(stack: Pick<StackDescription, "kinesis" | "region">): KinesisClient {
  return new KinesisClient({
    endpoint: stack.kinesis,
    region: stack.region,
    credentials: { accessKeyId: "local", secretAccessKey: "local" },
    // The client would speak HTTP/2, which kinesalite does not.
    requestHandler: new NodeHttpHandler(),
  });
}

/** All records that a stream holds now, shard by shard, in their order. */
export async function readStream(
  stack: Pick<StackDescription, "kinesis" | "region" | "stream">,
  stream = stack.stream,
): Promise<StreamRecord[]> {
  const client = kinesisClient(stack);
  try {
    const { Shards = [] } = await client.send(new ListShardsCommand({ StreamName: stream }));
    const shards = Shards.map((shard) => readShard(client, stream, String(shard.ShardId)));
    return (await Promise.all(shards)).flat();
  } finally {
    client.destroy();
  }
}

async function readShard(
  client: KinesisClient,
  stream: string,
  shard: string,
): Promise<StreamRecord[]> {
  const records: StreamRecord[] = [];
  const start = new GetShardIteratorCommand({
    StreamName: stream,
    ShardId: shard,
    ShardIteratorType: "TRIM_HORIZON",
  });
  let { ShardIterator: iterator } = await client.send(start);
  for (let more = true; more; ) {
    const answer = await client.send(new GetRecordsCommand({ ShardIterator: iterator }));
    for (const record of answer.Records ?? []) {
      const text = Buffer.from(record.Data ?? []).toString();
      records.push({
        shard,
        sequence_number: String(record.SequenceNumber),
        partition_key: String(record.PartitionKey),
        text,
        json: parsed(text),
      });
    }
    iterator = answer.NextShardIterator;
    more = (answer.Records ?? []).length > 0 && iterator !== undefined;
  }
  return records;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
