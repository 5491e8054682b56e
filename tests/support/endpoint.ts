// A small endpoint that speaks PutEvents, UpdateEndpoint and Cognito Identity, and checks signatures
// with an implementation that is not ours. What it answers can be set request by request.

import { createHash, createHmac, randomUUID } from "node:crypto";
import { EventEmitter, once } from "node:events";
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import { SignatureV4 } from "@smithy/signature-v4";

export const APP_ID = "f0e1d2c3b4a5968778695a4b3c2d1e0f";
export const REGION = "us-east-1";
export const IDENTITY_POOL_ID = "us-east-1:f0e1d2c3-0000-4000-8000-000000000001";

const SECRET_KEY = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const EVENTS_PATH = `/v1/apps/${APP_ID}/events`;

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

/** A PutEvents request as it came in, and what the endpoint makes of it. */
export interface Batch {
  /** Milliseconds since the epoch. */
  at: number;
  headers: IncomingHttpHeaders;
  signed: boolean;
  endpointId: string;
  endpoint: object;
  events: Map<string, SentEvent>;
}

/** Answers one request instead of the endpoint; `undefined` leaves it to the endpoint. */
type Script = (batch: Batch) => Answer | "reset" | undefined;

export class Endpoint {
  readonly batches: Batch[] = [];
  readonly endpointUpdates: { id: string; signed: boolean; body: Record<string, unknown> }[] = [];
  /** Cognito operations in the order they came in. */
  readonly identityCalls: { operation: string; body: Record<string, unknown> }[] = [];
  /** Ids of events answered 202, once for every time. */
  readonly accepted: string[] = [];
  readonly #scripts: Script[] = [];
  readonly #changes = new EventEmitter();
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  static async start(): Promise<Endpoint> {
    const endpoint = new Endpoint();
    endpoint.#server.listen(0, "127.0.0.1");
    await once(endpoint.#server, "listening");
    return endpoint;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
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

  /** Resolves as soon as `condition` holds; looks again after every request. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await once(this.#changes, "change", { signal: AbortSignal.timeout(20_000) });
    }
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString();
    const answer = await this.#route(request, body);
    if (answer === "reset") {
      request.socket.destroy();
    } else {
      response.writeHead(answer.status, {
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "Date, Retry-After, x-amzn-errortype",
        "content-type": "application/json",
        ...answer.headers,
      });
      response.end(answer.body === undefined ? "" : JSON.stringify(answer.body));
    }
    this.#changes.emit("change");
  }

  async #route(request: IncomingMessage, text: string): Promise<Answer | "reset"> {
    const { method, url = "" } = request;
    if (method === "OPTIONS") {
      return {
        status: 204,
        headers: {
          "access-control-allow-methods": "POST, PUT",
          "access-control-allow-headers": String(request.headers["access-control-request-headers"]),
        },
      };
    }
    const body = JSON.parse(text);
    if (method === "POST" && url === "/") return this.#identity(request, body);
    const signed = await isSigned(request, text);
    if (method === "PUT" && url.startsWith(`/v1/apps/${APP_ID}/endpoints/`)) {
      this.endpointUpdates.push({ id: url.split("/").at(-1) ?? "", signed, body });
      return { status: signed ? 202 : 403, body: { Message: "Accepted", RequestID: randomUUID() } };
    }
    if (method === "POST" && url === EVENTS_PATH) return this.#events(request, signed, body);
    return { status: 404, body: { Message: "not found" } };
  }

  #identity(request: IncomingMessage, body: Record<string, unknown>): Answer {
    const operation = String(request.headers["x-amz-target"]).split(".")[1];
    this.identityCalls.push({ operation, body });
    const identity = { IdentityId: body.IdentityId ?? `us-east-1:${randomUUID()}` };
    return {
      status: 200,
      body:
        operation === "GetId"
          ? identity
          : {
              ...identity,
              Credentials: {
                AccessKeyId: "ASIAEXAMPLE",
                SecretKey: SECRET_KEY,
                SessionToken: "a token/with+signs==",
                Expiration: Date.now() / 1000 + 3600,
              },
            },
    };
  }

  // biome-ignore lint/suspicious/noExplicitAny: the body as it came in.
  #events(request: IncomingMessage, signed: boolean, body: any): Answer | "reset" {
    const [[endpointId, item]] = Object.entries<{ Endpoint: object; Events: object }>(
      body.BatchItem,
    );
    const batch: Batch = {
      at: Date.now(),
      headers: request.headers,
      signed,
      endpointId,
      endpoint: item.Endpoint,
      events: new Map(Object.entries(item.Events)),
    };
    this.batches.push(batch);
    const answer = this.#scripts.shift()?.(batch) ?? this.#judge(batch);
    if (answer !== "reset") this.#keepAccounts(answer, endpointId);
    return answer;
  }

  #judge(batch: Batch): Answer {
    if (!batch.signed) {
      return {
        status: 403,
        headers: { "x-amzn-errortype": "InvalidSignatureException" },
        body: { Message: "The request signature we calculated does not match." },
      };
    }
    return results(batch, () => ({ StatusCode: 202, Message: "Accepted" }));
  }

  // biome-ignore lint/suspicious/noExplicitAny: the body of a script's answer.
  #keepAccounts(answer: any, endpointId: string): void {
    const items = answer.body?.Results?.[endpointId]?.EventsItemResponse ?? {};
    for (const [id, item] of Object.entries<{ StatusCode: number }>(items)) {
      if (item.StatusCode === 202) this.accepted.push(id);
    }
  }
}

/** A 202 that answers every event of a batch by itself. */
export function results(
  batch: Batch,
  judge: (event: SentEvent) => { StatusCode: number; Message: string },
): Answer {
  const items = [...batch.events].map(([id, event]) => [id, judge(event)]);
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

/** Signs the request again from what it says it signed, and compares. */
async function isSigned(request: IncomingMessage, body: string): Promise<boolean> {
  const authorization = request.headers.authorization ?? "";
  const names = /SignedHeaders=([^,]+)/.exec(authorization)?.[1].split(";") ?? [];
  const date = String(request.headers["x-amz-date"]);
  if (!names.includes("host") || !/^\d{8}T\d{6}Z$/.test(date)) return false;
  const signer = new SignatureV4({
    credentials: {
      accessKeyId: "ASIAEXAMPLE",
      secretAccessKey: SECRET_KEY,
      sessionToken: "a token/with+signs==",
    },
    region: REGION,
    service: "mobiletargeting",
    sha256: Sha256,
    applyChecksum: false,
  });
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(date) ?? [];
  const again = await signer.sign(
    {
      method: request.method ?? "",
      protocol: "http:",
      hostname: "127.0.0.1",
      path: request.url ?? "",
      query: {},
      headers: Object.fromEntries(names.map((name) => [name, String(request.headers[name])])),
      body,
    },
    { signingDate: new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`) },
  );
  return again.headers.authorization === authorization;
}

/** Node's SHA-256 in the form the signer asks for. */
class Sha256 {
  readonly #hash;
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret ? createHmac("sha256", secret as Buffer) : createHash("sha256");
  }
  update(data: string | Uint8Array): void {
    this.#hash.update(data);
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}
