import init, { Sdk } from "#wasm";
import { ForebayError, onDelivery } from "./client.js";
import { type AmplifyConfig, type ForebayConfig, readConfig } from "./config.js";
import { Consent } from "./consent.js";
import { Ids } from "./ids.js";
import { Intake, type Taken } from "./intake.js";
import { endpointOf } from "./profile.js";
import type {
  AnalyticsEvent,
  Delivery,
  DeliveryState,
  IdentifyUserInput,
  Stats,
  Violation,
} from "./types.js";

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
  deliver(delivery: Delivery): void;
  /** Gives up an event before it is in the engine's books. */
  drop(recorded: Recorded, reason: string): void;
  uuid(): string;
}

/** What `forebay_wasm_bg.wasm` comes as. */
export type Wasm = Response | BufferSource | WebAssembly.Module;

/** Gets the module. Asked again where it fails. */
export type WasmSource = () => Promise<Wasm>;

/** The running client. */
export interface Engine {
  record(recorded: Recorded): void;
  validate(event: AnalyticsEvent): Violation[];
  identifyUser(input: IdentifyUserInput): void;
  flush(): void;
  stats(): Stats;
  /** Whether sessions are shared by tabs, and so are not for one of them to begin or end. */
  readonly sharesSessions: boolean;
  /** Announces shared sessions from now on, with these attributes; `undefined` ends that. */
  trackSessions(attributes: AnalyticsEvent["attributes"] | undefined): void;
  /** Whether events are taken and sent, from now on and on later visits. */
  setEnabled(enabled: boolean): void;
  /** Deletes what is kept, and goes on as a newcomer. */
  forget(): Promise<void>;
}

/** Milliseconds after which a request counts as unanswered. */
const REQUEST_TIMEOUT = 60_000;
/** What `setTimeout` can hold. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

/**
 * Starts the WebAssembly module, and carries out what it asks for.
 *
 * @throws ForebayError `InvalidConfig`, `WasmBlocked`; anything else that is thrown is worth another
 * try.
 */
export async function start(wasm: Wasm, page: Page): Promise<Engine> {
  const { config, deliver, uuid } = page;
  const settings = readConfig(config);
  await instantiate(wasm);
  const ids = new Ids(settings);
  const consent = new Consent(settings, network);
  const endpointId = () => settings.endpointId ?? ids.endpointId(uuid);
  const intake = new Intake(settings, ids, endpointId(), consent, page);
  if (settings.debug) {
    const { explain } = await import("./debug.js");
    onDelivery(explain);
  }
  const names = new Map<string, string>();
  let timer: ReturnType<typeof setTimeout>;

  const io = {
    fetch(
      request: number,
      url: string,
      method: string,
      headers: Headers,
      body: string,
      keepalive: boolean,
    ) {
      const signal = AbortSignal.timeout(REQUEST_TIMEOUT);
      const asking = sdk;
      fetch(url, { method, headers, body, keepalive, signal, credentials: "omit" })
        .then(async (response) => ({ response, body: await response.text() }))
        .then(
          // What was asked before forget() nobody waits for.
          ({ response, body }) => asking === sdk && sdk.answered(request, response, body),
          () => asking === sdk && sdk.unanswered(request),
        );
    },
    wake(milliseconds: number) {
      clearTimeout(timer);
      timer = setTimeout(() => sdk.tick(), Math.min(milliseconds, LONGEST_TIMEOUT));
    },
    receipt(id: string, state: DeliveryState, detail: string) {
      const delivery: Delivery = { id, name: names.get(id) ?? "", at: Date.now(), state };
      if (state === "invalid") delivery.violations = JSON.parse(detail);
      else if (detail) delivery.reason = detail;
      if (!["recorded", "stored", "sent"].includes(state)) names.delete(id);
      deliver(delivery);
    },
    saveIdentityId(identityId: string) {
      ids.keepIdentityId(identityId);
    },
  };

  const client = (rules?: string) =>
    new Sdk(
      io,
      performance,
      JSON.stringify({
        ...settings,
        schema: undefined,
        globalProperties: undefined,
        endpointId: endpointId(),
        identityId: ids.identityId(),
      }),
      rules,
      crypto.getRandomValues(new BigUint64Array(1))[0],
    );
  let sdk: Sdk;
  let rules = settings.schema;
  try {
    sdk = client(rules);
  } catch (reason) {
    console.error(
      "Forebay: the schema cannot be read, and events are validated at the endpoint only. " +
        `Run \`npx forebay codegen\` of the version that the page loads. ${reason}`,
    );
    rules = undefined;
    sdk = client();
  }

  function network() {
    sdk.network(navigator.onLine && !consent.refusal);
  }
  if (!navigator.onLine || consent.refusal) network();
  addEventListener("online", network);
  addEventListener("offline", network);
  addEventListener("pagehide", () => sdk.hidden());
  // A worker has no document.
  globalThis.document?.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") sdk.hidden();
  });

  function store({ id, at, event, session }: Taken) {
    names.set(id, event.name);
    sdk.record(
      id,
      at,
      session.id,
      session.start,
      event.name,
      event.attributes,
      event.metrics,
      !!event.immediate,
    );
  }

  return {
    record(recorded) {
      intake.take(recorded).forEach(store);
    },
    validate({ name, attributes, metrics }) {
      return JSON.parse(sdk.validate(name, attributes, metrics));
    },
    identifyUser(input) {
      sdk.updateEndpoint(JSON.stringify(endpointOf(input, uuid())));
    },
    flush() {
      sdk.flush();
    },
    stats() {
      return { ...JSON.parse(sdk.stats()), droppedBy: {} };
    },
    sharesSessions: settings.sessions === "shared",
    trackSessions(attributes) {
      intake.trackSessions(attributes).forEach(store);
    },
    setEnabled(enabled) {
      consent.set(enabled);
      network();
    },
    async forget() {
      ids.forget();
      intake.forget(endpointId());
      for (const id of names.keys()) io.receipt(id, "dropped", "forgotten");
      sdk = client(rules);
      network();
    },
  };
}

async function instantiate(wasm: Wasm): Promise<void> {
  try {
    await init({ module_or_path: wasm });
  } catch (error) {
    // By the error alone some browsers do not tell a refusal from a file that is no module.
    const refused = refusal();
    if (!refused) throw error;
    throw new ForebayError(
      "WasmBlocked",
      `Forebay cannot start, and events stay in memory: ${refused} ` +
        `A Content-Security-Policy has to allow 'wasm-unsafe-eval' in script-src.`,
    );
  }
}

/** Why no WebAssembly at all runs here; `undefined` where it does. */
function refusal(): string | undefined {
  try {
    // The smallest module there is: magic number and version.
    new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));
  } catch (error) {
    return String(error);
  }
}
