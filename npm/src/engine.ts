import init, { Sdk } from "#wasm";
import type { Settings } from "./config.js";
import type {
  AnalyticsEvent,
  Delivery,
  DeliveryState,
  ForebayError,
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
  settings: Settings;
  /** `start` in milliseconds since the epoch. */
  session: { id: string; start: number };
  deliver(delivery: Delivery): void;
  uuid(): string;
  /** The page's own class of errors, for what the page tells apart by it. */
  ForebayError: typeof ForebayError;
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
}

/** Milliseconds after which a request counts as unanswered. */
const REQUEST_TIMEOUT = 60_000;
/** What `setTimeout` can hold. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

/**
 * Starts the WebAssembly module, and carries out what it asks for.
 *
 * @throws ForebayError `WasmBlocked`; anything else that is thrown is worth another try.
 */
export async function start(wasm: Wasm, page: Page): Promise<Engine> {
  const { settings, session, deliver, uuid } = page;
  await instantiate(wasm, page);
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
      fetch(url, { method, headers, body, keepalive, signal, credentials: "omit" })
        .then(async (response) => ({ response, body: await response.text() }))
        .then(
          ({ response, body }) => sdk.answered(request, response, body),
          () => sdk.unanswered(request),
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
      keep(identityKey, identityId);
    },
  };

  const identityKey = `forebay.identityId.${settings.identityPoolId}`;
  const client = (rules?: string) =>
    new Sdk(
      io,
      performance,
      JSON.stringify({
        ...settings,
        schema: undefined,
        globalProperties: undefined,
        endpointId: settings.endpointId ?? endpointId(settings.appId, uuid()),
        identityId: kept(identityKey),
      }),
      rules,
      crypto.getRandomValues(new BigUint64Array(1))[0],
    );
  let sdk: Sdk;
  try {
    sdk = client(settings.schema);
  } catch (reason) {
    console.error(
      "Forebay: the schema cannot be read, and events are validated at the endpoint only. " +
        `Run \`npx forebay codegen\` of the version that the page loads. ${reason}`,
    );
    sdk = client();
  }

  if (!navigator.onLine) sdk.network(false);
  addEventListener("online", () => sdk.network(true));
  addEventListener("offline", () => sdk.network(false));
  addEventListener("pagehide", () => sdk.hidden());
  // A worker has no document.
  globalThis.document?.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") sdk.hidden();
  });

  return {
    record({ id, at, event }) {
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
      return JSON.parse(sdk.stats());
    },
  };
}

async function instantiate(wasm: Wasm, { ForebayError }: Page): Promise<void> {
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

/** The body of UpdateEndpoint, as Amplify fills it. */
function endpointOf(input: IdentifyUserInput, requestId: string): object {
  const { userId, userProfile, options } = input;
  const { email, name, plan, customProperties, demographic, location, metrics } = userProfile;
  const list = (value?: string) => value && [value];
  return {
    Address: options?.address,
    Attributes: {
      email: list(email),
      name: list(name),
      plan: list(plan),
      ...customProperties,
    },
    ChannelType: options?.channelType,
    Demographic: capitalized(demographic),
    EffectiveDate: new Date().toISOString(),
    Location: capitalized(location),
    Metrics: metrics,
    OptOut: options?.optOut,
    RequestId: requestId,
    User: { UserId: userId, UserAttributes: options?.userAttributes },
  };
}

/** `postalCode` is `PostalCode` on the wire. */
function capitalized(values?: object): object | undefined {
  return (
    values &&
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name[0].toUpperCase() + name.slice(1), value]),
    )
  );
}

function endpointId(appId: string, fresh: string): string {
  const key = `forebay.endpointId.${appId}`;
  const id = kept(key) || fresh;
  keep(key, id);
  return id;
}

/** What an earlier visit kept. A page may have no storage, or may not be allowed to use it. */
function kept(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {}
}
