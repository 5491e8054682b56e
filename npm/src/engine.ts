import { onDelivery, untilLoaded } from "./client.js";
import { type AmplifyConfig, type ForebayConfig, readConfig, type Settings } from "./config.js";
import { Consent } from "./consent.js";
import { Identities } from "./credentials.js";
import { type Deliveries, deliveries, type Held } from "./deliveries.js";
import { bodyOf, bytesOf, eventOf } from "./events.js";
import { Ids } from "./ids.js";
import { Intake, type Taken } from "./intake.js";
import { isForebays } from "./requests.js";
import type { SignIn } from "./sign-in.js";
import { keep, kept, keysOf, listIn } from "./storage.js";
import { isRow, isTime, openStore, type Row } from "./store.js";
import { joinTabs, type Message } from "./tabs.js";
import type {
  AnalyticsEvent,
  Delivery,
  DeliveryState,
  IdentifyUserInput,
  Stats,
  Violation,
} from "./types.js";
import { type Core, instantiate, type Wasm } from "./wasm.js";

export type { SignIn } from "./sign-in.js";
export type { Wasm } from "./wasm.js";

/** An event as it waits for the engine. */
export interface Recorded {
  id: string;
  /** Milliseconds since the epoch. */
  at: number;
  event: AnalyticsEvent;
}

/** What the engine needs of the page it runs in. */
export interface Page {
  config: ForebayConfig | AmplifyConfig;
  /**
   * Under keys of localStorage that begin like this pages leave what they recorded before they had an
   * engine, this one under `own`.
   */
  early: string;
  own: string;
  deliver(delivery: Delivery): void;
  /** Gives up an event before it is in the engine's books. */
  drop(recorded: Recorded, reason: string): void;
  uuid(): string;
}

/** Gets the module. Asked again where it fails. */
export type WasmSource = () => Promise<Wasm>;

/** The running client. */
export interface Engine {
  record(recorded: Recorded): void;
  /** @throws ForebayError `WasmBlocked` */
  validate(event: AnalyticsEvent): Promise<Violation[]>;
  /** Resolves when the request is on its way. */
  identifyUser(input: IdentifyUserInput): Promise<void>;
  flush(): void;
  stats(): Stats;
  /** Whether sessions are shared by tabs, and so are not for one of them to begin or end. */
  readonly sharesSessions: boolean;
  /** Announces shared sessions from now on, with these attributes; `undefined` ends that. */
  trackSessions(attributes: AnalyticsEvent["attributes"] | undefined): void;
  /** Whether events are taken and sent, from now on and on later visits. */
  setEnabled(enabled: boolean): void;
  /** Resolves once it is known who that is: what is recorded from then on is theirs. */
  signIn(input: SignIn): Promise<void>;
  /** What is recorded from now on is the guest's. */
  signOut(): void;
  /** Deletes what is kept, and goes on as a newcomer. */
  forget(): Promise<void>;
}

// The numbers of the core's `Action`.
const SEND_LAST_BATCH = 2;
const SEND_ENDPOINT = 3;
const GET_CREDENTIALS = 4;
const DELIVERED = 5;
const REJECTED = 6;
const DROPPED_TOO_MANY = 7;
/** What the core's reasons to drop an event are called. */
const REASONS = ["too many events are waiting", "too many bytes are waiting", "too old"];

/** What `setTimeout` can hold. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;
/** Most bytes of events in a request. */
const BATCH_BYTES = 4_000_000 - 16_000;
/** Milliseconds that events wait for those on disk to be read. */
const SCAN_PATIENCE = 1000;
/** Most events that have ended and are remembered. */
const MOST_ENDED = 10_000;
/** Most events on disk whose texts are in memory, too. */
const MOST_TEXTS = 2000;

/** Starts to take events, and to load the WebAssembly module, by which they are sent. */
export async function start(source: WasmSource, page: Page): Promise<Engine> {
  const settings = await readConfig(page.config);
  const { prepared, form } = await wished(settings);
  const { appId } = settings;
  const ids = new Ids(settings);
  const consent = new Consent(settings, network);
  const newEndpointId = () => settings.endpointId ?? ids.endpointId(page.uuid);
  let endpointId = newEndpointId();
  const intake = new Intake(settings, ids, endpointId, consent, page, prepared);
  const name = `forebay.${appId}`;
  const offsetKey = `forebay.clock.${appId}`;
  const profileKey = `forebay.endpoint.${appId}`;
  const store = openStore(name);
  const tabs = joinTabs(name, hear);
  const identities = new Identities(settings, ids);

  let core: Core | undefined;
  let requests: Deliveries;
  let timer: ReturnType<typeof setTimeout>;
  let isDue = false;
  let isLeaving = false;
  let isLeader = false;
  let isDurable = true;
  let aside = 0;
  let invalid = 0;
  let nextNumber = 0;
  /** The last description of the endpoint. */
  let profile = "{}";
  let isProfileNew = false;

  const byNumber = new Map<number, Held>();
  const byId = new Map<string, Held>();
  /** Those that the core does not have yet. */
  const early = new Set<Held>();
  /** Those on their way to disk. */
  const writing = new Set<Held>();
  /** Those on disk whose texts are in memory. */
  const texts = new Set<Held>();
  /** Ids of those that ended last: the disk or another tab may speak of them once more. */
  const lately = new Set<string>();
  const dropped: Record<string, number> = {};

  let current = 0;
  /** Who signed in, as long as it is not known which guest that was. */
  let newUser = "";

  const ready = untilLoaded(async () => {
    const wasm = await source();
    try {
      return begin(await instantiate(wasm));
    } catch (error) {
      throw (await import("./wasm-blocked.js")).refusal() ?? error;
    }
  });
  // Told on the console, and where it is awaited.
  ready.catch(() => {});

  for (const type of ["online", "offline"]) addEventListener(type, network);
  addEventListener("storage", ({ key }) => {
    // A page that ends may do so after the one that sends has looked for what was left.
    if (!isLeader) return;
    for (const left of store.left(key)) {
      hear(typeof left === "string" ? { ended: [[left, DELIVERED]] } : { row: left });
    }
  });
  addEventListener("pagehide", leave);
  addEventListener("pageshow", back);
  // A worker has no document.
  const { document } = globalThis;
  document?.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") leave();
  });
  document?.addEventListener("freeze", leave);
  document?.addEventListener("resume", back);

  function begin(loaded: Core): Core {
    core = loaded;
    if (settings.schema && !core.setRules(settings.schema)) {
      console.error(
        "Forebay: the schema cannot be read, and events are validated at the endpoint only. " +
          "Run `npx forebay codegen` of the version that the page loads.",
      );
    }
    reset();
    early.forEach(accept);
    tabs.campaign(lead);
    return loaded;
  }

  function reset(): void {
    requests?.stop();
    if (!core) return;
    requests = deliveries(core, settings, endpointId, identities, store, form, {
      find: (number) => byNumber.get(number),
      isLeaving: () => isLeaving,
      profile: () => kept(profileKey) ?? profile,
      sent: (held) => tell(held, "sent"),
      gone: (held) => endedElsewhere(held, [DROPPED_TOO_MANY, "it is not on disk any more"]),
      answered() {
        const offset = String(core?.clockOffset());
        if (offset !== (kept(offsetKey) ?? "0")) keep(offsetKey, offset);
        soon();
      },
    });
    core.start(
      Math.random(),
      settings.flushSize,
      BATCH_BYTES,
      settings.bufferSize,
      settings.bufferBytes,
      settings.maxAge,
      settings.flushInterval,
      settings.dropPolicy === "newest",
      Number(kept(offsetKey)) || 0,
    );
    core.setCurrent(current);
    if (isProfileNew) core.updateEndpoint();
    network();
  }

  // Time.

  /** Lets the core act on what came in during this task. */
  function soon(): void {
    if (isDue) return;
    isDue = true;
    queueMicrotask(turn);
  }

  function turn(): void {
    isDue = false;
    if (!core) return;
    // First, since what is due by itself may be too large to outlive the page.
    if (isLeaving) core.hidden(requests.overhead());
    core.tick();
    drain(core);
    clearTimeout(timer);
    timer = setTimeout(turn, Math.min(core.wait(), LONGEST_TIMEOUT));
  }

  /** Carries out what the core asks for. `isHeard`: another tab told what it gives. */
  function drain(core: Core, isHeard = false): void {
    const ended: Message["ended"] = [];
    for (let next = core.poll(); next; next = core.poll()) {
      const action = Math.floor(next / 2 ** 32);
      const number = next % 2 ** 32;
      if (action > GET_CREDENTIALS) {
        const held = byNumber.get(number);
        if (held) ended.push([held.id, action, end(held, action)]);
      } else if (action === GET_CREDENTIALS) {
        renew(core, number);
      } else if (action === SEND_ENDPOINT) {
        requests.endpoint(number);
      } else {
        requests.batch(number, action === SEND_LAST_BATCH);
      }
    }
    if (ended.length && !isHeard) tabs.tell({ ended });
  }

  function network(): void {
    core?.setOnline(navigator.onLine && !consent.refusal);
    soon();
  }

  /** What is recorded by others who hear that the page goes leaves in time, too. */
  function leave(event?: Event): void {
    isLeaving = true;
    follow();
    setTimeout(() => {
      isLeaving = false;
    });
    turn();
    // Who sends hears of them, should this page end before they are on disk.
    writing.forEach(share);
    store.leave();
    if (event?.type === "freeze" || (event as PageTransitionEvent)?.persisted) {
      tabs.resign();
      isLeader = false;
      follow();
    }
  }

  function back(event: Event): void {
    const isBack = event.type === "resume" || (event as PageTransitionEvent).persisted;
    if (isBack && core && !isLeader) tabs.campaign(lead);
  }

  // Events.

  function take(all: Taken[], who = identities.names[current]): void {
    for (const taken of all) add(taken, who);
  }

  function add({ id, at, event, session }: Taken, who: string): void {
    const row: Row = {
      id,
      at,
      name: event.name,
      body: "",
      session,
      who,
      checked: false,
      v: 1,
    };
    const held = hold(row, true, !!event.immediate);
    held.event = event;
    early.add(held);
    if (core) {
      accept(held);
      return;
    }
    try {
      row.body = bodyOf(event);
      toDisk(held);
    } catch {
      // The validator says what is wrong with it.
    }
    if (early.size > settings.bufferSize) {
      const [oldest] = settings.dropPolicy === "newest" ? [held] : early;
      dropped[REASONS[0]] = (dropped[REASONS[0]] ?? 0) + 1;
      end(oldest, DROPPED_TOO_MANY);
    }
  }

  function hold(row: Row, isOurs: boolean, immediate: boolean): Held {
    const { id, name, at } = row;
    const held = { number: nextNumber++, id, name, at, row, isOurs, immediate };
    byNumber.set(held.number, held);
    byId.set(id, held);
    return held;
  }

  function toDisk(held: Held): void {
    const row = held.row as Row;
    // What is not validated there, and may hold what is not to leave the browser, is not sent from there.
    const isToSend = row.checked;
    writing.add(held);
    store.put(row).then((isStored) => {
      writing.delete(held);
      isDurable = isStored;
      if (byNumber.get(held.number) !== held) return;
      held.isStored = isStored;
      if (isStored && isToSend) {
        texts.add(held);
        if (texts.size > MOST_TEXTS) forgetText(texts.values().next().value as Held);
      }
      if (held.isAccepted) {
        if (isStored) tell(held, "stored");
        share(held);
      }
    });
  }

  function forgetText(held: Held): void {
    texts.delete(held);
    held.row = undefined;
  }

  /** Whether an event is valid. One that is not comes to its end here. */
  function isValid(core: Core, held: Held, row: Row): boolean {
    if (row.checked) return true;
    const given = held.event ?? eventOf(row);
    const valid = core.check(given);
    if (valid) {
      row.body = bodyOf(valid);
      row.checked = true;
      held.event = undefined;
      return true;
    }
    invalid++;
    remove(held);
    explained(given).then(
      (violations) => tell(held, "invalid", { violations }),
      (error) =>
        tell(held, "invalid", {
          violations: [],
          reason: `what is wrong could not be loaded: ${error}`,
        }),
    );
    return false;
  }

  /** Hands an event to the core. */
  function accept(held: Held): void {
    const { row, number } = held;
    if (!core || !row) return;
    early.delete(held);
    if (!isValid(core, held, row)) return;
    const who = identities.numberOf(row.who);
    tell(held, "recorded");
    held.isAccepted = true;
    core.record(number, bytesOf(row), who, row.at, held.immediate);
    if (held.end) endedElsewhere(held, held.end);
    if (held.isStored !== undefined) {
      if (held.isStored) tell(held, "stored");
      share(held);
    } else if (!writing.has(held)) toDisk(held);
    soon();
  }

  /** Hands an event over to the tab that sends. */
  function share({ row, isOurs, immediate, isAccepted, isStored }: Held): void {
    if (!isLeader && isOurs && isAccepted && row) tabs.tell({ row, now: immediate, isStored });
  }

  /** What is wrong with an event that is not valid. Loaded again where it did not come. */
  async function explained(event: AnalyticsEvent): Promise<Violation[]> {
    return (await import("./violations.js")).violationsOf(event, settings.schema);
  }

  /** An event's way is at its end, by the number of the core's `Action`. */
  function end(held: Held, how: number): string | undefined {
    const reason = how > DELIVERED ? (held.reason ?? REASONS[how - DROPPED_TOO_MANY]) : undefined;
    remove(held);
    tell(held, how === DELIVERED ? "delivered" : how === REJECTED ? "rejected" : "dropped", {
      reason,
    });
    return reason;
  }

  function remove(held: Held): void {
    byNumber.delete(held.number);
    byId.delete(held.id);
    early.delete(held);
    writing.delete(held);
    texts.delete(held);
    remember(held.id);
    store.remove(held.id);
  }

  function remember(id: string): void {
    lately.add(id);
    if (lately.size > MOST_ENDED) lately.delete(lately.values().next().value as string);
  }

  function tell({ id, name, isOurs }: Held, state: DeliveryState, more?: object): void {
    if (isOurs) page.deliver({ id, name, at: Date.now(), state, ...more });
  }

  // Tabs.

  function hear({ row, now, isStored, ended, leads, forget }: Message): void {
    if (row && isLeader && !byId.has(row.id) && !lately.has(row.id) && isRow(row)) {
      const held = hold(row, false, !!now);
      held.isStored = isStored;
      accept(held);
    }
    for (const [id, how, reason] of ended ?? []) {
      const held = byId.get(id);
      remember(id);
      if (held?.isAccepted) endedElsewhere(held, [how, reason]);
      else if (held) held.end = [how, reason];
    }
    // The tab that sent before may have had them, and they are not on disk.
    if (leads) for (const held of byNumber.values()) if (!held.isStored) share(held);
    if (forget) anew(true);
    soon();
  }

  function endedElsewhere(held: Held, [how, reason]: [number, string?]): void {
    held.reason = reason;
    core?.endedElsewhere(held.number, how);
    if (core) drain(core, true);
  }

  /** This tab is the one that sends. */
  async function lead(): Promise<void> {
    const machine = core;
    if (!machine) return;
    isLeader = true;
    tabs.tell({ leads: true });
    // What an earlier visit left goes first, but a slow disk holds nothing up for long.
    const late = setTimeout(follow, SCAN_PATIENCE);
    let known = [...byNumber.values()].filter((held) => held.isStored);
    const there = new Set<Held>();
    const found: [Held, number, number][] = [];
    const read = (row: Row) => {
      const held = byId.get(row.id);
      if (held) there.add(held);
      if (held || lately.has(row.id)) return;
      const loaded = hold(row, true, false);
      loaded.isStored = true;
      const isToSend = row.checked;
      if (!isValid(machine, loaded, row)) return;
      found.push([loaded, identities.numberOf(row.who), bytesOf(row)]);
      if (!isToSend) return;
      if (texts.size < MOST_TEXTS) texts.add(loaded);
      else loaded.row = undefined;
    };
    try {
      aside += await store.scan(read);
    } catch {
      known = [];
    }
    clearTimeout(late);
    for (const [held, who, bytes] of found.sort(([a], [b]) => a.at - b.at)) {
      if (byNumber.get(held.number) !== held) continue;
      held.isAccepted = true;
      machine.load(held.number, bytes, who, held.at);
    }
    machine.loaded();
    for (const [held] of found) if (held.end) endedElsewhere(held, held.end);
    // What was on disk and is not is what another tab ended without this one hearing of it.
    for (const held of known) {
      if (!there.has(held) && byNumber.get(held.number) === held) endedElsewhere(held, [DELIVERED]);
    }
    follow();
  }

  /** The core sends where this tab is the one that does. */
  function follow(): void {
    core?.setLeader(isLeader);
    soon();
  }

  // Identities.

  async function renew(core: Core, number: number): Promise<void> {
    const before = requests;
    const renewed = await identities.renew(number, core.clockOffset());
    if (before !== requests) return;
    link();
    if ("lifetime" in renewed) core.gotCredentials(number, renewed.lifetime);
    else core.noCredentials(number, renewed.retryAfter);
    soon();
  }

  /** Says which guest a new user was, as soon as the guest is known. */
  function link(): void {
    const guest = ids.identityId();
    if (!guest || !newUser) return;
    const user = newUser;
    newUser = "";
    const event = { name: "_identity.link", attributes: { guest, user } };
    take(intake.take({ id: page.uuid(), at: Date.now(), event }), user);
  }

  function become(who: string): void {
    take(intake.renewSession());
    current = identities.numberOf(who);
    core?.setCurrent(current);
    network();
  }

  /** Goes on as if nothing had been. */
  function anew(isHeard = false): void {
    for (const held of [...byNumber.values()]) {
      held.reason = "forgotten";
      end(held, DROPPED_TOO_MANY);
    }
    if (!isHeard) {
      for (const key of [offsetKey, profileKey]) keep(key, null);
      ids.forget();
    }
    endpointId = newEndpointId();
    intake.forget(endpointId);
    identities.forget();
    current = invalid = aside = 0;
    for (const reason of Object.keys(dropped)) delete dropped[reason];
    profile = "{}";
    isProfileNew = false;
    reset();
    follow();
  }

  // What another page recorded before it had an engine; what this one did comes by itself.
  for (const key of keysOf(page.early)) {
    const left = key === page.own ? [] : listIn(kept(key));
    keep(key, null);
    left.filter(isRecorded).forEach(record);
  }

  function record(recorded: Recorded): void {
    take(intake.take(recorded));
  }

  return {
    record,
    async validate(event) {
      return (await ready).check(event) ? [] : explained(event);
    },
    async identifyUser(input) {
      const { endpointOf } = await untilLoaded(() => import("./profile.js"));
      profile = JSON.stringify(endpointOf(input, page.uuid()));
      keep(profileKey, profile);
      isProfileNew = !core;
      core?.updateEndpoint();
      soon();
    },
    flush() {
      core?.flush();
      soon();
    },
    stats() {
      const book = (at: number) => core?.books(at) ?? 0;
      const droppedBy = { ...dropped };
      for (const [at, reason] of REASONS.entries()) {
        const count = book(at + 4);
        if (count) droppedBy[reason] = (droppedBy[reason] ?? 0) + count;
      }
      const sum = (counts: Record<string, number>) =>
        Object.values(counts).reduce((sum, count) => sum + count, 0);
      return {
        recorded: book(0) + early.size + sum(dropped),
        invalid,
        delivered: book(2),
        rejected: book(3),
        dropped: sum(droppedBy),
        droppedBy,
        queued: book(1) + early.size,
        aside,
        durable: isDurable && store.isOpen(),
        leader: isLeader,
      };
    },
    sharesSessions: settings.sessions === "shared",
    trackSessions(attributes) {
      take(intake.trackSessions(attributes));
    },
    setEnabled(enabled) {
      consent.set(enabled);
      network();
    },
    async signIn(input) {
      const identityId = await identities.signIn(input);
      become(identityId);
      newUser = identityId;
      link();
    },
    signOut() {
      become("");
    },
    async forget() {
      store.clear();
      tabs.tell({ forget: true });
      anew();
    },
  };
}

/** Whether it is an event as pages leave it, whoever wrote it. */
function isRecorded(left: unknown): left is Recorded {
  const { id, at, event } = (left ?? {}) as Partial<Recorded>;
  return !!id && typeof id === "string" && !!event?.name && isTime(at);
}

/** What not every page asks for. */
async function wished(settings: Settings) {
  const { sampleRate, globalProperties, before, endpoint, wire, debug } = settings;
  if (debug) onDelivery((await import("./debug.js")).explain);
  return {
    prepared:
      sampleRate < 1 || globalProperties || before
        ? (await import("./prepare.js")).preparation(settings)
        : undefined,
    form: isForebays(endpoint, wire) ? undefined : (await import("./pinpoint.js")).inHeaders,
  };
}
