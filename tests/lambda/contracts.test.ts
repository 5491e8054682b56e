// `transform` and `enrichment`: what Firehose and an EventBridge pipe are answered, by AWS's documentation.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { LambdaFunction } from "./support/function.ts";
import { eventOf, isPoison, kinesisRecord, recordData, sequenceNumber } from "./support/records.ts";

const SHARD = "shardId-000000000000";
const RECORDS = 1_000;
const NUMBERS = [...Array(RECORDS).keys()];

interface FirehoseResult {
  recordId: string;
  result: "Ok" | "Dropped" | "ProcessingFailed";
  data?: string;
  metadata?: {
    otfMetadata?: Record<string, string>;
    partitionKeys?: Record<string, string>;
  };
}

const database = { FOREBAY_DESTINATION: "iceberg", FOREBAY_DATABASE: "forebay" };
const iceberg = new LambdaFunction("transform", database);
const parquet = new LambdaFunction("transform", { FOREBAY_DESTINATION: "parquet" });
const enrichment = new LambdaFunction("enrichment");

after(() => {
  for (const lambda of [iceberg, parquet, enrichment]) lambda.kill();
});

function firehoseEvent(data: string[]) {
  return {
    invocationId: "invocation",
    sourceKinesisStreamArn: "arn:aws:kinesis:us-east-1:1:stream/forebay",
    deliveryStreamArn: "arn:aws:firehose:us-east-1:1:deliverystream/forebay",
    region: "us-east-1",
    records: data.map((text, number) => ({
      recordId: `id-${number}`,
      approximateArrivalTimestamp: Date.parse("2026-11-24T00:00:00Z"),
      data: Buffer.from(text).toString("base64"),
      kinesisRecordMetadata: {
        sequenceNumber: sequenceNumber(number),
        subsequenceNumber: "",
        partitionKey: "client",
        shardId: SHARD,
        approximateArrivalTimestamp: Date.parse("2026-11-24T00:00:00Z"),
      },
    })),
  };
}

async function transformed(lambda: LambdaFunction, data: string[]): Promise<FirehoseResult[]> {
  const answer = (await lambda.invoke(firehoseEvent(data))) as { records: FirehoseResult[] };
  return answer.records;
}

const rowsOf = (result: FirehoseResult) =>
  Buffer.from(String(result.data), "base64")
    .toString()
    .split("\n")
    .filter((line) => line)
    .map((line) => JSON.parse(line));

test("Firehose gets each record once: a row for its table, a failure, or a duplicate", async () => {
  const results = await transformed(iceberg, NUMBERS.map(recordData));
  assert.deepEqual(
    results.map(({ recordId }) => recordId),
    NUMBERS.map((number) => `id-${number}`),
  );
  for (const [number, result] of results.entries()) {
    if (isPoison(number)) {
      assert.deepEqual(result, { recordId: `id-${number}`, result: "ProcessingFailed" });
    } else if (eventOf(number) !== number) {
      assert.deepEqual(result, { recordId: `id-${number}`, result: "Dropped" });
    } else {
      assert.equal(result.result, "Ok");
      const table = number % 2 === 0 ? "sign_up_event" : "piece_played_event";
      assert.deepEqual(result.metadata, {
        otfMetadata: {
          destinationDatabaseName: "forebay",
          destinationTableName: table,
          operation: "insert",
        },
      });
      assert.equal(rowsOf(result)[0].event_id, `event-${number}`);
    }
  }
  // Why, without what was in them.
  const reasons = iceberg.log.split("\n").filter((line) => line.includes('"record_id"'));
  assert.equal(reasons.length, RECORDS / 100);
  assert.ok(reasons.every((line) => JSON.parse(line).violations.length > 0));
  assert.ok(!iceberg.log.includes("none"));
});

test("what Firehose converts to Parquet has its folders by event type and day", async () => {
  const [first, both] = await transformed(parquet, [
    recordData(2),
    // Two events of one type and day are one result.
    recordData(6) + recordData(12),
  ]);
  assert.deepEqual(first.metadata, {
    partitionKeys: { table: "sign_up_event", year: "2026", month: "11", day: "23" },
  });
  assert.equal(rowsOf(first)[0].event_timestamp, "2026-11-23T00:00:02.000Z");
  assert.deepEqual(
    rowsOf(both).map((row) => row.event_id),
    ["event-6", "event-12"],
  );
});

test("a pipe gets an array, each event with the eventID of its record", async () => {
  const records = NUMBERS.map((number) => {
    const { kinesis, ...rest } = kinesisRecord(SHARD, number);
    return { ...kinesis, ...rest };
  });
  const events = (await enrichment.invoke(records)) as Record<string, unknown>[];
  const kept = NUMBERS.filter((number) => isPoison(number) || eventOf(number) === number);
  assert.deepEqual(
    events.map((event) => event.eventID),
    kept.map((number) => `${SHARD}:${sequenceNumber(number)}`),
  );
  for (const [index, number] of kept.entries()) {
    const event = events[index];
    if (isPoison(number)) {
      assert.equal(event.event_type, "_rejected");
      const data = Buffer.from(String(event.data_base64), "base64").toString();
      assert.equal(data, recordData(number));
    } else {
      assert.equal(event.event_type, number % 2 === 0 ? "SignUpEvent" : "PiecePlayedEvent");
      assert.equal(event.event_id, `event-${number}`);
    }
  }
});
