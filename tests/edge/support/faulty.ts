// A stand-in for any service that a sink writes to, which fails in every way that services do, and knows what it has
// stored.

import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** What a service is asked to store, by event id, and how it says what became of each. */
export interface Protocol {
  ids(body: Body): string[];
  answer(ids: string[], isStored: (index: number) => boolean, body: Body): object;
  throttled: string;
}

// biome-ignore lint/suspicious/noExplicitAny: JSON of any shape.
type Body = any;

const recordId = (data: string) =>
  JSON.parse(Buffer.from(data, "base64").toString()).forebay.event_id as string;

const THROTTLED = "ProvisionedThroughputExceededException";

export const KINESIS: Protocol = {
  ids: ({ Records }) => Records.map(({ Data }: Body) => recordId(Data)),
  answer: (ids, isStored) => ({
    Records: ids.map((_, index) =>
      isStored(index) ? { SequenceNumber: "1", ShardId: "s" } : { ErrorCode: THROTTLED },
    ),
  }),
  throttled: THROTTLED,
};

export const FIREHOSE: Protocol = {
  ids: KINESIS.ids,
  answer: (ids, isStored) => ({
    RequestResponses: ids.map((_, index) =>
      isStored(index) ? { RecordId: "1" } : { ErrorCode: "ServiceUnavailableException" },
    ),
  }),
  throttled: "ServiceUnavailableException",
};

export const EVENT_BRIDGE: Protocol = {
  ids: ({ Entries }) => Entries.map(({ Detail }: Body) => JSON.parse(Detail).forebay.event_id),
  answer: (ids, isStored) => ({
    Entries: ids.map((_, index) =>
      isStored(index) ? { EventId: "1" } : { ErrorCode: "ThrottlingException" },
    ),
  }),
  throttled: "ThrottlingException",
};

const batchesOf = ({ BatchItem }: Body) => Object.entries<Body>(BatchItem);

export const PINPOINT: Protocol = {
  ids: (body) => batchesOf(body).flatMap(([, { Events }]) => Object.keys(Events)),
  answer(ids, isStored, body) {
    const of = (id: string) =>
      isStored(ids.indexOf(id))
        ? { StatusCode: 202, Message: "Accepted" }
        : { StatusCode: 429, Message: "Throttled" };
    const results = batchesOf(body).map(([endpoint, { Events }]) => [
      endpoint,
      {
        EndpointItemResponse: { StatusCode: 202 },
        EventsItemResponse: Object.fromEntries(Object.keys(Events).map((id) => [id, of(id)])),
      },
    ]);
    return { Results: Object.fromEntries(results) };
  },
  throttled: "TooManyRequestsException",
};

/** How often each fault happens, of 1,000 calls; the others succeed. */
const PER_MILLE = {
  throttled: 40,
  partial: 80,
  failed: 20,
  "reset unread": 10,
  "reset unanswered": 10,
  garbage: 5,
  hangs: 2,
};

export class FaultyService {
  /** Ids of events that are stored. */
  readonly stored = new Set<string>();
  /** How many items it said to have stored. */
  acknowledged = 0;
  /** How often each fault happened. */
  readonly faults: Record<string, number> = {};
  isDown = false;
  private random: number;

  private constructor(
    private readonly protocol: Protocol,
    seed: number,
    private readonly server: ReturnType<typeof createServer>,
  ) {
    this.random = seed;
  }

  static async start(protocol: Protocol, seed: number): Promise<FaultyService> {
    const server = createServer();
    const service = new FaultyService(protocol, seed, server);
    server.on("request", (request: IncomingMessage, response) => {
      const fault = service.isDown ? "reset unread" : service.next();
      service.faults[fault] = (service.faults[fault] ?? 0) + 1;
      if (fault === "reset unread") {
        request.socket.destroy();
        return;
      }
      const chunks: Buffer[] = [];
      request.on("data", (chunk) => chunks.push(chunk));
      request.on("error", () => {});
      request.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        const { status, answer } = service.take(JSON.parse(text), fault);
        if (status === 0) return;
        if (status === -1) request.socket.destroy();
        else response.writeHead(status).end(answer);
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return service;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  stop(): void {
    this.server.closeAllConnections();
    this.server.close();
  }

  /** What happens to the next call. */
  private next(): keyof typeof PER_MILLE | "none" {
    let rest = this.uniform() * 1_000;
    for (const [fault, share] of Object.entries(PER_MILLE)) {
      rest -= share;
      if (rest < 0) return fault as keyof typeof PER_MILLE;
    }
    return "none";
  }

  /** From 0 to 1, by a linear congruence: the same in every run. */
  private uniform(): number {
    this.random = (Math.imul(this.random, 1_664_525) + 1_013_904_223) >>> 0;
    return this.random / 2 ** 32;
  }

  /** The answer to a call: status 0 stands for none, -1 for a connection that breaks. */
  private take(body: Body, fault: string): { status: number; answer: string } {
    const failure = (status: number, type: string) => ({
      status,
      answer: JSON.stringify({ __type: type }),
    });
    if (fault === "hangs") return failure(0, "");
    if (fault === "throttled") return failure(400, this.protocol.throttled);
    if (fault === "failed") return failure(500, "InternalFailure");
    const ids = this.protocol.ids(body);
    const kept = ids.map(() => fault !== "partial" || this.uniform() < 0.5);
    ids.forEach((id, index) => {
      if (kept[index]) this.stored.add(id);
    });
    if (fault === "reset unanswered") return failure(-1, "");
    if (fault === "garbage") return { status: 200, answer: "<html>" };
    this.acknowledged += kept.filter(Boolean).length;
    const answer = this.protocol.answer(ids, (index) => kept[index], body);
    return { status: 200, answer: JSON.stringify(answer) };
  }
}
