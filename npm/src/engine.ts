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
   * Under keys of localStorage that begin like this pages leave what they recorded before they had an
   * engine, this one under `own`.
   */
  early: string;
  own: string;
  deliver(delivery: Delivery): void;
  onDelivery(listener: (delivery: Delivery) => void): void;
  /** Gives up an event before it is in the engine's books. */
  drop(recorded: Recorded, reason: string): void;
  /** Counts events that an earlier page could not leave for this one. */
  lose(reason: string, count: number): void;
  uuid(): string;
  untilLoaded<Loaded>(load: () => Promise<Loaded>): Promise<Loaded>;
  fail: Fail;
}

/** Gets the module. Asked again where it fails. */
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
  /** Tells the console where another configuration is read otherwise than this engine's. */
  compare(config: ForebayConfig | AmplifyConfig): Promise<void>;
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

/** Resolves once a module runs that has what there is. */
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
    // A tab that can do nothing for others does not say that it is alive, so that one of them takes its place.
    if (isLeader && ping && !isMissing)
      tellTabs({ pong: true, endpoint: endpointId, enabled: keptConsent() });
    others().then(({ hear }) => hear(message));
    // This one may send nothing by itself, and so hear of no network where the browser says that there is none.
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

/** Takes what other pages recorded before they had an engine. This one has its own in memory. */
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

/** What is recorded by others who hear that the page goes leaves in time, too. */
function away(event?: Event): void {
  follow();
  lastTurn(overhead());
  // Who sends hears of them, should this page end before they are on disk.
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

/** What the core asks for. */
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

/** Loads the module, and begins with it; with another instance of it once one has trapped. */
function load(source: WasmSource): void {
  let module: WebAssembly.Module;
  const begin = async () => {
    run(await instantiate(module), restart);
    // At once: a microtask between them would hand an event to a core that is about to be emptied.
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
    // Who waited before may have been told that it did not load.
    ready = Promise.resolve();
  });
  // Told on the console, and where it is awaited.
  ready.catch(() => {});
}

/** Hands a module that holds nothing yet what there is. */
function goOn(): void {
  const { schema } = settings;
  if (schema && withCore((core) => setRules(core, schema)) === false) say("unreadableSchema");
  reset();
  for (const held of early) accept(held);
  stand();
}
