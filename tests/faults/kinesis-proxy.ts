// A proxy in front of Kinesis that does to PutRecords what Kinesis and networks do on bad days, and
// writes down what came and what was passed on.

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** What happens to one PutRecords request. */
export type Fault =
  /** The records for which this gives an error's name are refused; the others are passed on. */
  | { kind: "partial"; error: (eventId: string, index: number) => string | undefined }
  /** All is refused, and nothing passed on. */
  | { kind: "refused"; status: number; error: string }
  /** The connection breaks before anything is passed on. */
  | { kind: "reset" }
  /** All is passed on, but the connection breaks before the answer. */
  | { kind: "answer lost" }
  /** All is passed on, but the answer takes so many milliseconds. */
  | { kind: "answer late"; delay: number };

/** A PutRecords request to the stream that is watched. */
export interface Passage {
  /** `none` where it was passed on as it came. */
  kind: Fault["kind"] | "none";
  /** The ids of the events that came, in their order. */
  came: string[];
  /** Those among them that Kinesis has stored. */
  stored: string[];
  /** Those that were answered as stored. */
  acknowledged: string[];
}

interface PutRecordsRequest {
  StreamName: string;
  Records: { Data: string; PartitionKey: string }[];
}

interface PutRecordsResult {
  SequenceNumber?: string;
  ShardId?: string;
  ErrorCode?: string;
  ErrorMessage?: string;
}

export class KinesisProxy {
  /** Where Kinesis is; set before the first request. */
  upstream = "";
  /** What came for the stream, in the order in which it was dealt with. */
  readonly passages: Passage[] = [];
  /** What happens to the next request; nothing where it gives nothing. */
  fault: () => Fault | undefined = () => undefined;
  readonly #stream: string;
  readonly #server: Server;

  private constructor(stream: string) {
    this.#stream = stream;
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch((error) => {
        // The worker sees a broken connection, and the test what is not in the lake.
        console.error(error);
        request.socket.destroy();
      });
    });
  }

  /** Starts a proxy that meddles with one stream and passes on what concerns others. */
  static async start(stream: string): Promise<KinesisProxy> {
    const proxy = new KinesisProxy(stream);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Applies these faults to the next requests, one each, and then none. */
  next(...faults: Fault[]): void {
    this.fault = () => faults.shift();
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const isPut = String(request.headers["x-amz-target"]).endsWith(".PutRecords");
    const put = isPut ? (JSON.parse(body) as PutRecordsRequest) : undefined;
    if (put?.StreamName !== this.#stream) {
      const answer = await this.#pass(request, body);
      reply(response, answer.status, await answer.text());
      return;
    }
    await this.#meddle(request, response, put);
  }

  async #meddle(
    request: IncomingMessage,
    response: ServerResponse,
    put: PutRecordsRequest,
  ): Promise<void> {
    const fault = this.fault();
    const came = put.Records.map((record) => eventId(record.Data));
    const passage: Passage = { kind: fault?.kind ?? "none", came, stored: [], acknowledged: [] };
    this.passages.push(passage);
    if (fault?.kind === "reset") {
      request.socket.destroy();
      return;
    }
    if (fault?.kind === "refused") {
      reply(response, fault.status, JSON.stringify({ __type: fault.error, message: "injected" }));
      return;
    }
    const errors = came.map((id, index) =>
      fault?.kind === "partial" ? fault.error(id, index) : undefined,
    );
    const results = await this.#store(request, put, errors);
    passage.stored = came.filter((_, index) => results[index].SequenceNumber !== undefined);
    if (fault?.kind === "answer lost") {
      request.socket.destroy();
      return;
    }
    if (fault?.kind === "answer late") await sleep(fault.delay);
    passage.acknowledged = passage.stored;
    const failed = results.filter((result) => result.ErrorCode !== undefined).length;
    reply(response, 200, JSON.stringify({ FailedRecordCount: failed, Records: results }));
  }

  /** Passes on the records without an error; gives the results of all, in their order. */
  async #store(
    request: IncomingMessage,
    put: PutRecordsRequest,
    errors: (string | undefined)[],
  ): Promise<PutRecordsResult[]> {
    const passed = put.Records.filter((_, index) => errors[index] === undefined);
    const stored: PutRecordsResult[] = [];
    if (passed.length > 0) {
      const answer = await this.#pass(request, JSON.stringify({ ...put, Records: passed }));
      if (!answer.ok) throw new Error(`Kinesis answered ${answer.status}: ${await answer.text()}`);
      const { Records } = (await answer.json()) as { Records: PutRecordsResult[] };
      stored.push(...Records);
    }
    return errors.map((error) =>
      error === undefined
        ? (stored.shift() as PutRecordsResult)
        : { ErrorCode: error, ErrorMessage: "injected" },
    );
  }

  #pass(request: IncomingMessage, body: string): Promise<Response> {
    const headers: Record<string, string> = {};
    // Those that kinesalite looks at; it does not verify the signature.
    for (const name of ["authorization", "content-type", "x-amz-date", "x-amz-target"]) {
      const value = request.headers[name];
      if (typeof value === "string") headers[name] = value;
    }
    return fetch(this.upstream, { method: "POST", headers, body });
  }
}

function reply(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { "content-type": "application/x-amz-json-1.1" });
  response.end(body);
}

/** The id of the event in a record. */
function eventId(data: string): string {
  return JSON.parse(Buffer.from(data, "base64").toString()).forebay.event_id;
}
