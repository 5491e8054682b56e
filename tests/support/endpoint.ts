// A small endpoint that speaks PutEvents, UpdateEndpoint and Cognito Identity, and checks signatures
// with an implementation that is not ours. It keeps books of the events it accepted, and misbehaves
// where it is told to, request by request or for a while.

import { randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { IDENTITY_POOL_ID, Pool, REGION, type Refusal } from "./pool.ts";

export { IDENTITY_POOL_ID, REGION } from "./pool.ts";
export const APP_ID = "f0e1d2c3b4a5968778695a4b3c2d1e0f";

const EVENTS_PATH = `/v1/apps/${APP_ID}/events`;
/** Below the ports that connections go out from: nobody takes one of these while it is closed. */
const PORTS = { from: 20_000, count: 10_000 };

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
  /** Instead of a body as JSON: the page of a proxy. */
  page?: string;
}

export interface SentEvent {
  EventType: string;
  Timestamp: string;
  Attributes?: Record<string, string>;
  Metrics?: Record<string, number>;
  Session: { Id: string; StartTimestamp: string };
  SdkName: string;
  ClientSdkVersion: string;
}

/** A PutEvents request as it came in, and what the endpoint made of it. */
export interface Batch {
  /** Milliseconds since the epoch. */
  at: number;
  headers: IncomingHttpHeaders;
  signed: boolean;
  /** The identity that its credentials are of. */
  identityId?: string;
  /** Whether its body came in gzip. */
  compressed: boolean;
  endpointId: string;
  endpoint: object;
  events: Map<string, SentEvent>;
  /** Ids of the events that the endpoint took for good. */
  accepted: string[];
  /** `undefined` where the connection was reset. */
  status?: number;
  /** When the answer was on its way, in milliseconds since the epoch; `undefined` if it was lost. */
  answeredAt?: number;
}

/**
 * What happens instead of an answer: the connection is `reset` with nothing done, or the answer is
 * `lost`, by a reset after the endpoint did what it was asked to.
 */
export type Mishap = "reset" | "lost";

/** Answers one request instead of the endpoint; `undefined` leaves it to the endpoint. */
type Script = (batch: Batch) => Answer | Mishap | undefined;

/** A request as a fault sees it. */
export interface Call {
  /** Of Cognito Identity, `PutEvents` or `UpdateEndpoint`; `preflight` comes before any of them. */
  operation: string;
  /** With `PutEvents`. */
  batch?: Batch;
}

/** Answers any request instead of the endpoint; `undefined` leaves it to the endpoint. */
export type Fault = (call: Call) => Answer | Mishap | undefined;

/** What becomes of connections: they are refused, reset as soon as they stand, or served. */
export type Connections = "refused" | "reset" | "served";

export class Endpoint {
  readonly batches: Batch[] = [];
  /** Ids of events answered 202, once for every time. */
  readonly accepted: string[] = [];
  /** The same, each once. */
  readonly distinct = new Set<string>();
  /** What was asked for, in the order it came in. */
  readonly operations: string[] = [];
  readonly endpointUpdates: {
    method: string;
    id: string;
    signed: boolean;
    body: Record<string, unknown>;
  }[] = [];
  /** Cognito operations in the order they came in. */
  readonly identityCalls: { operation: string; body: Record<string, unknown> }[] = [];
  /** What is wrong with it at present. */
  fault: Fault | undefined;
  /** How long it takes for an answer, in milliseconds. */
  latency = 0;
  /** How many milliseconds its clock is ahead. */
  clock = 0;
  /** How long credentials last, in milliseconds. */
  credentialsLifetime = 3_600_000;
  /** Whether GetId answers with credentials too, as Forebay's worker does and Cognito does not. */
  credentialsWithIdentity = true;
  /** Whom it takes those for who say nothing of their identity; newcomers unless set. */
  nextIdentity: string | undefined;
  /** Connections that were reset as soon as they stood. */
  resetConnections = 0;
  readonly #pool = new Pool();
  readonly #scripts: Script[] = [];
  readonly #changes = new EventEmitter();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #connections: Connections = "served";
  #isOver = false;
  #port = 0;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on("connection", (socket) => this.#connected(socket));
  }

  static async start(): Promise<Endpoint> {
    const endpoint = new Endpoint();
    for (;;) {
      try {
        await endpoint.#listen(PORTS.from + Math.floor(Math.random() * PORTS.count));
        return endpoint;
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
      }
    }
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** What `configure()` takes to send here. */
  get config() {
    return {
      endpoint: this.url,
      appId: APP_ID,
      region: REGION,
      identityPoolId: IDENTITY_POOL_ID,
      flushInterval: 50,
    };
  }

  /** Answers the next PutEvents request that no earlier script is for. */
  next(script: Script): void {
    this.#scripts.push(script);
  }

  /** Is at fault for so many milliseconds. */
  async faulty(milliseconds: number, fault: Fault): Promise<void> {
    this.fault = fault;
    await sleep(milliseconds);
    this.fault = undefined;
  }

  /** Takes no connection, or resets what it takes, until told otherwise. */
  async connections(what: Connections): Promise<void> {
    if (this.#isOver || this.#connections === what) return;
    const closed = this.#connections === "refused";
    this.#connections = what;
    if (what === "refused") this.#server.close();
    for (const socket of what === "served" ? [] : this.#sockets) socket.resetAndDestroy();
    if (closed) await this.#listen(this.#port);
  }

  /** Resolves as soon as `condition` holds; looks again after every request. */
  async until(condition: () => boolean, { timeout = 20_000 } = {}): Promise<void> {
    const signal = AbortSignal.timeout(timeout);
    while (!condition()) await once(this.#changes, "change", { signal });
  }

  /** Ends it for good, whatever a scenario that failed still has in mind for it. */
  close(): void {
    this.#isOver = true;
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #listen(port: number): Promise<void> {
    this.#server.listen(port, "127.0.0.1");
    await once(this.#server, "listening");
    this.#port = port;
  }

  #connected(socket: Socket): void {
    // A reset is no error of the endpoint's.
    socket.on("error", () => {});
    if (this.#connections !== "served") {
      this.resetConnections++;
      socket.resetAndDestroy();
      return;
    }
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
  }

  #now(): number {
    return Date.now() + this.clock;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      // The page is gone, or the connection was reset.
      return;
    }
    const { answer, batch } = await this.#route(request, Buffer.concat(chunks));
    if (this.latency) await sleep(this.latency);
    if (answer === "reset" || answer === "lost") {
      request.socket.resetAndDestroy();
    } else {
      if (batch) {
        response.on("finish", () => {
          batch.answeredAt = Date.now();
        });
      }
      response.writeHead(answer.status, {
        "access-control-allow-origin": "*",
        "timing-allow-origin": "*",
        "access-control-expose-headers": "Date, Retry-After, x-amzn-errortype",
        "content-type": answer.page === undefined ? "application/json" : "text/html",
        date: new Date(this.#now()).toUTCString(),
        ...answer.headers,
      });
      response.end(answer.page ?? (answer.body === undefined ? "" : JSON.stringify(answer.body)));
    }
    this.#changes.emit("change");
  }

  async #route(
    request: IncomingMessage,
    sent: Buffer,
  ): Promise<{ answer: Answer | Mishap; batch?: Batch }> {
    const { pathname, searchParams } = new URL(request.url ?? "", this.url);
    const route = `${request.method} ${pathname}`;
    const updates = `/v1/apps/${APP_ID}/endpoints/`;
    if (request.method === "OPTIONS") {
      return { answer: this.#judge({ operation: "preflight" }, () => preflight(request)) };
    }
    const body = JSON.parse((isGzip(sent) ? gunzipSync(sent) : sent).toString() || "{}");
    if (route === "POST /") {
      const target = request.headers["x-amz-target"] ?? searchParams.get("X-Amz-Target");
      const operation = String(target).split(".")[1];
      return { answer: this.#judge({ operation }, () => this.#identity(operation, body)) };
    }
    const refusal = await this.#pool.refusal(request, sent, this.#now());
    const method = String(request.method);
    if (["PUT", "POST"].includes(method) && pathname.startsWith(updates)) {
      const update = { method, id: pathname.slice(updates.length), signed: !refusal, body };
      return {
        answer: this.#judge({ operation: "UpdateEndpoint" }, () => {
          this.endpointUpdates.push(update);
          if (refusal) return forbidden(refusal);
          return { status: 202, body: { Message: "Accepted", RequestID: randomUUID() } };
        }),
      };
    }
    if (route !== `POST ${EVENTS_PATH}`) {
      return { answer: { status: 404, body: { Message: "not found" } } };
    }
    const [[endpointId, item]] = Object.entries<{ Endpoint: object; Events: object }>(
      body.BatchItem,
    );
    const batch: Batch = {
      at: Date.now(),
      headers: request.headers,
      signed: !refusal,
      identityId: this.#pool.identityOf(request),
      compressed: isGzip(sent),
      endpointId,
      endpoint: item.Endpoint,
      events: new Map(Object.entries(item.Events)),
      accepted: [],
    };
    return { answer: this.#events(batch, refusal), batch };
  }

  /**
   * What is answered, or what happens instead: as scripted, or as the fault of the moment has it.
   * `serve` is what the endpoint does by itself.
   */
  #judge(call: Call, serve: () => Answer, scripted?: Answer | Mishap): Answer | Mishap {
    this.operations.push(call.operation);
    const given = scripted ?? this.fault?.(call);
    if (given === "lost") serve();
    return given ?? serve();
  }

  #identity(operation: string, body: Record<string, unknown>): Answer {
    this.identityCalls.push({ operation, body });
    const known = (body.IdentityId as string | undefined) ?? this.nextIdentity;
    const issued = this.#pool.issue(known, this.#now() + this.credentialsLifetime);
    const bare = operation === "GetId" && !this.credentialsWithIdentity;
    return { status: 200, body: bare ? { ...issued, Credentials: undefined } : issued };
  }

  #events(batch: Batch, refusal: Refusal | undefined): Answer | Mishap {
    this.batches.push(batch);
    const serve = () =>
      refusal
        ? forbidden(refusal)
        : results(batch, () => ({ StatusCode: 202, Message: "Accepted" }));
    const scripted = this.#scripts.shift()?.(batch);
    const answer = this.#judge({ operation: "PutEvents", batch }, serve, scripted);
    if (answer !== "reset") {
      batch.accepted = acceptedIn(answer === "lost" ? serve() : answer, batch.endpointId);
      for (const id of batch.accepted) {
        this.accepted.push(id);
        this.distinct.add(id);
      }
    }
    if (typeof answer !== "string") batch.status = answer.status;
    return answer;
  }
}

/** As Forebay's worker tells: by the first two bytes (RFC 1952). */
function isGzip(body: Buffer): boolean {
  return body[0] === 0x1f && body[1] === 0x8b;
}

function preflight(request: IncomingMessage): Answer {
  return {
    status: 204,
    headers: {
      "access-control-allow-methods": "POST, PUT",
      "access-control-allow-headers": String(request.headers["access-control-request-headers"]),
    },
  };
}

function forbidden({ type, message }: Refusal): Answer {
  return { status: 403, headers: { "x-amzn-errortype": type }, body: { Message: message } };
}

// biome-ignore lint/suspicious/noExplicitAny: the body of a script's answer.
function acceptedIn(answer: any, endpointId: string): string[] {
  const items = answer.body?.Results?.[endpointId]?.EventsItemResponse ?? {};
  return Object.entries<{ StatusCode: number }>(items)
    .filter(([, item]) => item.StatusCode === 202)
    .map(([id]) => id);
}

/** A 202 that answers every event of a batch by itself. */
export function results(
  batch: Batch,
  judge: (event: SentEvent, id: string) => { StatusCode: number; Message: string },
): Answer {
  const items = [...batch.events].map(([id, event]) => [id, judge(event, id)]);
  return {
    status: 202,
    body: {
      Results: {
        [batch.endpointId]: {
          EndpointItemResponse: { StatusCode: 202, Message: "Accepted" },
          EventsItemResponse: Object.fromEntries(items),
        },
      },
    },
  };
}
