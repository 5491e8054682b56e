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
import { isSigned, signedAt } from "./signature.ts";

export const APP_ID = "f0e1d2c3b4a5968778695a4b3c2d1e0f";
export const REGION = "us-east-1";
export const IDENTITY_POOL_ID = "us-east-1:f0e1d2c3-0000-4000-8000-000000000001";

const KEY = {
  accessKeyId: "ASIAEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};
const EVENTS_PATH = `/v1/apps/${APP_ID}/events`;
/** How far the time of a signature may be from the endpoint's, as AWS has it. */
const SIGNATURE_TOLERANCE_MS = 5 * 60_000;
/** Below the ports that connections go out from: nobody takes one of these while it is closed. */
const PORTS = { from: 20_000, count: 10_000 };

export interface Answer {
  status: number;
  headers?: Record<string, string>;
  body?: unknown;
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
  readonly endpointUpdates: { id: string; signed: boolean; body: Record<string, unknown> }[] = [];
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
  /** Connections that were reset as soon as they stood. */
  resetConnections = 0;
  /** When credentials end, by their session tokens. */
  readonly #credentials = new Map<string, number>();
  readonly #scripts: Script[] = [];
  readonly #changes = new EventEmitter();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #connections: Connections = "served";
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

  /** Ids of events answered 202, once for every time. */
  get accepted(): string[] {
    return this.batches.flatMap((batch) => batch.accepted);
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
    if (this.#connections === what) return;
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

  close(): void {
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
    const { answer, batch } = await this.#route(request, Buffer.concat(chunks).toString());
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
        "access-control-expose-headers": "Date, Retry-After, x-amzn-errortype",
        "content-type": "application/json",
        date: new Date(this.#now()).toUTCString(),
        ...answer.headers,
      });
      response.end(answer.body === undefined ? "" : JSON.stringify(answer.body));
    }
    this.#changes.emit("change");
  }

  async #route(
    request: IncomingMessage,
    text: string,
  ): Promise<{ answer: Answer | Mishap; batch?: Batch }> {
    const { method, url = "" } = request;
    const target = String(request.headers["x-amz-target"]).split(".")[1];
    const updates = `/v1/apps/${APP_ID}/endpoints/`;
    if (method === "OPTIONS") {
      return { answer: this.#judge({ operation: "preflight" }, () => preflight(request)) };
    }
    const body = JSON.parse(text);
    if (method === "POST" && url === "/") {
      return { answer: this.#judge({ operation: target }, () => this.#identity(target, body)) };
    }
    const refusal = await this.#refusal(request, text);
    if (method === "PUT" && url.startsWith(updates)) {
      const update = { id: url.slice(updates.length), signed: !refusal, body };
      return {
        answer: this.#judge({ operation: "UpdateEndpoint" }, () => {
          this.endpointUpdates.push(update);
          return refusal ?? { status: 202, body: { Message: "Accepted", RequestID: randomUUID() } };
        }),
      };
    }
    if (method === "POST" && url === EVENTS_PATH) return this.#events(request, refusal, body);
    return { answer: { status: 404, body: { Message: "not found" } } };
  }

  /** What is answered, or what happens instead; `serve` is what the endpoint does by itself. */
  #judge(call: Call, serve: () => Answer): Answer | Mishap {
    const mishap = this.fault?.(call);
    if (mishap === "lost") serve();
    return mishap ?? serve();
  }

  #identity(operation: string, body: Record<string, unknown>): Answer {
    this.identityCalls.push({ operation, body });
    const identity = { IdentityId: body.IdentityId ?? `us-east-1:${randomUUID()}` };
    if (operation === "GetId") return { status: 200, body: identity };
    const token = `a token/with+signs==${randomUUID()}`;
    const expiration = this.#now() + this.credentialsLifetime;
    this.#credentials.set(token, expiration);
    return {
      status: 200,
      body: {
        ...identity,
        Credentials: {
          AccessKeyId: KEY.accessKeyId,
          SecretKey: KEY.secretAccessKey,
          SessionToken: token,
          Expiration: expiration / 1000,
        },
      },
    };
  }

  #events(
    request: IncomingMessage,
    refusal: Answer | undefined,
    // biome-ignore lint/suspicious/noExplicitAny: the body as it came in.
    body: any,
  ): { answer: Answer | Mishap; batch: Batch } {
    const [[endpointId, item]] = Object.entries<{ Endpoint: object; Events: object }>(
      body.BatchItem,
    );
    const batch: Batch = {
      at: Date.now(),
      headers: request.headers,
      signed: !refusal,
      endpointId,
      endpoint: item.Endpoint,
      events: new Map(Object.entries(item.Events)),
      accepted: [],
    };
    this.batches.push(batch);
    const accept = () =>
      refusal ?? results(batch, () => ({ StatusCode: 202, Message: "Accepted" }));
    const scripted = this.#scripts.shift()?.(batch);
    const mishap = scripted ?? this.fault?.({ operation: "PutEvents", batch });
    const answer = mishap === "lost" || !mishap ? accept() : mishap;
    if (answer !== "reset") batch.accepted.push(...acceptedIn(answer, endpointId));
    if (typeof mishap === "string") return { answer: mishap, batch };
    batch.status = (answer as Answer).status;
    return { answer, batch };
  }

  /** What is wrong with a request's signature; `undefined` where nothing is. */
  async #refusal(request: IncomingMessage, body: string): Promise<Answer | undefined> {
    const at = signedAt(request);
    const token = String(request.headers["x-amz-security-token"]);
    const expiration = this.#credentials.get(token);
    const credentials = { ...KEY, sessionToken: token };
    if (!at || !expiration || !(await isSigned(request, body, REGION, credentials))) {
      return forbidden("InvalidSignatureException", "The signature does not match.");
    }
    if (Math.abs(at.getTime() - this.#now()) > SIGNATURE_TOLERANCE_MS) {
      return forbidden("InvalidSignatureException", "Signature expired, or not yet current.");
    }
    if (expiration <= this.#now()) {
      return forbidden("ExpiredTokenException", "The security token has expired.");
    }
    return undefined;
  }
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

function forbidden(type: string, message: string): Answer {
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
