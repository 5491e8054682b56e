// Kinesis as far as the worker speaks it: PutRecords, and DescribeStreamSummary for its health. What it takes is
// handed to the collector, after another Kinesis has taken it where there is one to forward to.

import { AwsClient } from "aws4fetch";
import { reasonOf } from "../ask.js";

/** The names of the two streams that the worker writes to here. */
export const STREAM = "events";
export const DEAD_LETTER_STREAM = "dead-letters";

/** A real stream that valid events go on to. */
export interface Forward {
  stream: string;
  region: string;
  /** E.g. `https://kinesis.us-east-1.amazonaws.com`. */
  endpoint: string;
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

interface Target {
  client: AwsClient;
  to: Forward;
}

interface PutRecords {
  StreamName: string;
  Records: { Data: string; PartitionKey: string }[];
}

interface Outcome {
  SequenceNumber?: string;
  ShardId?: string;
  ErrorCode?: string;
  ErrorMessage?: string;
}

/** An answer of the API: JSON with its status. */
export interface Answer {
  status: number;
  body: object;
}

export class Kinesis {
  #sequence = 0;
  readonly #target?: Target;

  /**
   * @param take gets the data of each record that was taken, and the name of its stream
   * @param failed gets what to say where the other Kinesis does not take records
   */
  constructor(
    readonly take: (stream: string, data: string) => void,
    readonly failed: (message: string) => void,
    forward?: Forward,
  ) {
    if (forward) {
      const { accessKeyId, secretAccessKey, sessionToken, region } = forward;
      const keys = { accessKeyId, secretAccessKey, sessionToken };
      // The worker itself tries again.
      const client = new AwsClient({ ...keys, region, service: "kinesis", retries: 0 });
      this.#target = { client, to: forward };
    }
  }

  /** Answers a request of the worker's. */
  async answer(operation: string, body: string): Promise<Answer> {
    const request = JSON.parse(body);
    if (operation === "Kinesis_20131202.DescribeStreamSummary") {
      const summary = {
        StreamName: request.StreamName,
        StreamStatus: "ACTIVE",
        StreamCreationTimestamp: 0,
      };
      return { status: 200, body: { StreamDescriptionSummary: summary } };
    }
    if (operation !== "Kinesis_20131202.PutRecords") {
      return { status: 400, body: { __type: "UnknownOperationException" } };
    }
    return this.#putRecords(request);
  }

  async #putRecords({ StreamName, Records }: PutRecords): Promise<Answer> {
    const target = StreamName === STREAM ? this.#target : undefined;
    const answer = target ? await this.#forwarded(target, Records) : this.#taken(Records);
    const outcomes = (answer.body as { Records?: Outcome[] }).Records;
    outcomes?.forEach(({ ErrorCode }, at) => {
      const data = Buffer.from(Records[at].Data, "base64").toString("utf8");
      if (!ErrorCode) this.take(StreamName, data);
    });
    return answer;
  }

  #taken(records: unknown[]): Answer {
    const outcomes = records.map(() => ({
      SequenceNumber: String(this.#sequence++),
      ShardId: "shardId-000000000000",
    }));
    return { status: 200, body: { FailedRecordCount: 0, Records: outcomes } };
  }

  /** What the other Kinesis answers, so that the worker says 202 only of what is in there. */
  async #forwarded({ client, to }: Target, Records: PutRecords["Records"]): Promise<Answer> {
    try {
      const answer = await client.fetch(to.endpoint, {
        method: "POST",
        headers: {
          "content-type": "application/x-amz-json-1.1",
          "x-amz-target": "Kinesis_20131202.PutRecords",
        },
        body: JSON.stringify({ StreamName: to.stream, Records }),
      });
      const body = await answer.json();
      if (!answer.ok) {
        this.failed(`${to.stream} answered ${answer.status} ${body.__type}: ${body.message ?? ""}`);
      }
      return { status: answer.status, body };
    } catch (error) {
      this.failed(`${to.endpoint} does not answer: ${reasonOf(error)}`);
      return { status: 500, body: { __type: "InternalFailure" } };
    }
  }
}
