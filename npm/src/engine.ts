import { type AmplifyConfig, type ForebayConfig, options, readConfig } from "./config/config.js";
import { consent, isConsent, keptConsent } from "./identity/consent.js";
import { got, logins, numberOf, renew } from "./identity/credentials.js";
import { adoptEndpointId, endpointId } from "./identity/ids.js";
import { sessionAt } from "./identity/session.js";
import type { SignIn } from "./identity/sign-in.js";
import { addOwn, link, signIn, signOut } from "./identity/user.js";
import { keep, keysOf } from "./local-storage.js";
import { GET_CREDENTIALS, LOAD, SEND_ENDPOINT, SEND_LAST_BATCH } from "./module/contract.js";
import {
  type Core,
  checked,
  core,
  instantiate,
  run,
  untilChanged,
  withCore,
} from "./module/core.js";
import { setRules } from "./module/validator.js";
import { heard, isMissing, openOthers, others } from "./others/load.js";
import {
  adopt,
  begin,
  clear,
  close,
  forgetLeft,
  isOfLeft,
  keysOfLeft,
  leave,
  openDisk,
  put,
  reopen,
  seal,
  whenOpen,
} from "./queue/disk.js";
import { openIntake, taken, trackSessions } from "./queue/intake.js";
import { byId, byNumber, early, evict, hold, lately, remember } from "./queue/ledger.js";
import {
  accept,
  endedElsewhere,
  explained,
  load as loadMore,
  offer,
  outlive,
  putAgain,
  sentElsewhere,
  setAside,
  settled,
  shed,
  stats,
} from "./queue/outbox.js";
import { lastTurn, network, openTurns, soon } from "./queue/turns.js";
import { forgetAll, reset } from "./reset.js";
import {
  describe,
  described,
  keepProfile,
  mendProfile,
  overhead,
  sendBatch,
  sendEndpoint,
} from "./send/deliveries.js";
import { identify, mistakes, page, round, say, settings, setUp } from "./setup.js";
import { joinTabs, tellTabs } from "./tabs/channel.js";
import { doubt, follow, stand, stepDown } from "./tabs/leader.js";
import { campaign, handOver, isLeader } from "./tabs/lock.js";
import type {
  AnalyticsEvent,
  Delivery,
  Fail,
  Identifiers,
  IdentifyUserInput,
  Stats,
  Violation,
} from "./types.js";

export type { SignIn } from "./identity/sign-in.js";

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
   * Pages leave what they recorded before they had an engine under keys of localStorage that begin with this; this
   * page under `own`.
   */
  early: string;
  own: string;
  deliver(delivery: Delivery): void;
  onDelivery(listener: (delivery: Delivery) => void): void;
  /** Drops an event that the engine does not count yet. */
  drop(recorded: Recorded, reason: string): void;
  /** Counts events that an earlier page could not leave for this one. */
  lose(reason: string, count: number): void;
  uuid(): string;
  untilLoaded<Loaded>(load: () => Promise<Loaded>): Promise<Loaded>;
  fail: Fail;
}

/** Gets the module. It is called again if it fails. */
export type WasmSource = () => Promise<WebAssembly.Module>;

/** Starts the engine of a page. */
export type StartEngine = (page: Page) => Promise<Engine>;

/** The running client. */
export interface Engine {
  record(recorded: Recorded): void;
  /** @throws ForebayError `WasmBlocked` */
  validate(event: AnalyticsEvent): Promise<Violation[]>;
  /**
   * Resolves when the request is on its way.
   *
   * @throws ForebayError `InvalidUser`
   */
  identifyUser(input: IdentifyUserInput): Promise<void>;
  identifiers(): Identifiers;
  /** Says on the console in which settings another configuration differs from this engine's. */
  compare(config: ForebayConfig | AmplifyConfig): Promise<void>;
  flush(): void;
  stats(): Stats;
  /** Whether tabs share sessions, so that no single tab begins or ends one. */
  readonly sharesSessions: boolean;
  /** Records the start and end of shared sessions from now on, with these attributes; `undefined` ends that. */
  trackSessions(attributes: AnalyticsEvent["attributes"] | undefined): void;
  /** Sets whether events are taken and sent, from now on and on later visits. */
  setEnabled(enabled: boolean): void;
  /** Resolves when the pool has said who the user is: events that are recorded from then on are theirs. */
  signIn(input: SignIn): Promise<void>;
  /** Records as the guest from now on. */
  signOut(): void;
  /** Deletes what is kept, and goes on as a new visitor. */
  forget(): Promise<void>;
}

/** Resolves when a module runs and has been handed all events of this page. */
let ready: Promise<void>;

/** Starts to take events, and to load the WebAssembly module, by which they are sent. */
export async function start(source: WasmSource, thePage: Page): Promise<Engine> {
  const read = await readConfig(thePage.config, thePage.fail);
  setUp(read, thePage);
  if (read.explain) page.onDelivery(read.explain);
  await mendProfile();
  openIntake();
  openDisk(settled, putAgain);
  openOthers({
    untilChanged,
    withCore,
    soon,
    say,
    byNumber,
    byId,
    lately,
    hold,
    evict,
    remember,
    numberOf,
    logins,
    got,
    record,
    accept,
    offer,
    shed,
    endedElsewhere,
    setAside,
    keysOfLeft,
    adopt,
    put,
    whenOpen,
    begin,
    forgetLeft,
    sentElsewhere,
    tellTabs,
    isLeader: () => isLeader,
    isRunning: () => !!core,
    steal: () => campaign(true),
    adoptEndpointId,
  });
  openTurns(carryOut, doubt);
  joinTabs((message) => {
    const { enabled, endpoint, forget, ping } = message;
    if (forget) forgetAll(endpoint);
    // A worker can keep nothing itself.
    if (enabled && !keptConsent()) {
      consent(enabled === "true");
      network();
    }
    // A tab that has no `others.js` cannot send for others. It does not answer, so that one of them takes its place.
    if (isLeader && ping && !isMissing)
      tellTabs({ pong: true, endpoint: endpointId, enabled: keptConsent() });
    others().then(({ hear }) => hear(message));
    // This tab may send nothing itself. If the browser says that it is offline, only the leader knows better.
    heard();
  });
  load(source);
  listen();
  takeEarly();

  return {
    record,
    async validate(event) {
      await ready;
      return withCore((core) => !!checked(core, event)) ? [] : explained(event);
    },
    async identifyUser(input) {
      const begun = round;
      const { description } = await page.untilLoaded(identify);
      if (begun === round) describe(description(input, page.uuid(), described(), page.fail));
    },
    identifiers: () => ({ endpointId, sessionId: sessionAt(Date.now())?.id }),
    async compare(config) {
      await (await options()).compare(settings, readConfig(config, page.fail));
    },
    flush() {
      withCore((core) => core.outbox_flush());
      soon();
    },
    stats,
    sharesSessions: settings.sessions !== "perTab",
    trackSessions(attributes) {
      addOwn(trackSessions(attributes));
    },
    setEnabled(enabled) {
      consent(enabled);
      tellTabs({ enabled: `${enabled}` });
      if (enabled) keepProfile();
      network();
    },
    signIn,
    signOut,
    async forget() {
      const cleared = clear();
      forgetAll();
      tellTabs({ forget: true, endpoint: endpointId });
      await cleared;
    },
  };
}

/** Takes what other pages recorded before they had an engine. This page has its own events in memory. */
function takeEarly(): void {
  keep(page.own, null);
  if (keysOf(page.early).length) others().then(({ takeEarly }) => takeEarly(page));
}

function record(recorded: Recorded): void {
  addOwn(taken(recorded));
}

function listen(): void {
  for (const type of ["online", "offline"]) addEventListener(type, network);
  addEventListener("storage", ({ key }) => {
    if (isConsent(key)) network();
    if (key?.startsWith(page.early)) takeEarly();
    if (isLeader && isOfLeft(key)) others().then(({ takeLeft }) => takeLeft(`${key}`));
  });
  // Firefox ends a page so fast that requests of its `pagehide` often do not leave.
  for (const type of ["beforeunload", "pagehide"]) addEventListener(type, away);
  addEventListener("pageshow", back);
  // A worker has no document.
  const { document } = globalThis;
  document?.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") away();
  });
  document?.addEventListener("freeze", away);
  document?.addEventListener("resume", back);
}

/** The page goes away. Until the end of this task each turn sends at once: also what other listeners record now. */
function away(event?: Event): void {
  follow();
  lastTurn(overhead());
  // The leader gets them, in case this page ends before they are on disk.
  seal();
  handOver();
  leave();
  if (event?.type !== "freeze" && !(event as PageTransitionEvent)?.persisted) return;
  stepDown();
  close();
}

function back(event: Event): void {
  if (event.type !== "resume" && !(event as PageTransitionEvent).persisted) return;
  reopen();
  stand();
}

/** Does what the core asks for. */
function carryOut(core: Core, action: number, number: number): void {
  if (action === GET_CREDENTIALS) {
    renew(number).then(() => {
      link();
      soon();
    });
  } else if (action === LOAD) {
    loadMore(number);
  } else if (action === SEND_ENDPOINT) {
    sendEndpoint(core, number);
  } else {
    sendBatch(core, number, action === SEND_LAST_BATCH);
  }
}

/** Loads the module and starts it; after a trap, starts another instance. */
function load(source: WasmSource): void {
  let module: WebAssembly.Module;
  const begin = async () => {
    run(await instantiate(module), restart);
    // In the same task: an event that came between would be handed to a core that is about to be emptied.
    goOn();
  };
  const restart = (error: unknown) => {
    const pause = outlive();
    say("trapped", error);
    ready = new Promise((resolve) => setTimeout(resolve, pause)).then(begin);
  };
  ready = page.untilLoaded(async () => {
    try {
      module = await source();
      await begin();
    } catch (error) {
      (await mistakes()).probe(page.fail);
      throw error;
    }
    // Earlier waiters may have been rejected: the module had not loaded then.
    ready = Promise.resolve();
  });
  // The console says it, and so does the call that awaits it.
  ready.catch(() => {});
}

/** Hands all events of this page to a new module. */
function goOn(): void {
  const { schema } = settings;
  if (schema && withCore((core) => setRules(core, schema)) === false) say("unreadableSchema");
  reset();
  for (const held of early) accept(held);
  stand();
}
