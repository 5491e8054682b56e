import {
  type AmplifyConfig,
  type ForebayConfig,
  readConfig,
  type Settings,
} from "./config/config.js";
import { consent, isConsent } from "./identity/consent.js";
import type { SignIn } from "./identity/sign-in.js";
import { addOwn, signIn, signOut } from "./identity/user.js";
import { parsedList } from "./json.js";
import { untilLoaded } from "./loading.js";
import { keep, kept, keysOf } from "./local-storage.js";
import { type Core, checked, core, instantiate, run, type Wasm } from "./module/core.js";
import { setRules } from "./module/validator.js";
import { clear, isTime, leave, openStore } from "./queue/disk.js";
import { openIntake, taken, trackSessions } from "./queue/intake.js";
import { early, writing } from "./queue/ledger.js";
import { accept, explained, stats } from "./queue/outbox.js";
import { forgetAll, reset } from "./reset.js";
import { describe } from "./send/deliveries.js";
import { isForebays } from "./send/requests.js";
import { lastTurn, network, soon } from "./send/turns.js";
import { page, say, settings, setUp } from "./setup.js";
import { joinTabs, tellTabs } from "./tabs/channel.js";
import { follow, hear, hearOfLeft, share, stand, stepDown } from "./tabs/leader.js";
import type { AnalyticsEvent, Delivery, IdentifyUserInput, Stats, Violation } from "./types.js";

export type { SignIn } from "./identity/sign-in.js";
export type { Wasm } from "./module/core.js";

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
}

/** Gets the module. Asked again where it fails. */
export type WasmSource = () => Wasm | Promise<Wasm>;

/** Starts the engine of a page. */
export type StartEngine = (page: Page) => Promise<Engine>;

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

/** Starts to take events, and to load the WebAssembly module, by which they are sent. */
export async function start(source: WasmSource, thePage: Page): Promise<Engine> {
  const read = await readConfig(thePage.config);
  const { preparation, form } = await wished(read, thePage);
  setUp(read, thePage, form);
  openIntake(preparation);
  openStore();
  joinTabs(hear);
  const ready = untilLoaded(async () => {
    const wasm = await source();
    try {
      return begin(await instantiate(wasm));
    } catch (error) {
      throw (await import("./config/mistakes.js")).refusal() ?? error;
    }
  });
  // Told on the console, and where it is awaited.
  ready.catch(() => {});
  listen();

  // What another page recorded before it had an engine; what this one did comes by itself.
  for (const key of keysOf(page.early)) {
    const left = key === page.own ? [] : parsedList(kept(key));
    keep(key, null);
    left.filter(isRecorded).forEach(record);
    for (const { lost } of left) if (lost > 0) page.lose("no room to keep it", lost);
  }

  return {
    record,
    async validate(event) {
      return checked(await ready, event) ? [] : explained(event);
    },
    async identifyUser(input) {
      const { endpointOf } = await untilLoaded(() => import("./identity/profile.js"));
      describe(JSON.stringify(endpointOf(input, page.uuid())));
    },
    flush() {
      core?.outbox_flush();
      soon();
    },
    stats,
    sharesSessions: settings.sessions === "shared",
    trackSessions(attributes) {
      addOwn(trackSessions(attributes));
    },
    setEnabled(enabled) {
      consent(enabled);
      network();
    },
    signIn,
    signOut,
    async forget() {
      clear();
      tellTabs({ forget: true });
      forgetAll();
    },
  };
}

function record(recorded: Recorded): void {
  addOwn(taken(recorded));
}

/** Whether it is an event as pages leave it, whoever wrote it. */
function isRecorded(left: unknown): left is Recorded {
  const { id, at, event } = (left ?? {}) as Partial<Recorded>;
  return !!id && typeof id === "string" && !!event?.name && isTime(at);
}

function listen(): void {
  for (const type of ["online", "offline"]) addEventListener(type, network);
  addEventListener("storage", ({ key }) => {
    if (isConsent(key)) network();
    hearOfLeft(key);
  });
  addEventListener("pagehide", away);
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
  lastTurn();
  // Who sends hears of them, should this page end before they are on disk.
  writing.forEach(share);
  leave();
  if (event?.type === "freeze" || (event as PageTransitionEvent)?.persisted) stepDown();
}

function back(event: Event): void {
  if (event.type === "resume" || (event as PageTransitionEvent).persisted) stand();
}

function begin(loaded: Core): Core {
  run(loaded);
  if (settings.schema && !setRules(loaded, settings.schema)) {
    say("unreadableSchema");
  }
  reset();
  for (const held of early) accept(loaded, held);
  stand();
  return loaded;
}

/** What not every page asks for. */
async function wished(settings: Settings, { onDelivery }: Page) {
  const { sampleRate, globalProperties, before, endpoint, wire, debug } = settings;
  if (debug) onDelivery((await import("./debug.js")).explain);
  return {
    preparation:
      sampleRate < 1 || globalProperties || before
        ? (await import("./queue/prepare.js")).preparation(settings)
        : undefined,
    form: isForebays(endpoint, wire) ? undefined : (await import("./send/pinpoint.js")).inHeaders,
  };
}
