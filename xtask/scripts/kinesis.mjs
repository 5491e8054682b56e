// node kinesis.mjs --port PORT --stream NAME:SHARDS..
//
// kinesalite, a Kinesis that lives in memory, on 127.0.0.1, with these streams. Prints
// `ready <url>` once they can be written to. Port 0 takes any free one.

import { parseArgs } from "node:util";
import kinesalite from "kinesalite";

/** How long a stream stays in a state that real Kinesis needs seconds for, in milliseconds. */
const STATE_CHANGE_MS = 10;

const { values } = parseArgs({
  options: { port: { type: "string" }, stream: { type: "string", multiple: true } },
});

const server = kinesalite({
  // Of an account; a file of tests makes a stream for each.
  shardLimit: 100,
  createStreamMs: STATE_CHANGE_MS,
  deleteStreamMs: STATE_CHANGE_MS,
  updateStreamMs: STATE_CHANGE_MS,
});
server.on("error", (error) => {
  console.error(`kinesalite cannot listen: ${error.message}`);
  process.exit(1);
});
// Without a host it would listen on every interface.
server.listen(Number(values.port), "127.0.0.1", async () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  for (const stream of values.stream ?? []) {
    const [name, shards] = stream.split(":");
    await call(url, "CreateStream", { StreamName: name, ShardCount: Number(shards) });
    while ((await status(url, name)) !== "ACTIVE") {
      await new Promise((resolve) => setTimeout(resolve, STATE_CHANGE_MS));
    }
  }
  console.log(`ready ${url}`);
});

async function status(url, name) {
  const answer = await call(url, "DescribeStreamSummary", { StreamName: name });
  return answer.StreamDescriptionSummary.StreamStatus;
}

async function call(url, operation, body) {
  const answer = await fetch(url, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": `Kinesis_20131202.${operation}`,
      // kinesalite wants the parts of a signature to be there, and does not verify them.
      "x-amz-date": new Date().toISOString().replace(/[-:]|\.\d+/g, ""),
      authorization:
        "AWS4-HMAC-SHA256 Credential=local/20260101/us-east-1/kinesis/aws4_request, " +
        "SignedHeaders=host, Signature=local",
    },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${operation}: ${answer.status} ${text}`);
  return text === "" ? {} : JSON.parse(text);
}
