import type { AutoTrackInput } from "./auto-track.js";
import type { AmplifyConfig, ForebayConfig, Unread } from "./config/config.js";
import { copy } from "./copy.js";
import { keepEarly } from "./early.js";
import type { Engine, Recorded, SignIn, StartEngine } from "./engine.js";
import { untilLoaded } from "./loading.js";
import { receipts, sweepReceipts, Tracked } from "./receipts.js";
import { report } from "./report.js";
import {
  type AnalyticsEvent,
  type Delivery,
  ForebayError,
  type Identifiers,
  type IdentifyUserInput,
  type Receipt,
  type Stats,
  type Violation,
} from "./types.js";
import { uuid } from "./uuid.js";

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
/** Milliseconds of a task in which events are handed to the engine; what is left goes on in the next one. */
const SLICE = 10;
/** Events that wait for the engine; from then on the configuration says how many. */
const MOST_WAITING = 10_000;
const NOT_HERE = "Forebay works in pages and their workers.";
const ALREADY = "Forebay: a page has one configuration, and one copy of the package.";

let configuration: ForebayConfig | AmplifyConfig | undefined;
let ready: Promise<Engine> | undefined;
let engine: Engine | undefined;
let waiting: Recorded[] = [];
let pumping = false;
/** Calls `run` once who recorded is done. */
let later = (run: () => void) => queueMicrotask(run);
/** What this page said last by `enable()` or `disable()`. The engine knows what an earlier visit said. */
let enabled: boolean | undefined;
let drops: Record<string, number> = {};
/** Whether the console was told that this is no browser. */
let isTold = false;
const listeners = new Set<(delivery: Delivery) => void>();
/** What auto-track was asked for last, by its types. */
const tracked: Record<string, AutoTrackInput> = {};
/** `configure` of every entry. They differ in where the engine comes from. */
export function configure(
  config: ForebayConfig | AmplifyConfig,
  load: () => Promise<{ start: StartEngine }> = () => import("./whole.js"),
): void {
  // The rest is read, and judged, by the engine.
  if (!config?.endpoint) {
    fail("InvalidConfig", "Forebay: the configuration needs an endpoint.");
  }
  // Where forebay/testing has begun, nothing is configured.
  if (ready && !configuration) return;
  if (!inBrowser(true)) return;
  if (configuration) {
    if (application(config) !== application(configuration)) {
      fail("AlreadyConfigured", ALREADY);
    }
    // Other differences are told on the console: they are known once both are read.
    if (config !== configuration) {
      ready?.then((engine) => engine.compare(config)).catch(() => {});
    }
    return;
  }
  claim();
  configuration = config;
  ready = started(config, load);
  // Reported where it is awaited, and on the console.
  ready.catch(() => {});
}

/** Where events go, and for which application, in any form of configuration. */
function application(config: Unread): string {
  return `${`${config.endpoint}`.replace(/\/$/, "")}.${idOf(config)}`;
}

/** The application id in any form of configuration. */
function idOf({ appId, Analytics, analytics, aws_mobile_analytics_app_id }: Unread): string {
  const pinpoint = Analytics?.Pinpoint ?? Analytics?.AWSPinpoint ?? Analytics;
  const id = pinpoint?.appId ?? analytics?.amazon_pinpoint?.app_id ?? aws_mobile_analytics_app_id;
  return appId ?? id;
}

/** What `configure` was given, as Amplify v6 has it; empty before, and on a server. */
export function getConfig(): (ForebayConfig | AmplifyConfig) & Unread {
  return { ...configuration } as ForebayConfig & Unread;
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

/** Dates and booleans become texts. The validator judges null and objects. */
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
  const copied = copyOf(event);
  const at = Date.now();
  const id = uuid(at);
  const receipt = new Tracked(id);
  if (!inBrowser()) return receipt;
  configured();
  receipts.set(id, receipt);
  const recorded = { id, at, event: copied };
  if (enabled === false) drop(recorded, "disabled");
  else waiting.push(recorded);
  if (waiting.length > MOST_WAITING) {
    drop(waiting.shift() as Recorded, "too many events are waiting");
  }
  if (!pumping) {
    pumping = true;
    later(pumpInSlices);
  }
  return receipt;
}

/**
 * Describes the user and this browser's endpoint, as Amplify does: `email`, `name` and `plan` join
 * `customProperties` in the endpoint's attributes. Resolves when the request is on its way. On a
 * server it does nothing.
 *
 * @throws ForebayError `InvalidUser`, which names what the endpoint would not take, and then what was said
 * before stays; `NotConfigured`, `InvalidConfig`, `WasmBlocked`.
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
 * Events of a user who signed out before they left wait on this browser's disk until that user signs in again. A user
 * who is already signed in goes on, with the new tokens. A later `signIn()` or `signOut()` replaces this call, even if
 * the pool has not answered it yet.
 *
 * @throws ForebayError `NotConfigured`, `InvalidConfig`, `NotSignedIn` (there is no token, or the pool
 * does not take them); and what the function that gives the tokens throws.
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

/**
 * Gives the ids that events carry at present: the endpoint's, which is this browser's, and the session's,
 * once one has begun.
 *
 * @throws ForebayError `NotConfigured`, `NotInBrowser`, `InvalidConfig`.
 */
export async function identifiers(): Promise<Identifiers> {
  return (await configured()).identifiers();
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
  configured();
  tracked[input.type] = input;
  // Tried until both have come: nobody awaits this call, so nobody would repeat it.
  const load = async () => {
    const started = configured().catch((error: ForebayError) => {
      throw error.code === "NotLoaded" ? Error(error.message) : error;
    });
    const [engine, { configureAutoTrack }] = await Promise.all([
      started,
      import("./auto-track.js"),
    ]);
    // Outside of what is tried again: an error that it throws is no reason to load it once more.
    queueMicrotask(() => {
      if (tracked[input.type] === input) configureAutoTrack(input, engine, record);
    });
  };
  untilLoaded(load).catch(() => {});
}

/**
 * Gives what `record(event)` would find wrong with an event, without recording it.
 *
 * @throws ForebayError `NotConfigured`, `NotInBrowser`, `InvalidConfig`, `InvalidEvent` (no name), `WasmBlocked`;
 * and what says that the script with the words for what is wrong could not be loaded, where the event is not valid.
 */
export async function validate(event: AnalyticsEvent): Promise<Violation[]> {
  return (await configured()).validate(copyOf(event));
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
    traps: 0,
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

/**
 * Whether events can leave from here: from a page, or from a worker that lives as long as pages do. `says`: on the
 * console, too, where it looks like a page and is none, such as React Native, or a server with a `window`.
 */
function inBrowser(says?: boolean): boolean {
  if (engine) return true;
  const has = (name: string) => name in globalThis;
  if (has("ServiceWorkerGlobalScope") && has("registration")) {
    fail("NotInBrowser", NOT_HERE);
  }
  if (has("DedicatedWorkerGlobalScope") || has("SharedWorkerGlobalScope")) return true;
  if (!has("window")) return false;
  const isPage = has("document") && has("addEventListener");
  if (says && !isPage && !isTold) console.warn(NOT_HERE);
  isTold ||= !!says;
  return isPage;
}

function fail(code: ForebayError["code"], message: string): never {
  throw new ForebayError(code, message);
}

/** Two clients in one page would make two visits of one. */
function claim(): void {
  const page = globalThis as { [CLAIMED]?: true };
  if (page[CLAIMED]) {
    fail("AlreadyConfigured", ALREADY);
  }
  page[CLAIMED] = true;
}

/** The engine, once there is one. */
function configured(): Promise<Engine> {
  if (ready) return ready;
  return inBrowser()
    ? fail("NotConfigured", "Forebay: call configure() first.")
    : fail("NotInBrowser", NOT_HERE);
}

function started(
  config: ForebayConfig | AmplifyConfig,
  load: () => Promise<{ start: StartEngine }>,
): Promise<Engine> {
  const { Analytics, disabled, respectPrivacySignals }: Unread = config;
  const early = `forebay.early.${application(config)}.`;
  const own = early + uuid();
  const leave = ({ type }: Event) => {
    // A burst may not be handed over yet.
    if (engine) pump();
    // consent.ts reads this key. A page may end before its engine could write it.
    const consent = `forebay.enabled.${idOf(config)}`;
    try {
      if (!engine && enabled !== undefined) localStorage[consent] = enabled;
    } catch {}
    if (!waiting.length) return;
    // Nothing is kept where the user may not want it.
    if (disabled || respectPrivacySignals || Analytics?.disabled) return;
    // It is told of a page that is seen again, too.
    if (type === "visibilitychange" && document.visibilityState !== "hidden") return;
    try {
      if (localStorage[consent] !== "false") keepEarly(own, waiting);
    } catch {}
  };
  // Firefox tears a page that goes to another site down so fast that what it keeps after the first is lost.
  for (const type of ["beforeunload", "pagehide", "visibilitychange"])
    addEventListener(type, leave);
  const loaded = untilLoaded(async () => {
    const { start } = await load();
    const page = { config, early, own, deliver, onDelivery, drop, lose, uuid, untilLoaded, fail };
    const started = await start(page);
    engine = started;
    ready = Promise.resolve(started);
    // disable() does not drop what was recorded before it.
    if (enabled) started.setEnabled(true);
    pump();
    if (enabled === false) started.setEnabled(false);
    return started;
  });
  // Held as long as this page may still send by itself what it leaves under that name.
  navigator.locks?.request(own, () => loaded).catch(() => {});
  return loaded;
}

/**
 * Hands over what was recorded, all of it. Listeners therefore never run inside `record()`.
 *
 * @internal
 */
export function pump(): void {
  pumping = false;
  hand(Number.POSITIVE_INFINITY);
}

/**
 * Hands over what was recorded, for some milliseconds at a time: thousands at once are no long task. One event at
 * least, however late it is by then.
 */
function pumpInSlices(): void {
  hand(SLICE);
  pumping = waiting.length > 0 && !!engine;
  if (pumping) setTimeout(pumpInSlices);
}

function hand(time: number): void {
  sweepReceipts();
  if (!engine) return;
  const until = performance.now() + time;
  const batch = waiting;
  // A listener may record.
  waiting = [];
  let count = 0;
  while (count < batch.length && (!count || performance.now() < until))
    engine.record(batch[count++]);
  if (count < batch.length) waiting = [...batch.slice(count), ...waiting];
}

/** Gives up an event that is in nobody else's books. */
function drop({ id, event }: Recorded, reason: string): void {
  lose(reason, 1);
  const delivery: Delivery = { id, name: event.name, at: Date.now(), state: "dropped", reason };
  later(() => deliver(delivery));
}

/** Counts what is in nobody else's books. */
function lose(reason: string, count: number): void {
  drops[reason] = (drops[reason] ?? 0) + count;
}

/**
 * Tells of a step of an event.
 *
 * @internal
 */
export function deliver(delivery: Delivery): void {
  receipts.get(delivery.id)?.deref()?.reach(delivery);
  for (const listener of listeners) {
    try {
      listener(delivery);
    } catch (error) {
      report(error);
    }
  }
}

/**
 * Puts another engine in the place of what was there, which is told at once, and forgets what was recorded: see
 * testing.ts.
 *
 * @internal
 */
export function begin(other: Engine): void {
  engine = other;
  later = (run) => run();
  ready = Promise.resolve(other);
  configuration = enabled = undefined;
  waiting = [];
  drops = {};
}

/** An event as it is now, and no more than that: the caller may change it afterwards. */
function copyOf(event: AnalyticsEvent): AnalyticsEvent {
  // As members are read, not as they are listed: a class may have them as getters.
  const { name, attributes, metrics, immediate } = event ?? ({} as AnalyticsEvent);
  if (!name || typeof name !== "string") fail("InvalidEvent", "Forebay: an event needs a name.");
  return { name, attributes: copy(attributes), metrics: copy(metrics), immediate };
}
