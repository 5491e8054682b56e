import {
  type AmplifyConfig,
  configure,
  createEvent,
  type ForebayConfig,
  ForebayError,
  type IdentifyUserInput,
  identifiers,
  identifyUser,
  type Receipt,
  record,
} from "./index.js";

/** Properties or traits, as analytics.js takes them. Lists and objects may be among them. */
export type Properties = { [name: string]: unknown };

/** The argument after properties or traits. Only `page` reads it: `context.page` and `context.campaign`. */
export interface SegmentOptions {
  context?: { page?: Properties; campaign?: Properties; [member: string]: unknown };
  [member: string]: unknown;
}

export type Callback = () => void;
type Text = string | null;
/** An id, which may be missing, and what may follow it. */
type Identified = [id: string | number | null, ...more: Described] | Described;
type Described =
  | [traits?: Properties | null, options?: SegmentOptions | Callback | null, callback?: Callback]
  | [Callback];
type Paged =
  | [category: Text | undefined, name: Text | undefined, ...more: Described]
  | [Text, ...Described]
  | Described;

type Method = "track" | "identify" | "page" | "group" | "alias" | "reset";
type Listener = (...given: unknown[]) => void;

/** Most characters of an attribute of an event, and of a user. */
const [LONGEST, LONGEST_OF_USER] = [200, 100];
/** Objects that are deeper are not looked into. */
const DEEPEST = 5;
/** How long a callback waits for its event, in milliseconds; as with analytics.js. */
const CALLBACK_MS = 300;
/** Parameters of an address that say what brought the visitor, as the worker reads them. */
const CAMPAIGN =
  /^(utm_\w+|gclid|gbraid|wbraid|dclid|fbclid|msclkid|ttclid|twclid|li_fat_id|yclid|sccid|epik|rdt_cid|igshid)$/i;
/** Where analytics.js keeps its ids. */
const [LEFT_ANONYMOUS, LEFT_USER] = ["ajs_anonymous_id", "ajs_user_id"];

/** The user that this page has identified. */
let userId: string | undefined;
let anonymousId: string | undefined;
/** Whether `load` was called, and the calls before it. */
let isLoaded = false;
const early: (() => void)[] = [];
const listeners = new Map<string, Set<Listener>>();
const told = new Set<string>();

/**
 * As `configure` of the package's default entry. Goes on with the ids that analytics.js has left in this browser.
 *
 * @throws ForebayError `InvalidConfig`, `AlreadyConfigured`.
 */
function load(config: ForebayConfig | AmplifyConfig): void {
  const endpointId = left(LEFT_ANONYMOUS);
  configure(endpointId ? { endpointId, ...config } : config);
  isLoaded = true;
  for (const call of early.splice(0)) call();
  identifiers().then(
    (ids) => {
      anonymousId = ids.endpointId;
    },
    () => {},
  );
  const user = left(LEFT_USER);
  if (!user) return;
  userId ??= user;
  describe({}, userId).then(
    () => localStorage.removeItem(LEFT_USER),
    () => {},
  );
}

/** What analytics.js has left: JSON, or the text itself. */
function left(key: string): string | undefined {
  try {
    const text = localStorage.getItem(key) || undefined;
    return text?.startsWith('"') ? JSON.parse(text) : text;
  } catch {
    return undefined;
  }
}

/** Records an event, `Order Completed` as `OrderCompleted`. Resolves at once with the receipt. */
function track(
  event: string | { event: string; properties?: Properties | null },
  properties?: Properties | Callback | null,
  options?: SegmentOptions | Callback | null,
  callback?: Callback,
): Promise<Receipt> {
  return said(() => {
    const isWhole = isObject(event);
    const name = isWhole ? event.event : event;
    const given = isWhole ? [event.properties] : [];
    const { objects, done } = sorted([...given, properties, options, callback], 0);
    emit("track", name, objects[0], objects[1]);
    return recorded(eventName(name as string), flat(objects[0]), done);
  });
}

/** Records `pageView`, with what the browser knows of the page. */
function page(...given: Paged): Promise<Receipt> {
  return said(() => {
    const { texts, objects, done } = sorted(given, 2);
    const words = texts.filter((text) => text !== undefined);
    // A single text is the name.
    const [category, name] = words.length > 1 ? words : [undefined, words[0]];
    const [properties, options] = objects;
    emit("page", category, name, properties, options);
    const own = { ...flat({ name, category }), ...flat(properties) };
    const known = pageOf(options?.context as SegmentOptions["context"]);
    return recorded("pageView", { ...known, ...own }, done);
  });
}

/** Says who the user is, and describes them; traits that are not said again stay. */
function identify(...given: Identified): Promise<void> {
  return said(() => {
    const { texts, objects, done } = sorted(given, 1);
    emit("identify", texts[0], objects[0], objects[1]);
    if (texts[0]) userId = texts[0];
    return described(attributesOf(objects[0]), done);
  });
}

/** Says which group the user belongs to: user attributes `group_id` and `group_<trait>`. */
function group(...given: Identified): Promise<void> {
  return said(() => {
    const { texts, objects, done } = sorted(given, 1);
    emit("group", texts[0], objects[0], objects[1]);
    const own = attributesOf({ group_id: texts[0] });
    return described({ ...own, ...attributesOf(objects[0], "group_") }, done);
  });
}

/** Says that a user was known by another id before, by the user attribute `previous_id`. */
function alias(
  to: string | number,
  from?: Text | number | SegmentOptions | Callback,
  options?: SegmentOptions | Callback | null,
  callback?: Callback,
): Promise<void> {
  return said(async () => {
    const { texts, done } = sorted([from, options, callback], 1);
    emit("alias", to, texts[0]);
    if (to === "" || !/string|number/.test(typeof to)) {
      throw new ForebayError("InvalidUser", "Forebay: alias() needs the id that the user has now.");
    }
    const previous = texts[0] ?? userId;
    const id = String(to);
    userId = id;
    const known = async () => previous ?? (await whenLoaded(identifiers)).endpointId;
    const before = await known().catch(() => undefined);
    return described(attributesOf({ previous_id: before }), done, id);
  });
}

/** Forgets the user and the group. The anonymous id stays: `forget()` of the package gives a new one. */
function reset(): Promise<void> {
  return said(() => {
    emit("reset");
    userId = undefined;
    try {
      for (const key of [LEFT_ANONYMOUS, LEFT_USER]) localStorage.removeItem(key);
    } catch {
      // Without storage analytics.js has left no ids.
    }
    return whenLoaded(() => identifyUser({} as IdentifyUserInput));
  });
}

/** `track`, `identify`, `page`, `group`, `alias` and `reset` of analytics.js. */
export const analytics = {
  load,
  track,
  identify,
  page,
  group,
  alias,
  reset,
  /** The ids at present; `anonymousId` is the endpoint id, and known once `ready` is. */
  user: () => ({ id: () => userId ?? null, anonymousId: () => anonymousId ?? null }),
  /** Calls `callback` once events can be sent. */
  ready(callback: Callback): Promise<void> {
    return said(async () => {
      anonymousId = (await whenLoaded(identifiers)).endpointId;
      callback();
    });
  },
  /** Calls `listener` with the arguments of each call of this method, sorted. */
  on(method: Method, listener: Listener) {
    const all = listeners.get(method) ?? new Set();
    listeners.set(method, all.add(listener));
    return analytics;
  },
  off(method: Method, listener: Listener) {
    listeners.get(method)?.delete(listener);
    return analytics;
  },
};

/** Sorts arguments by type: at most `most` strings first, then objects, and a function anywhere. */
function sorted(given: unknown[], most: number) {
  const done = given.find((value) => typeof value === "function") as Callback | undefined;
  const rest = given.filter((value) => typeof value !== "function");
  const isText = (value: unknown) => value == null || typeof value !== "object";
  let count = 0;
  while (count < Math.min(most, rest.length) && isText(rest[count])) count++;
  const texts = rest.slice(0, count).map((value) => (value == null ? undefined : String(value)));
  const objects = rest.slice(count).map((value) => (isObject(value) ? value : undefined));
  return { texts, objects, done };
}

function recorded(name: string, fields: Properties, done?: Callback): Promise<Receipt> {
  const receipt = whenLoaded(() => record(createEvent(name, fields)));
  receipt.then(
    ({ settled }) => call(done, settled),
    () => call(done),
  );
  return receipt;
}

function described(
  attributes: Record<string, string[]>,
  done?: Callback,
  id = userId,
): Promise<void> {
  const sent = whenLoaded(() => describe(attributes, id));
  call(done, sent);
  return sent;
}

const describe = async (userAttributes: Record<string, string[]>, id: string | undefined) =>
  identifyUser({
    // A visitor who is not identified yet may be described, too.
    userId: id as string,
    userProfile: {},
    options: { userAttributes, merge: true },
  });

/** Calls `run`, which needs a configuration: at once, or when there is one. */
async function whenLoaded<T>(run: () => T | Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if ((error as ForebayError).code !== "NotConfigured") throw error;
    if (isLoaded) return run();
    return new Promise((resolve) => {
      early.push(() => resolve((async () => run())()));
    });
  }
}

/** Makes a call that does not throw. The console says what is wrong: code for analytics.js awaits no promise. */
function said<T>(run: () => Promise<T>): Promise<T> {
  const promise = (async () => run())();
  promise.catch((error) => console.error(error?.message ?? error));
  return promise;
}

/** Calls back when the event has ended, or soon. */
function call(done: Callback | undefined, ended?: Promise<unknown>): void {
  if (!done) return;
  const soon = new Promise((resolve) => setTimeout(resolve, CALLBACK_MS));
  Promise.race([soon, ended ?? soon]).then(done, done);
}

function emit(method: Method, ...given: unknown[]): void {
  for (const listener of listeners.get(method) ?? []) {
    try {
      listener(...given);
    } catch (error) {
      reportError(error);
    }
  }
}

/** A name that a schema can have; of any other name the words are joined, `Order Completed` as `OrderCompleted`. */
function eventName(name: string): string {
  const text = String(name ?? "")
    .normalize("NFKD")
    .replace(/\p{M}/gu, "");
  const words = text.match(/[\w.-]+/g) ?? [];
  // Without its other characters a name such as a Japanese one would be empty: the schema judges it as it is.
  if (words.length === 0 || /[^\x20-\x7e]/.test(text)) return name;
  if (words.length === 1) return words[0];
  return words.map((word) => word[0].toUpperCase() + word.slice(1)).join("");
}

/**
 * Properties without objects in objects: `{ address: { city } }` as `address_city`, which is what Segment calls the
 * columns of a warehouse. Lists become JSON, as there.
 */
function flat(values: Properties | undefined, prefix = "", depth = 0): Properties {
  const fields: Properties = {};
  for (const [key, value] of Object.entries(values ?? {})) {
    const name = prefix + key.replace(/[^\w.-]/g, "_");
    const given = plain(value);
    if (given == null) continue;
    if (Array.isArray(given)) fields[name] = listed(name, given);
    else if (typeof given !== "object" || given instanceof Date) fields[name] = given;
    else if (!isObject(given)) leftOut(name, "it is no plain object");
    else if (depth < DEEPEST) Object.assign(fields, flat(given, `${name}_`, depth + 1));
    else leftOut(name, `properties are looked into ${DEEPEST} deep`);
  }
  return fields;
}

/** A value as JSON has it; nothing if JSON has none, as for functions and `NaN`. Dates stay. */
function plain(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : undefined;
  if (typeof value === "function" || typeof value === "symbol") return undefined;
  if (value instanceof Date) return Number.isNaN(+value) ? undefined : value;
  const { toJSON } = (value ?? {}) as { toJSON?: unknown };
  return typeof toJSON === "function" ? toJSON.call(value) : value;
}

function isObject(value: unknown): value is Properties {
  return Object.prototype.toString.call(value) === "[object Object]";
}

/** A list as JSON; nothing if that is longer than an attribute may be, so that the event stays valid. */
function listed(name: string, list: unknown[]): string | undefined {
  let text: string | undefined;
  try {
    text = JSON.stringify(list);
  } catch {
    // JSON has no form for something in it.
  }
  if (text !== undefined && text.length <= LONGEST) return text;
  leftOut(name, `a list may have ${LONGEST} characters as JSON`);
  return undefined;
}

/** Says on the console, once for each name, what was left out and why. */
function leftOut(name: string, why: string): void {
  if (!told.has(name)) console.warn(`Forebay: ${name} is left out, since ${why}.`);
  told.add(name);
}

/** Traits as attributes of the user: attributes of the endpoint would stay for the next user. */
function attributesOf(traits: Properties | undefined, prefix = ""): Record<string, string[]> {
  const attributes: Record<string, string[]> = {};
  for (const [name, value] of Object.entries(flat(traits, prefix))) {
    const text = value instanceof Date ? value.toJSON() : String(value);
    if (text?.length <= LONGEST_OF_USER) attributes[name] = [text];
    else leftOut(name, `a user's attribute may have ${LONGEST_OF_USER} characters`);
  }
  return attributes;
}

/** Describes the page as the browser knows it, or as the call says instead. The worker reads campaigns from `url`. */
function pageOf({
  page = {},
  campaign = {},
}: NonNullable<SegmentOptions["context"]> = {}): Properties {
  if (!("document" in globalThis)) return {};
  const {
    url = bare(location.href, true),
    path = location.pathname,
    title = document.title,
    referrer = bare(document.referrer),
  } = page;
  const parameters = Object.entries(campaign).map(([name, value]) => [
    `utm_${name === "name" ? "campaign" : name}`,
    String(value),
  ]);
  const address = withParameters(String(url), parameters);
  const said = Object.entries({ url: address, path, title, referrer });
  return Object.fromEntries(
    said
      .filter(([, value]) => value)
      .map(([name, value]) => [name, [...String(value)].slice(0, LONGEST).join("")]),
  );
}

/** An address without its query, which may be secret or personal; `withCampaigns` keeps the campaign's parameters. */
function bare(address: string, withCampaigns = false): string {
  try {
    const { origin, pathname, searchParams } = new URL(address);
    const campaigns = [...searchParams].filter(([name]) => withCampaigns && CAMPAIGN.test(name));
    return withParameters(origin + pathname, campaigns);
  } catch {
    return "";
  }
}

function withParameters(address: string, parameters: string[][]): string {
  if (parameters.length === 0) return address;
  return `${address}${address.includes("?") ? "&" : "?"}${new URLSearchParams(parameters)}`;
}
