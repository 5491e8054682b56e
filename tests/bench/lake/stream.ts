// A Kinesis with one shard that is full of records and does nothing but give them out.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

/** Kinesis gives no more in one answer. */
const MOST_RECORDS = 10_000;
const MOST_BYTES = 10_000_000;

/** Serves the lines of a file. The answers are made before the first is asked for. */
export async function serve(file: string) {
  const answers: Buffer[] = [];
  let entries: string[] = [];
  let bytes = 0;
  let number = 0;
  const close = () => {
    const next = `at-${answers.length + 1}`;
    const [records] = [entries.join(",")];
    answers.push(
      Buffer.from(
        `{"Records":[${records}],"NextShardIterator":"${next}","MillisBehindLatest":60000}`,
      ),
    );
    [entries, bytes] = [[], 0];
  };
  for (const line of lines(file)) {
    if (entries.length >= MOST_RECORDS || bytes + line.length > MOST_BYTES) close();
    bytes += line.length;
    const sequence = `49590338271490256608559692538361${String(++number).padStart(24, "0")}`;
    entries.push(
      `{"SequenceNumber":"${sequence}","ApproximateArrivalTimestamp":1795262400.05,` +
        `"Data":"${line.toString("base64")}","PartitionKey":"client-${number % 1000}"}`,
    );
  }
  if (entries.length > 0) close();
  const end = `{"Records":[],"NextShardIterator":"at-${answers.length}","MillisBehindLatest":0}`;
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString());
    response.setHeader("content-type", "application/x-amz-json-1.1");
    response.end(answer(String(request.headers["x-amz-target"]).split(".")[1], body));
  });
  const answer = (call: string, body: { ShardIterator?: string }): string | Buffer => {
    switch (call) {
      case "DescribeStreamSummary":
        return `{"StreamDescriptionSummary":{"StreamStatus":"ACTIVE","StreamCreationTimestamp":1}}`;
      case "ListShards":
        return `{"Shards":[{"ShardId":"shardId-000000000000"}]}`;
      case "GetShardIterator":
        return `{"ShardIterator":"at-0"}`;
      default:
        return answers[Number(body.ShardIterator?.slice(3))] ?? end;
    }
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function* lines(file: string): Generator<Buffer> {
  const all = readFileSync(file);
  for (let at = 0; at < all.length; ) {
    const end = all.indexOf(10, at);
    yield all.subarray(at, end);
    at = end + 1;
  }
}
