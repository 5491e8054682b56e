// A Kinesis stream, read from its beginning: where each event's record is.

import {
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
} from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";

/** How many events' places are remembered; the oldest are forgotten first. */
const MAX_EVENTS = 100_000;
/** Kinesis allows five reads a second of a shard; two leave room for the lake. */
const POLL_MS = 500;
/** Reading stops this long after anyone last asked. */
const IDLE_MS = 30_000;

/**
 * @typedef {{ shard: string, sequence_number: string, arrived_at: number }} Place `arrived_at`
 *   in milliseconds since the epoch, by Kinesis' clock.
 */

/**
 * A client of the stream's Kinesis.
 * @param {string} endpoint
 * @param {string} region
 */
export function kinesisClient(endpoint, region) {
  // Which Node its next year's versions will ask for is no news for who opens the demo.
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= "true";
  return new KinesisClient({
    endpoint,
    region,
    // A local Kinesis takes any credentials, but the client insists on having some.
    credentials: {
      accessKeyId: process.env.AWS_ACCESS_KEY_ID ?? "local",
      secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY ?? "local",
      sessionToken: process.env.AWS_SESSION_TOKEN,
    },
    maxAttempts: 1,
    // The client would speak HTTP/2, which a local Kinesis does not.
    requestHandler: new NodeHttpHandler({ connectionTimeout: 1000, requestTimeout: 3000 }),
  });
}

/** Follows one stream for as long as someone asks. */
export class StreamTail {
  #client;
  #stream;
  #onRecord;
  /** @type {Map<string, string | undefined>} shard id to the iterator of its next read */
  #iterators = new Map();
  /** @type {Map<string, Place>} by event id */
  #places = new Map();
  /** @type {{ state: "starting" | "up" | "down", detail?: string }} */
  #health = { state: "starting" };
  #records = 0;
  #lastArrival = 0;
  #asked = 0;
  #running = false;

  /**
   * @param {KinesisClient} client
   * @param {string} stream its name
   * @param {(record: any) => void} [onRecord] gets every record that is a JSON object
   */
  constructor(client, stream, onRecord) {
    this.#client = client;
    this.#stream = stream;
    this.#onRecord = onRecord;
  }

  /**
   * Where an event's record is, as far as the stream has been read.
   * @param {string} eventId
   */
  find(eventId) {
    return this.#places.get(eventId);
  }

  /** How the stream is, and how much of it has been read. */
  summary() {
    return {
      ...this.#health,
      name: this.#stream,
      shards: this.#iterators.size,
      records: this.#records,
      last_arrival: this.#lastArrival || null,
    };
  }

  /** Says that someone is interested: reading goes on, or begins. */
  touch() {
    this.#asked = Date.now();
    if (this.#running) return;
    this.#running = true;
    this.#follow().finally(() => {
      this.#running = false;
    });
  }

  async #follow() {
    while (Date.now() - this.#asked < IDLE_MS) {
      try {
        if (this.#iterators.size === 0) await this.#begin();
        await Promise.all([...this.#iterators.keys()].map((shard) => this.#read(shard)));
        this.#health = { state: "up" };
      } catch (error) {
        this.#health = { state: "down", detail: detailOf(error) };
        // What was read may be gone with the stream it came from: begin anew.
        this.#iterators.clear();
      }
      await new Promise((done) => setTimeout(done, POLL_MS));
    }
  }

  async #begin() {
    const { Shards: shards = [] } = await this.#client.send(
      new ListShardsCommand({ StreamName: this.#stream }),
    );
    this.#records = 0;
    for (const { ShardId: shard } of shards) {
      if (!shard) continue;
      const { ShardIterator: iterator } = await this.#client.send(
        new GetShardIteratorCommand({
          StreamName: this.#stream,
          ShardId: shard,
          ShardIteratorType: "TRIM_HORIZON",
        }),
      );
      this.#iterators.set(shard, iterator);
    }
  }

  /** @param {string} shard */
  async #read(shard) {
    const iterator = this.#iterators.get(shard);
    // A shard that was closed and read to its end has no next iterator.
    if (!iterator) return;
    const answer = await this.#client.send(new GetRecordsCommand({ ShardIterator: iterator }));
    this.#iterators.set(shard, answer.NextShardIterator);
    for (const record of answer.Records ?? []) this.#take(shard, record);
  }

  /** @param {string} shard @param {import("@aws-sdk/client-kinesis")._Record} record */
  #take(shard, record) {
    this.#records += 1;
    const arrivedAt = record.ApproximateArrivalTimestamp?.getTime() ?? Date.now();
    this.#lastArrival = Math.max(this.#lastArrival, arrivedAt);
    const json = parse(record.Data);
    if (json === undefined) return;
    this.#onRecord?.(json);
    const eventId = json.forebay?.event_id ?? json.event_id;
    // An event that was sent twice is where it was first.
    if (typeof eventId !== "string" || this.#places.has(eventId)) return;
    this.#places.set(eventId, {
      shard,
      sequence_number: record.SequenceNumber ?? "",
      arrived_at: arrivedAt,
    });
    const [oldest] = this.#places.keys();
    if (oldest !== undefined && this.#places.size > MAX_EVENTS) this.#places.delete(oldest);
  }
}

/** @param {Uint8Array | undefined} data */
function parse(data) {
  try {
    const json = JSON.parse(Buffer.from(data ?? []).toString("utf8"));
    return json !== null && typeof json === "object" ? json : undefined;
  } catch {
    return undefined;
  }
}

/** @param {unknown} error */
function detailOf(error) {
  if (!(error instanceof Error)) return String(error);
  const code = /** @type {{ code?: string }} */ (error).code;
  return code === "ECONNREFUSED" ? "nothing answers at its address" : error.message || error.name;
}
