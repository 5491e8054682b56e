// A server that all SDKs send to. It answers as the service of each does, keeps books of the events that it
// accepted, and misbehaves where it is told to.

import { EventEmitter, once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { type Call, type Reply, read } from "./wires.ts";

/**
 * What happens instead of an answer: the connection is `reset` with nothing done; the answer is `lost`, by a reset after
 * the events are taken; or it `hangs` until the fault is over, and is reset then.
 */
export type Mishap = "reset" | "lost" | "hangs";

/** What becomes of a request instead; `undefined` leaves it to the service. No preflight is asked about. */
export type Fault = (operation: Call["operation"]) => Reply | Mishap | undefined;

export class Collector {
  /** How often each event was accepted, by its id. */
  readonly accepted = new Map<string, number>();
  /** And by its number; other than that where an SDK gives an event another id. */
  readonly numbers = new Map<number, number>();
  /** How often each operation was asked for. */
  readonly calls = new Map<string, number>();
  /** When the first event was accepted, in milliseconds since the epoch. */
  firstAt: number | undefined;
  /** How long it takes for an answer, in milliseconds. */
  latency = 0;
  readonly #changes = new EventEmitter();
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  /** What connections that are closed have brought. */
  #closedBytes = 0;
  #fault: Fault | undefined;

  private constructor() {
    // A burst asks for more than the default of 11 at a time.
    this.#changes.setMaxListeners(100);
    this.#server = createServer((request, response) => void this.#answer(request, response));
    this.#server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        this.#closedBytes += socket.bytesRead;
      });
    });
  }

  static async start(): Promise<Collector> {
    const collector = new Collector();
    collector.#server.listen(0, "127.0.0.1");
    await once(collector.#server, "listening");
    return collector;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Bytes of HTTP that came in: heads and bodies of all requests. */
  get bytes(): number {
    let bytes = this.#closedBytes;
    for (const socket of this.#sockets) bytes += socket.bytesRead;
    return bytes;
  }

  get fault(): Fault | undefined {
    return this.#fault;
  }

  set fault(fault: Fault | undefined) {
    this.#fault = fault;
    this.#changes.emit("fault");
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

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      // The page is gone.
      return;
    }
    const call = await read(request, Buffer.concat(chunks));
    const instead = call.operation === "preflight" ? undefined : this.#fault?.(call.operation);
    if (instead === undefined || instead === "lost") this.#take(call);
    if (this.latency) await sleep(this.latency);
    if (instead === "hangs") await once(this.#changes, "fault");
    if (typeof instead === "string") request.socket.resetAndDestroy();
    else send(request, response, instead ?? call.reply);
    this.#changes.emit("change");
  }

  #take({ operation, events }: Call): void {
    this.calls.set(operation, (this.calls.get(operation) ?? 0) + 1);
    for (const { id, number } of events) {
      this.firstAt ??= Date.now();
      this.accepted.set(id, (this.accepted.get(id) ?? 0) + 1);
      this.numbers.set(number, (this.numbers.get(number) ?? 0) + 1);
    }
  }
}

function send(request: IncomingMessage, response: ServerResponse, reply: Reply): void {
  response.writeHead(reply.status, {
    // Snowplow sends its cookie, so any origin by a star will not do.
    "access-control-allow-origin": request.headers.origin ?? "*",
    "access-control-allow-credentials": "true",
    "access-control-expose-headers": "Date, Retry-After, x-amzn-errortype",
    // Pages that are isolated load PostHog's scripts from here.
    "cross-origin-resource-policy": "cross-origin",
    ...reply.headers,
  });
  response.end(reply.body);
}
