// What stands between a client and the worker: hands requests on, unless it is told to answer by itself.

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { gunzipSync } from "node:zlib";

/** A request as the front saw it. */
export interface Seen {
  at: number;
  path: string;
  authorization: string | undefined;
  isCompressed: boolean;
  // biome-ignore lint/suspicious/noExplicitAny: events of any shape.
  events: any[];
  /** `undefined` where the connection was reset. */
  status?: number;
}

export interface FrontAnswer {
  status: number;
  headers?: Record<string, string>;
  body?: string;
}

/** Answers a request instead of the worker: `reset` unread, or `lost` after the worker has answered. */
export type Script = (seen: Seen) => FrontAnswer | "reset" | "lost" | undefined;

export class Front {
  readonly seen: Seen[] = [];
  /** Where requests are handed on to; accepts all of each where there is none. */
  worker: string | undefined;
  /** Asked for every request. */
  script: Script | undefined;

  private constructor(private readonly server: Server) {}

  static async start(worker?: string): Promise<Front> {
    const server = createServer();
    const front = new Front(server);
    front.worker = worker;
    server.on("request", async (request, response) => {
      const body = await bytesOf(request);
      const seen = seenOf(request, body);
      front.seen.push(seen);
      let answer = front.script?.(seen);
      if (answer === undefined || answer === "lost") {
        const own = await front.#handOn(seen, request, body);
        answer = answer ?? own;
      }
      if (typeof answer === "string") return request.socket.resetAndDestroy();
      seen.status = answer.status;
      response.writeHead(answer.status, answer.headers).end(answer.body);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return front;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Ids of the events of all requests with this status. */
  ids(status = 202): string[] {
    const answered = this.seen.filter((seen) => seen.status === status);
    return answered.flatMap(({ events }) => events.map(({ id }) => id));
  }

  stop(): void {
    this.server.close();
    this.server.closeAllConnections();
  }

  async #handOn(seen: Seen, request: IncomingMessage, body: Buffer) {
    if (!this.worker) {
      const results = seen.events.map(({ id }) => ({ id, status: 202, message: "Accepted" }));
      return { status: 202, body: JSON.stringify({ results }) };
    }
    try {
      const { authorization = "", "content-type": type = "" } = request.headers;
      const response = await fetch(this.worker + request.url, {
        method: request.method,
        headers: { authorization, "content-type": type },
        body: new Uint8Array(body),
      });
      return {
        status: response.status,
        headers: Object.fromEntries(response.headers),
        body: await response.text(),
      };
    } catch {
      return "reset";
    }
  }
}

async function bytesOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function seenOf(request: IncomingMessage, body: Buffer): Seen {
  const isCompressed = body[0] === 0x1f;
  const text = (isCompressed ? gunzipSync(body) : body).toString();
  const { authorization } = request.headers;
  const events = text.split("\n").map((line) => JSON.parse(line));
  return { at: Date.now(), path: request.url ?? "", authorization, isCompressed, events };
}
