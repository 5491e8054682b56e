// A Kinesis stream, read from its beginning: where each event's record is.

import {
  ExpiredIteratorException,
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
 * @typedef {{ iterator?: string, last?: string }} Position What to read a shard by next, and the
 *   sequence number read last.
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
  /** @type {Map<string, Position>} by shard id */
  #shards = new Map();
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
      shards: this.#shards.size,
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
        if (this.#shards.size === 0) await this.#begin();
        await Promise.all([...this.#shards].map((shard) => this.#read(...shard)));
        this.#health = { state: "up" };
      } catch (error) {
        this.#health = { state: "down", detail: detailOf(error) };
        // What was read may be gone with the stream it came from: begin anew.
        this.#shards.clear();
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
      if (shard) this.#shards.set(shard, { iterator: await this.#iteratorAt(shard) });
    }
  }

  /**
   * @param {string} shard
   * @param {string} [after] sequence number; the shard's oldest record where it is not given
   */
  async #iteratorAt(shard, after) {
    const { ShardIterator: iterator } = await this.#client.send(
      new GetShardIteratorCommand({
        StreamName: this.#stream,
        ShardId: shard,
        ShardIteratorType: after ? "AFTER_SEQUENCE_NUMBER" : "TRIM_HORIZON",
        StartingSequenceNumber: after,
      }),
    );
    return iterator;
  }

  /** @param {string} shard @param {Position} position */
  async #read(shard, position) {
    // A shard that was closed and read to its end has no next iterator.
    if (!position.iterator) return;
    try {
      const answer = await this.#client.send(
        new GetRecordsCommand({ ShardIterator: position.iterator }),
      );
      position.iterator = answer.NextShardIterator;
      for (const record of answer.Records ?? []) {
        this.#take(shard, record);
        position.last = record.SequenceNumber;
      }
    } catch (error) {
      if (!(error instanceof ExpiredIteratorException)) throw error;
      // Nobody asked for minutes, or the machine slept: go on where reading stopped.
      position.iterator = await this.#iteratorAt(shard, position.last);
    }
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
