// A client: what a server calls, and the loop that sends.

import { type AnalyticsEvent, type CompiledSchema, type Delivery, ForebayError } from "../types.js";
import { uuid } from "../uuid.js";
import { type EventContext, idOf, lineOf, validator } from "./event.js";
import { type Ended, type Entry, MOST_BYTES, MOST_EVENTS, Queue } from "./queue.js";
import { type NodeReceipt, Receipts } from "./receipts.js";
import { send } from "./send.js";
import { type Place, Spool } from "./spool.js";

/** Most bytes of an event: sinks take no larger records. */
const MOST_EVENT_BYTES = 1_000_000;
const CLOSED = "the client is closed";
const TOO_MANY = "too many events are waiting";
const LOST = "damaged on disk";
/** The longest time of a timer, in milliseconds. */
const MOST_TIMER = 2 ** 31 - 1;
/** Most warnings of a client. */
const MOST_TOLD = 20;

export interface ClientOptions {
  /** The worker's address, such as `https://events.example.com`. */
  endpoint: string;
  /** A bearer key of the worker's `SERVER_KEYS`. */
  key: string;
  /** The application that events are for. Not needed if the key is for one alone. */
  appId?: string;
  /** `schema` of the generated file; events are validated before they leave. */
  schema?: CompiledSchema;
  /** Context of every event; an event's own context wins. */
  context?: EventContext;
  /** A folder for events that wait. Without it they wait in memory alone. */
  spool?: string;
  /** Most bytes on disk. Default: 256,000,000. */
  spoolBytes?: number;
  /** Whether an event counts as stored only after `fdatasync`, so that it also survives a power cut. Default: false. */
  spoolSync?: boolean;
  /** Milliseconds that an event waits for others. Default: 1,000. */
  flushInterval?: number;
  /** Most events of a request. Default: 500, which is the most. */
  flushSize?: number;
  /** Most bytes of a request before it is compressed. Default: 1,000,000. */
  flushBytes?: number;
  /** Most events that wait in memory. Default: 10,000. */
  bufferSize?: number;
  /** Most bytes that wait in memory. Default: 16,000,000. */
  bufferBytes?: number;
  /** Milliseconds after which an event that does not arrive is dropped. Default: 30 days. */
  maxAge?: number;
  /** A `fetch` to use instead of the global one, such as one with a proxy. */
  fetch?: typeof fetch;
}

/** Counts since the client was created: `recorded = delivered + rejected + dropped + queued`. */
export interface NodeStats {
  /** Valid events, and those that an earlier process left. */
  recorded: number;
  /** Events that were not valid; not in `recorded`. */
  invalid: number;
  delivered: number;
  rejected: number;
  dropped: number;
  /** How many events were dropped, by reason. */
  droppedBy: Record<string, number>;
  /** Events that wait or are in flight. Those that an earlier process left count from when they are read. */
  queued: number;
  /** How many times an event was answered with 429, and is sent again. */
  throttled: number;
  /** How many times an event was not accepted for another reason, and is sent again. */
  failed: number;
  /** Whether all events that wait are on disk. */
  durable: boolean;
}

export interface Client {
  /**
   * Records an event. With a spool it resolves when the event is on disk, which the receipt's state `stored` says;
   * without a spool, at once. Never rejects: an event that is not valid, or cannot be kept, ends at once as `invalid`
   * or `dropped`.
   *
   * @throws ForebayError `InvalidEvent` (no name), at once.
   */
  record(event: AnalyticsEvent, context?: EventContext): Promise<NodeReceipt>;
  /** The same client with more context, such as `{ user: { id } }` for a request. */
  with(context: EventContext): Pick<Client, "record">;
  /** Sends what waits. Resolves when each event was tried once; events that have to be sent again wait. */
  flush(): Promise<void>;
  /**
   * Takes no more events, sends what waits, for at most `timeout` milliseconds (default: 5,000), and ends. What is left
   * stays in the spool for the next process; without a spool it is dropped. Resolves with the last `stats()`.
   */
  close(options?: { timeout?: number }): Promise<NodeStats>;
  /** Calls `listener` with every step of every event. Returns a function that ends this. */
  onDelivery(listener: (delivery: Delivery) => void): () => void;
  stats(): NodeStats;
}

/**
 * A client for a server that sends events to a worker by `POST /v1/events`.
 *
 * @throws ForebayError `InvalidConfig`
 */
export function createClient(options: ClientOptions): Client {
  return new NodeClient(options);
}

type Waiting = Entry<Place>;

/**
 * Milliseconds since the epoch by a monotonic clock. By the machine's clock, an event would wait longer whenever that
 * is set back.
 */
const clock = () => performance.timeOrigin + performance.now();

class NodeClient implements Client {
  readonly #options: ClientOptions;
  readonly #url: string;
  readonly #judge: ReturnType<typeof validator>;
  readonly #queue: Queue<Waiting>;
  /** While somebody awaits an event's end, the timer keeps the process alive. */
  readonly #receipts = new Receipts(() => this.#timer?.ref());
  readonly #spool?: Spool;
  readonly #listeners = new Set<(delivery: Delivery) => void>();
  readonly #counts = {
    recorded: 0,
    invalid: 0,
    delivered: 0,
    rejected: 0,
    throttled: 0,
    failed: 0,
  };
  readonly #droppedBy: Record<string, number> = {};
  readonly #told = new Set<string>();
  readonly #abort = new AbortController();
  /** Events that are being written to disk. */
  #pending = 0;
  /** Events of this process that are on disk alone. */
  #onDisk = 0;
  /** Events in memory that are not on disk. */
  #volatile = 0;
  #running?: Promise<void>;
  #timer?: NodeJS.Timeout;
  #closing?: Promise<NodeStats>;

  constructor(options: ClientOptions) {
    this.#options = options;
    this.#url = addressOf(options);
    this.#judge = validator(options.schema);
    this.#queue = new Queue({
      flushInterval: number(options, "flushInterval", 1_000, 0),
      flushSize: Math.min(MOST_EVENTS, number(options, "flushSize", MOST_EVENTS)),
      flushBytes: Math.min(MOST_BYTES, number(options, "flushBytes", 1_000_000)),
      bufferSize: number(options, "bufferSize", 10_000),
      bufferBytes: number(options, "bufferBytes", 16_000_000),
      maxAge: number(options, "maxAge", 30 * 86_400_000),
    });
    const bytes = number(options, "spoolBytes", 256_000_000);
    const { spool: folder, spoolSync: sync = false } = options;
    if (folder === undefined) return;
    this.#spool = new Spool({ folder, bytes, sync, failed: (why) => this.#tell(why) });
    this.#spool.open().then(
      () => this.#wake(),
      ({ code }) => this.#tell(`the spool cannot be used (${code})`),
    );
  }

  record(event: AnalyticsEvent, context?: EventContext): Promise<NodeReceipt> {
    if (!event?.name || typeof event.name !== "string") {
      throw new ForebayError("InvalidEvent", "Forebay: an event needs a name.");
    }
    const known = { ...this.#options.context, ...context };
    const now = Date.now();
    const id = known.id === undefined ? uuid(now) : idOf(known.id);
    const underWay = this.#receipts.get(id);
    if (underWay) return Promise.resolve(underWay);
    const receipt = this.#receipts.make(id);
    const end = (state: Delivery["state"], more?: Partial<Delivery>) => {
      this.#reach({ id, name: event.name, at: Date.now(), state, ...more });
      return Promise.resolve(receipt);
    };
    const { violations, event: sent } = this.#judge(event);
    let line = "";
    try {
      line = lineOf(sent, known, id, now);
    } catch (error) {
      const actual = (error as Error).name;
      violations.push({ path: "", rule: "type", expected: "what JSON can say", actual });
    }
    if (violations.length > 0) {
      this.#counts.invalid++;
      return end("invalid", { violations });
    }
    this.#counts.recorded++;
    const bytes = Buffer.byteLength(line);
    const drop = (reason: string) => {
      this.#drop(reason);
      return end("dropped", { reason });
    };
    if (this.#closing) return drop(CLOSED);
    if (bytes > MOST_EVENT_BYTES) return drop("too large");
    if (event.immediate) this.#queue.urge();
    const waits = { at: clock(), tries: 0, notBefore: 0 };
    const entry: Waiting = { id, name: sent.name, line, bytes, ...waits };
    const spool = this.#spool;
    if (!spool) {
      if (!this.#queue.hasRoom(bytes)) return drop(TOO_MANY);
      this.#add(entry);
      return Promise.resolve(receipt);
    }
    if (spool.pendingBytes + bytes > this.#queue.options.bufferBytes) return drop(TOO_MANY);
    this.#pending++;
    return new Promise((resolve) => {
      spool.append(`${now} ${line}`, (place) => {
        this.#pending--;
        this.#written(entry, place);
        resolve(receipt);
      });
    });
  }

  with(context: EventContext): Pick<Client, "record"> {
    return { record: (event, more) => this.record(event, { ...context, ...more }) };
  }

  async flush(): Promise<void> {
    await this.#spool?.written();
    this.#queue.urge();
    this.#wake();
    await this.#running;
  }

  close({ timeout = 5_000 }: { timeout?: number } = {}): Promise<NodeStats> {
    this.#closing ??= this.#close(timeout);
    return this.#closing;
  }

  onDelivery(listener: (delivery: Delivery) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  stats(): NodeStats {
    const dropped = Object.values(this.#droppedBy).reduce((sum, count) => sum + count, 0);
    return {
      ...this.#counts,
      dropped,
      droppedBy: { ...this.#droppedBy },
      queued: this.#pending + this.#onDisk + this.#queue.size,
      durable: !!this.#spool && this.#pending + this.#volatile === 0,
    };
  }

  /** An event is on disk, or its write failed. */
  #written(entry: Waiting, place: Place | undefined): void {
    const { id, name } = entry;
    const hasRoom = this.#queue.hasRoom(entry.bytes);
    if (place) {
      this.#reach({ id, name, at: Date.now(), state: "stored" });
      // Keeps the order: while some events are on disk alone, later ones are, too.
      if (hasRoom && !this.#spool?.hasUnread) this.#add({ ...entry, place });
      else {
        this.#spool?.leave(place);
        this.#onDisk++;
        this.#wake();
      }
    } else if (hasRoom) this.#add(entry);
    else {
      this.#drop(TOO_MANY);
      this.#reach({ id, name, at: Date.now(), state: "dropped", reason: TOO_MANY });
    }
  }

  #add(entry: Waiting): void {
    if (!entry.place) this.#volatile++;
    this.#queue.add(entry);
    this.#wake();
  }

  /** Sends what is due, and sets the timer for the rest. */
  #wake(): void {
    // The running loop looks again before it ends.
    if (this.#running) return;
    clearTimeout(this.#timer);
    const at = this.#canRead() ? 0 : this.#queue.wakeAt();
    if (at === undefined || this.#abort.signal.aborted) return;
    const wait = at - clock();
    if (wait <= 0) this.#running = this.#run();
    else {
      this.#timer = setTimeout(() => this.#wake(), Math.min(wait, MOST_TIMER));
      if (!this.#receipts.areAwaited) this.#timer.unref();
    }
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#read();
      const now = clock();
      await this.#end(this.#queue.expired(now));
      const batch = this.#abort.signal.aborted ? undefined : this.#queue.take(now);
      if (!batch) break;
      await this.#send(batch);
    }
    this.#queue.calm();
    this.#running = undefined;
    this.#wake();
  }

  /** Whether memory has room for events that are on disk alone. */
  #canRead(): boolean {
    const { bufferSize, bufferBytes } = this.#queue.options;
    const { size, bytes } = this.#queue;
    return !!this.#spool?.hasUnread && size < bufferSize / 2 && bytes < bufferBytes / 2;
  }

  async #read(): Promise<void> {
    while (this.#spool && this.#canRead()) {
      const { found, damaged, isOwn } = await this.#spool.read();
      const nothing: Place[] = [];
      for (const { text, place } of found) {
        const entry = entryOf(text, place);
        if (entry) this.#queue.add(entry);
        else nothing.push(place);
      }
      await this.#spool.end(nothing);
      this.#drop(LOST, nothing.length);
      if (isOwn) this.#onDisk -= found.length;
      else this.#counts.recorded += found.length + damaged;
      // An event that is not where it was left is lost.
      const lost = this.#spool.hasUnread ? 0 : this.#onDisk;
      this.#onDisk -= lost;
      this.#drop(LOST, lost + (isOwn ? 0 : damaged));
    }
  }

  async #send(batch: Waiting[]): Promise<void> {
    for (const { id, name } of batch) this.#reach({ id, name, at: Date.now(), state: "sent" });
    const { key, fetch = globalThis.fetch } = this.#options;
    const failed = (why: string) => this.#tell(why);
    const target = { url: this.#url, key, fetch, failed, signal: this.#abort.signal };
    const answer = await send(batch, target);
    const outcome = this.#queue.answered(batch, answer, clock(), Math.random());
    this.#counts.throttled += outcome.throttled;
    this.#counts.failed += outcome.failed;
    await this.#end(outcome.ended);
  }

  async #end(ended: Ended<Waiting>[]): Promise<void> {
    const places: Place[] = [];
    for (const { entry, ...end } of ended) {
      if (end.state === "dropped") this.#drop(end.reason ?? "");
      else this.#counts[end.state]++;
      if (entry.place) places.push(entry.place);
      else this.#volatile--;
      this.#reach({ id: entry.id, name: entry.name, at: Date.now(), ...end });
    }
    await this.#spool?.end(places);
  }

  async #close(timeout: number): Promise<NodeStats> {
    const deadline = clock() + Math.max(timeout || 0, 0);
    await this.#spool?.written();
    while (this.#queue.size > 0 || this.#spool?.hasUnread) {
      this.#queue.urge();
      this.#wake();
      const left = deadline - clock();
      // Not sooner than the endpoint's `Retry-After`.
      const next = this.#running ? left : (this.#queue.wakeAt() ?? 0) - clock();
      if (left <= 0 || next > left) break;
      await within(next, this.#running);
    }
    this.#abort.abort();
    await this.#running;
    clearTimeout(this.#timer);
    const left = this.#queue.drain();
    const dropped = left.filter(({ place }) => !place);
    // The others are in the spool.
    this.#onDisk += left.length - dropped.length;
    await this.#end(dropped.map((entry) => ({ entry, state: "dropped", reason: CLOSED })));
    await this.#spool?.close();
    return this.stats();
  }

  #drop(reason: string, count = 1): void {
    if (count > 0) this.#droppedBy[reason] = (this.#droppedBy[reason] ?? 0) + count;
  }

  #reach(delivery: Delivery): void {
    this.#receipts.reach(delivery);
    for (const listener of this.#listeners) {
      try {
        listener(delivery);
      } catch (error) {
        // The app's own mistake. It must not keep events from arriving.
        process.emitWarning(error as Error);
      }
    }
  }

  /** Warns once for each reason that keeps events from arriving, without anything of an event, and without the key. */
  #tell(why: string): void {
    if (this.#told.has(why) || this.#told.size >= MOST_TOLD) return;
    this.#told.add(why);
    process.emitWarning(`Forebay: ${why}. Events wait, and are sent again.`, "ForebayWarning");
  }
}

/** Reads an event of the spool; nothing if this package did not write it. */
function entryOf(text: string, place: Place): Waiting | undefined {
  const [head] = text.split(" ", 1);
  const line = text.slice(head.length + 1);
  try {
    const { id, name } = JSON.parse(line);
    const bytes = Buffer.byteLength(line);
    if (typeof id !== "string" || !/^\d+$/.test(head)) return undefined;
    // The clock may have been set back since.
    const at = Math.min(Number(head), clock());
    return { id, name, line, bytes, at, place, tries: 0, notBefore: 0 };
  } catch {
    return undefined;
  }
}

/** Resolves after so many milliseconds, or when `other` does. */
async function within(milliseconds: number, other: Promise<void> | undefined): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const time = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.min(Math.max(0, milliseconds), MOST_TIMER));
  });
  await Promise.race([time, other ?? time]);
  clearTimeout(timer);
}

function addressOf({ endpoint, key, appId }: ClientOptions): string {
  // `fetch` would repeat a key that no header can carry in its error.
  if (typeof key !== "string" || !/^[\x21-\x7e]+$/.test(key)) {
    throw invalid("key", "a bearer key of the worker's SERVER_KEYS");
  }
  if (!URL.canParse(endpoint) || !/^https?:$/.test(new URL(endpoint).protocol)) {
    throw invalid("endpoint", "an address such as https://events.example.com");
  }
  const url = new URL(endpoint);
  url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/events`;
  url.search = appId === undefined ? "" : new URLSearchParams({ app: appId }).toString();
  return url.href;
}

function number(
  options: ClientOptions,
  name: keyof ClientOptions,
  standard: number,
  least = 1,
): number {
  const given = (options[name] as number | undefined) ?? standard;
  if (typeof given === "number" && given >= least) return given;
  throw invalid(name, `a number of at least ${least}`);
}

function invalid(name: string, expected: string): ForebayError {
  return new ForebayError("InvalidConfig", `Forebay configuration: ${name} must be ${expected}.`);
}
