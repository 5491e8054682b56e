// One HTTP server behind workerd: Kinesis for the worker, and for people and their tests the page and what was
// collected.

import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Collected } from "./collected.js";
import type { Kinesis } from "./kinesis.js";

/** More than the worker ever writes at once: PutRecords takes 5 MB, and base64 makes a third more of it. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;
const PAGE = new URL("./page.html", import.meta.url);

export interface Served {
  port: number;
  stop(): void;
}

/**
 * Starts the server on 127.0.0.1, on any free port.
 *
 * @param about what the page says of this run
 */
export async function serve(
  kinesis: Kinesis,
  collected: Collected,
  about: () => object,
): Promise<Served> {
  const answers: Record<string, (query: URLSearchParams) => object> = {
    "GET /all": () => ({ ...collected.counts, ...about() }),
    "GET /good": (query) => ofType(collected.good, query),
    "GET /bad": (query) => ofType(collected.bad, query),
    "GET /refused": () => collected.refused,
    "POST /reset": () => {
      collected.reset();
      return collected.counts;
    },
  };
  const server = createServer(async (request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://127.0.0.1");
    const operation = request.headers["x-amz-target"];
    if (typeof operation === "string") {
      const { status, body } = await kinesis.answer(operation, await bodyOf(request));
      return json(response, status, body);
    }
    const answer = answers[`${request.method} ${pathname}`];
    if (answer) return json(response, 200, answer(searchParams));
    response.writeHead(200, { "content-type": "text/html; charset=utf-8" });
    response.end(readFileSync(PAGE));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

/** Those of one event type, if the query asks for one. */
function ofType<T extends { event_type: string }>(items: T[], query: URLSearchParams): T[] {
  const wanted = query.get("event_type");
  return wanted === null ? items : items.filter(({ event_type }) => event_type === wanted);
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) throw new Error("the worker wrote more than Kinesis takes");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
