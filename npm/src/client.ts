import { type AmplifyConfig, type ForebayConfig, readConfig, type Settings } from "./config.js";
import type { Engine, Recorded, WasmSource } from "./engine.js";
import {
  type AnalyticsEvent,
  type Delivery,
  ForebayError,
  type IdentifyUserInput,
  type Receipt,
  type Stats,
  type Violation,
} from "./types.js";

export type {
  AmplifyConfig,
  AmplifyOutputs,
  AmplifyV5Config,
  AmplifyV6Config,
  AwsExports,
  ForebayConfig,
  Options,
} from "./config.js";
export * from "./types.js";

/** On `globalThis` once a copy of this package is configured. */
const CLAIMED = Symbol.for("forebay");

let settings: Settings | undefined;
let ready: Promise<Engine> | undefined;
let engine: Engine | undefined;
let waiting: Recorded[] = [];
let pumping = false;
let dropped = 0;
const listeners = new Set<(delivery: Delivery) => void>();

/**
 * `configure` of every entry. They differ in where the WebAssembly module comes from: in `source`.
 */
export function configure(config: ForebayConfig | AmplifyConfig, source: WasmSource): void {
  const wanted = readConfig(config);
  if (settings && JSON.stringify(settings) !== JSON.stringify(wanted)) {
    throw new ForebayError(
      "AlreadyConfigured",
      "Forebay is configured already, and not like this. A page has one configuration.",
    );
  }
  if (settings || !inBrowser()) return;
  claim();
  settings = wanted;
  ready = load(wanted, source);
  // Reported where it is awaited, and on the console by load().
  ready.catch(() => {});
}

/**
 * Makes an event of its fields: numbers become metrics, all else attributes, with dates as ISO 8601.
 * This is what generated creators call; they know the names and types of the fields.
 */
export function createEvent<Event extends AnalyticsEvent>(
  name: Event["name"],
  fields: object,
): Event {
  const attributes: Record<string, string> = {};
  const metrics: Record<string, number> = {};
  for (const [field, value] of Object.entries(fields)) {
    if (typeof value === "number") metrics[field] = value;
    else if (value !== undefined) attributes[field] = text(value);
  }
  return { name, attributes, metrics } as AnalyticsEvent as Event;
}

/** What is no text even now, null and objects, the validator judges. */
function text(value: unknown): string {
  if (value instanceof Date) return value.toJSON() ?? String(value);
  return typeof value === "boolean" ? String(value) : (value as string);
}

/**
 * Records an event. Gives its id at once; `onDelivery` tells what becomes of it. Never throws for
 * reasons of network, storage or schema. On a server it does nothing.
 *
 * @throws ForebayError `NotConfigured`, `InvalidEvent` (no name).
 */
export function record(event: AnalyticsEvent): Receipt {
  if (!event?.name || typeof event.name !== "string") {
    throw new ForebayError("InvalidEvent", "Forebay: an event needs a name, as a string.");
  }
  const { attributes, metrics } = event;
  const recorded = {
    id: uuid(),
    at: Date.now(),
    // What the caller changes afterwards was not recorded.
    event: { ...event, attributes: copy(attributes), metrics: copy(metrics) },
  };
  if (inBrowser()) {
    const { disabled, bufferSize } = configured();
    if (disabled) drop(recorded, "disabled");
    else waiting.push(recorded);
    if (waiting.length > bufferSize) {
      drop(waiting.shift() as Recorded, "too many events are waiting");
    }
    if (!pumping) {
      pumping = true;
      queueMicrotask(pump);
    }
  }
  return { id: recorded.id };
}

/**
 * Describes the user and this browser's endpoint, as Amplify does: `email`, `name` and `plan` join
 * `customProperties` in the endpoint's attributes. Resolves when the request is on its way. On a
 * server it does nothing.
 *
 * @throws ForebayError `NotConfigured`, `WasmBlocked`.
 */
export async function identifyUser(input: IdentifyUserInput): Promise<void> {
  if (inBrowser()) (await whenReady()).identifyUser(input);
}

/** Sends what is waiting now instead of with the next batch. */
export function flushEvents(): void {
  if (!inBrowser()) return;
  whenReady().then(
    (engine) => {
      pump();
      engine.flush();
    },
    () => {},
  );
}

/**
 * Gives what `record(event)` would find wrong with an event, without recording it.
 *
 * @throws ForebayError `NotConfigured`, `NotInBrowser`, `WasmBlocked`.
 */
export async function validate(event: AnalyticsEvent): Promise<Violation[]> {
  return (await whenReady()).validate(event);
}

/** Calls `listener` with every step of every event. Gives a function that ends it. */
export function onDelivery(listener: (delivery: Delivery) => void): () => void {
  listeners.add(listener);
  return () => {
    listeners.delete(listener);
  };
}

/** What has become of the events of this page so far. */
export function stats(): Stats {
  const stats = engine?.stats() ?? {
    recorded: 0,
    invalid: 0,
    delivered: 0,
    rejected: 0,
    dropped: 0,
    queued: 0,
  };
  stats.recorded += waiting.length + dropped;
  stats.queued += waiting.length;
  stats.dropped += dropped;
  return stats;
}

/** A random UUID; `crypto.randomUUID` exists on secure pages only. */
function uuid(): string {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 15) | 64;
  bytes[8] = (bytes[8] & 63) | 128;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0"))
    .join("")
    .replace(/(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
}

/** Whether events can leave from here: from a page, or from a worker that lives as long as pages do. */
function inBrowser(): boolean {
  if (typeof window !== "undefined") return true;
  const has = (name: string) => name in globalThis;
  if (has("ServiceWorkerGlobalScope") && has("registration")) {
    throw new ForebayError(
      "NotInBrowser",
      "Forebay does not work in a service worker, which ends at any time. Record in the page.",
    );
  }
  return has("DedicatedWorkerGlobalScope") || has("SharedWorkerGlobalScope");
}

/** Two clients in one page would make two visits of one. */
function claim(): void {
  const page = globalThis as { [CLAIMED]?: true };
  if (page[CLAIMED]) {
    throw new ForebayError(
      "AlreadyConfigured",
      "Forebay: another copy of it is configured in this page. Load the package once.",
    );
  }
  page[CLAIMED] = true;
}

function configured(): Settings {
  if (settings) return settings;
  throw inBrowser()
    ? new ForebayError("NotConfigured", "Forebay: call configure() first.")
    : new ForebayError("NotInBrowser", "Forebay: this works in a browser only.");
}

function whenReady(): Promise<Engine> {
  configured();
  return ready as Promise<Engine>;
}

async function load(settings: Settings, source: WasmSource): Promise<Engine> {
  const session = { id: uuid(), start: Date.now() };
  for (let pause = 1000; ; pause = Math.min(pause * 2, 60_000)) {
    try {
      const [{ start }, wasm] = await Promise.all([import("./engine.js"), source()]);
      engine = await start(wasm, { settings, session, deliver, uuid, ForebayError });
      pump();
      return engine;
    } catch (error) {
      if (error instanceof ForebayError) {
        console.error(error.message);
        throw error;
      }
      console.warn(`Forebay did not load; next try in ${pause / 1000} s.`, error);
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

/** Hands over what was recorded. Listeners therefore never run inside `record()`. */
function pump(): void {
  pumping = false;
  if (!engine) return;
  const batch = waiting;
  waiting = [];
  for (const recorded of batch) engine.record(recorded);
}

function drop({ id, event }: Recorded, reason: string): void {
  dropped++;
  deliver({ id, name: event.name, at: Date.now(), state: "dropped", reason });
}

function deliver(delivery: Delivery): void {
  for (const listener of listeners) {
    try {
      listener(delivery);
    } catch (error) {
      // The page's own mistake: for its error reporting, and not for the other listeners.
      reportError(error);
    }
  }
}

function copy<T>(values: T): T {
  return values && typeof values === "object" ? { ...values } : values;
}
