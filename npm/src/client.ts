import type { AutoTrackInput } from "./auto-track.js";
import type { AmplifyConfig, ForebayConfig, Unread } from "./config/config.js";
import type { Engine, Recorded, SignIn, WasmSource } from "./engine.js";
import {
  type AnalyticsEvent,
  type Delivery,
  type DeliveryState,
  ForebayError,
  type IdentifyUserInput,
  type Receipt,
  type Stats,
  type Violation,
} from "./types.js";

export type {
  AutoTrackInput,
  EventTracking,
  ExtraAttributes,
  PageViewTracking,
  SessionTracking,
} from "./auto-track.js";
export type {
  AmplifyConfig,
  AmplifyOutputs,
  AmplifyV5Config,
  AmplifyV6Config,
  AwsExports,
  ForebayConfig,
  Options,
} from "./config/config.js";
export type { SignIn } from "./engine.js";
export * from "./types.js";

/** On `globalThis` once a copy of this package is configured. */
const CLAIMED = Symbol.for("forebay");
/** Events that wait for the engine; from then on the configuration says how many. */
const MOST_WAITING = 10_000;

let configuration: string | undefined;
let ready: Promise<Engine> | undefined;
let engine: Engine | undefined;
let waiting: Recorded[] = [];
let pumping = false;
/** What this page said last. What an earlier visit said, the engine knows. */
let enabled: boolean | undefined;
let drops: Record<string, number> = {};
const listeners = new Set<(delivery: Delivery) => void>();
/** Of the events on their way, those receipts that someone still has. */
const receipts = new Map<string, { deref(): Tracked | undefined }>();
/** Made with the first receipt: not every server can, and there it is not needed. */
let lost: FinalizationRegistry<string> | undefined;

class Tracked implements Receipt {
  state: DeliveryState = "recorded";
  #settled?: Promise<Delivery>;
  #last?: Delivery;
  #settle?: (delivery: Delivery) => void;

  constructor(readonly id: string) {}

  get settled(): Promise<Delivery> {
    this.#settled ??= new Promise((resolve) => {
      if (this.#last) return resolve(this.#last);
      this.#settle = resolve;
      // Who waits may have kept nothing but the promise.
      receipts.set(this.id, { deref: () => this });
    });
    return this.#settled;
  }

  reach(delivery: Delivery): void {
    this.state = delivery.state;
    if (["recorded", "stored", "sent"].includes(delivery.state)) return;
    receipts.delete(this.id);
    this.#last = delivery;
    this.#settle?.(delivery);
  }
}

/**
 * `configure` of every entry. They differ in where the WebAssembly module comes from: in `source`.
 */
export function configure(config: ForebayConfig | AmplifyConfig, source: WasmSource): void {
  // The rest is read, and judged, by the engine.
  if (!config?.endpoint) {
    throw new ForebayError(
      "InvalidConfig",
      "Forebay configuration: endpoint must be an http(s) address, such as https://events.example.com.",
    );
  }
  const wanted = JSON.stringify(config);
  if (configuration && configuration !== wanted) {
    throw new ForebayError(
      "AlreadyConfigured",
      "Forebay is configured already, and not like this. A page has one configuration.",
    );
  }
  if (configuration || !inBrowser()) return;
  claim();
  configuration = wanted;
  ready = load(config, source);
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
 * Records an event. Gives its receipt at once. Never throws for reasons of network, storage or schema.
 * On a server it does nothing.
 *
 * @throws ForebayError `NotConfigured`, `InvalidEvent` (no name).
 */
export function record(event: AnalyticsEvent): Receipt {
  if (!event?.name || typeof event.name !== "string") {
    throw new ForebayError("InvalidEvent", "Forebay: an event needs a name, as a string.");
  }
  const { attributes, metrics } = event;
  const id = uuid();
  const receipt = new Tracked(id);
  if (!inBrowser()) return receipt;
  configured();
  receipts.set(id, new WeakRef(receipt));
  lost ??= new FinalizationRegistry((id) => receipts.delete(id));
  lost.register(receipt, id);
  // What the caller changes afterwards was not recorded.
  const copied = { ...event, attributes: copy(attributes), metrics: copy(metrics) };
  const recorded = { id, at: Date.now(), event: copied };
  if (enabled === false) drop(recorded, "disabled");
  else waiting.push(recorded);
  if (waiting.length > MOST_WAITING) {
    drop(waiting.shift() as Recorded, "too many events are waiting");
  }
  if (!pumping) {
    pumping = true;
    queueMicrotask(pump);
  }
  return receipt;
}

/**
 * Describes the user and this browser's endpoint, as Amplify does: `email`, `name` and `plan` join
 * `customProperties` in the endpoint's attributes. Resolves when the request is on its way. On a
 * server it does nothing.
 *
 * @throws ForebayError `NotConfigured`, `InvalidConfig`, `WasmBlocked`.
 */
export async function identifyUser(input: IdentifyUserInput): Promise<void> {
  if (inBrowser()) await (await configured()).identifyUser(input);
}

/**
 * Goes on as someone who is signed in. Resolves once the identity pool has said who that is; what is
 * recorded from then on is theirs, in a session of its own, and so is an event `_identity.link` that
 * names both identities. Before that it is the guest's, who keeps what was recorded, and until
 * `signOut()`, or until the page closes. On a server it does nothing.
 *
 * What a user leaves behind waits on this browser's disk until that user signs in again.
 *
 * @throws ForebayError `NotConfigured`, `InvalidConfig`, `NotSignedIn` (the pool does not take the
 * tokens); and what the function that gives the tokens throws.
 */
export async function signIn(input: SignIn): Promise<void> {
  if (inBrowser()) await (await configured()).signIn(input);
}

/**
 * Goes on as the guest of this browser. On a server it does nothing.
 *
 * @throws ForebayError `NotConfigured`, `InvalidConfig`.
 */
export async function signOut(): Promise<void> {
  if (!inBrowser()) return;
  const engine = await configured();
  pump();
  engine.signOut();
}

/** Sends what is waiting now instead of with the next batch. */
export function flushEvents(): void {
  if (!inBrowser()) return;
  configured().then(
    (engine) => {
      pump();
      engine.flush();
    },
    () => {},
  );
}

/**
 * Records and sends again after `disable()`, on later visits too. May be called before `configure()`.
 * On a server it does nothing.
 */
export function enable(): void {
  allow(true);
}

/**
 * Drops what is recorded from now on, and sends nothing, until `enable()`; on later visits too. What
 * waits stays where it is: `forget()` deletes it. May be called before `configure()`. On a server it
 * does nothing.
 */
export function disable(): void {
  allow(false);
}

function allow(yes: boolean): void {
  if (!inBrowser()) return;
  pump();
  enabled = yes;
  engine?.setEnabled(yes);
}

/**
 * Deletes everything that is kept in this browser for the configured application: events that wait,
 * the ids of endpoint, identity and session, and those that Amplify left. That `disable()` was called
 * stays known. What is recorded afterwards is a newcomer's, and `stats()` begin anew.
 *
 * @throws ForebayError `NotConfigured`, `NotInBrowser`, `InvalidConfig`, `WasmBlocked`.
 */
export async function forget(): Promise<void> {
  const engine = await configured();
  pump();
  await engine.forget();
  drops = {};
}

/**
 * Records sessions, page views or what happens to elements by itself, or ends that; a second call for
 * the same type replaces the first. On a server it does nothing.
 *
 * @throws ForebayError `NotConfigured`.
 */
export function configureAutoTrack(input: AutoTrackInput): void {
  if (!inBrowser()) return;
  Promise.all([configured(), import("./auto-track.js")]).then(
    ([engine, { configureAutoTrack }]) => configureAutoTrack(input, engine),
    console.warn,
  );
}

/**
 * Gives what `record(event)` would find wrong with an event, without recording it.
 *
 * @throws ForebayError `NotConfigured`, `NotInBrowser`, `InvalidConfig`, `WasmBlocked`; and what says that
 * the script with the words for what is wrong could not be loaded, where the event is not valid.
 */
export async function validate(event: AnalyticsEvent): Promise<Violation[]> {
  return (await configured()).validate(event);
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
  const queued = waiting.length;
  const stats = engine?.stats() ?? {
    recorded: 0,
    invalid: 0,
    delivered: 0,
    rejected: 0,
    dropped: 0,
    droppedBy: {},
    queued: 0,
    aside: 0,
    durable: false,
    leader: false,
  };
  stats.recorded += queued;
  stats.queued += queued;
  for (const [reason, count] of Object.entries(drops)) {
    stats.recorded += count;
    stats.dropped += count;
    stats.droppedBy[reason] = (stats.droppedBy[reason] ?? 0) + count;
  }
  return stats;
}

/** A UUID of version 7, which begins with the time: a disk keeps events in the order of their ids. */
function uuid(): string {
  const time = Date.now().toString(16).padStart(12, "0");
  const digit = () => (crypto.getRandomValues(new Uint8Array(1))[0] & 15).toString(16);
  // `crypto.randomUUID` exists on secure pages only.
  const random = crypto.randomUUID?.().slice(15) ?? "000-8000-000000000000".replace(/0/g, digit);
  return `${time.replace(/.{8}/, "$&-")}-7${random}`;
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

/** The engine, once there is one. */
function configured(): Promise<Engine> {
  if (ready) return ready;
  throw inBrowser()
    ? new ForebayError("NotConfigured", "Forebay: call configure() first.")
    : new ForebayError("NotInBrowser", "Forebay: this works in a browser only.");
}

async function load(config: ForebayConfig | AmplifyConfig, source: WasmSource): Promise<Engine> {
  const { endpoint, appId, Analytics, disabled, respectPrivacySignals }: Unread = config;
  const early = `forebay.early.${endpoint}.${appId}.`;
  const own = early + uuid();
  // Of a browser that may not want to be kept in mind nothing is kept.
  const isOpen = !disabled && !respectPrivacySignals && !Analytics?.disabled;
  const leave = () => {
    if (engine || !waiting.length || !isOpen) return;
    try {
      const said = Object.entries(localStorage).filter(([key]) => /^forebay.enabled/.test(key));
      if (said.every(([, enabled]) => enabled === "true")) {
        localStorage.setItem(own, JSON.stringify(waiting));
      }
    } catch {}
  };
  // Firefox tears a page that goes to another site down so fast that what it keeps after the first is lost.
  for (const type of ["beforeunload", "pagehide", "visibilitychange"]) addEventListener(type, leave);
  engine = await untilLoaded(async () =>
    (await import("./engine.js")).start(source, { config, early, own, deliver, drop, uuid }),
  );
  // What was recorded before disable() is not dropped by it.
  if (enabled) engine.setEnabled(true);
  pump();
  if (enabled === false) engine.setEnabled(false);
  return engine;
}

/** Loads what is on the network, as often as it takes. What the program has to put right it says. */
export async function untilLoaded<Loaded>(load: () => Promise<Loaded>): Promise<Loaded> {
  for (let pause = 1000; ; pause = Math.min(pause * 2, 60_000)) {
    try {
      return await load();
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

/** Gives up an event that is in nobody else's books. */
function drop({ id, event }: Recorded, reason: string): void {
  drops[reason] = (drops[reason] ?? 0) + 1;
  const delivery: Delivery = { id, name: event.name, at: Date.now(), state: "dropped", reason };
  queueMicrotask(() => deliver(delivery));
}

function deliver(delivery: Delivery): void {
  receipts.get(delivery.id)?.deref()?.reach(delivery);
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
