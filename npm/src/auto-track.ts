import type { Engine } from "./engine.js";
import { report } from "./report.js";
import type { AnalyticsEvent } from "./types.js";

type Attributes = AnalyticsEvent["attributes"];

/** What automatic events say besides; a function is asked each time. */
export type ExtraAttributes = Attributes | (() => Attributes | Promise<Attributes>);

/** The argument of `configureAutoTrack`, as Amplify takes it, with what mends its faults. */
export type AutoTrackInput =
  | { enable: boolean; type: "session"; options?: SessionTracking }
  | { enable: boolean; type: "pageView"; options?: PageViewTracking }
  | { enable: boolean; type: "event"; options?: EventTracking };

/**
 * Records `_session.start` and `_session.stop`. A session that tabs share is announced by one of them,
 * and ends after its time without an event. With `sessions: "perTab"` it is as with Amplify: one ends
 * whenever the page is hidden, and the next begins when it is seen again.
 */
export interface SessionTracking {
  /** What these events say besides; of a session that tabs share a function is asked once. */
  attributes?: ExtraAttributes;
}

/** Records an event whenever the page's address changes, with the address as attribute `url`. */
export interface PageViewTracking {
  attributes?: ExtraAttributes;
  /**
   * `"singlePage"` (unless given): the address changes by `history`. `"multiPage"`: every address is a
   * page that is loaded; one that is only reloaded is not recorded again.
   */
  appType?: "singlePage" | "multiPage";
  /** The name of these events; `pageView`. */
  eventName?: string;
  /** Gives the address; the page's without query and fragment unless given. */
  urlProvider?: () => string;
  /**
   * Whether the address that a single page is loaded with is recorded, too, unless it is only reloaded;
   * not unless given, as with Amplify v6.
   */
  first?: boolean;
}

/** Records what happens to elements that have an attribute `data-amplify-analytics-on`. */
export interface EventTracking {
  attributes?: ExtraAttributes;
  /** The DOM events that are listened to; `["click"]`. */
  events?: string[];
  /** What the names of the elements' attributes begin with; `data-amplify-analytics-`. */
  selectorPrefix?: string;
  /**
   * Whether what is inside of an SVG counts as part of the element around it, values in `-attrs` may
   * have colons, and `-on` says which events of the element are recorded. Not unless given, as with
   * Amplify v6.
   */
  mended?: boolean;
}

/** Most characters in the value of an attribute. */
const LONGEST = 200;

const PREVIOUS_URL = "aws-amplify-analytics-prevUrl";

/** The client's. */
let record: (event: AnalyticsEvent) => unknown;

/** Ends what is recorded at present, by type. */
const running = new Map<string, () => void>();

/** Begins to record by itself, or ends that; what ran before for the same type ends in any case. */
export function configureAutoTrack(input: AutoTrackInput, engine: Engine, by: typeof record): void {
  record = by;
  running.get(input.type)?.();
  running.delete(input.type);
  if (!input.enable) return;
  complain(input.options?.attributes);
  running.set(
    input.type,
    onceShown(() => begin(input, engine)),
  );
}

/** Begins at once, or where the page is prerendered once somebody sees it. Gives a function that ends it. */
function onceShown(begin: () => () => void): () => void {
  const page = globalThis.document as (Document & { prerendering?: boolean }) | undefined;
  if (!page?.prerendering) return begin();
  let end = () => {};
  const stop = listen(page, ["prerenderingchange"], () => {
    stop();
    end = begin();
  });
  return () => {
    stop();
    end();
  };
}

/** Says what of these attributes makes every automatic event invalid. */
function complain(attributes: ExtraAttributes = {}): void {
  if (typeof attributes === "function") return;
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "string" || value === undefined) continue;
    console.error(
      `Forebay: configureAutoTrack(): options.attributes.${name} must be a string; events with it are invalid.`,
    );
  }
}

/** Calls the page's own function. What goes wrong in it is for the page's error reporting, and for nobody else. */
function guarded(run: () => void): void {
  try {
    run();
  } catch (error) {
    report(error);
  }
}

function begin(input: AutoTrackInput, engine: Engine): () => void {
  if (input.type === "session") return trackSessions(engine, input.options);
  if (globalThis.document) {
    if (input.type === "pageView") return trackPageViews(input.options);
    if (input.type === "event") return trackEvents(input.options);
  }
  const { type } = input as { type: unknown };
  console.warn(
    `Forebay: there is nothing to track of the type "${String(type)}". The types are "session", and on a page ` +
      '"pageView" and "event".',
  );
  return () => {};
}

function trackSessions(engine: Engine, { attributes = {} }: SessionTracking = {}): () => void {
  if (!engine.sharesSessions) return trackVisits(attributes);
  let goesOn = true;
  withAttributes(attributes, (attributes) => goesOn && engine.trackSessions(attributes ?? {}));
  return () => {
    goesOn = false;
    engine.trackSessions(undefined);
  };
}

/** A session for every time that the page is seen. */
function trackVisits(attributes: ExtraAttributes): () => void {
  let wasSeen = false;
  const look = () => {
    const isSeen = globalThis.document?.visibilityState !== "hidden";
    if (isSeen !== wasSeen) emit(isSeen ? "_session.start" : "_session.stop", {}, attributes);
    wasSeen = isSeen;
  };
  look();
  return listen(globalThis.document, ["visibilitychange"], look);
}

function trackPageViews(options: PageViewTracking = {}): () => void {
  const { attributes, eventName = "pageView", urlProvider = withoutQuery } = options;
  const isSinglePage = options.appType !== "multiPage";
  const looksFirst = !isSinglePage || options.first;
  let previous = looksFirst ? remembered() : undefined;
  const look = () =>
    guarded(() => {
      const url = urlProvider();
      if (url === previous) return;
      previous = url;
      remember(url);
      emit(eventName, { url }, attributes);
    });
  if (looksFirst) look();
  const ends = [
    listen(window, ["pageshow"], ({ persisted }: Partial<PageTransitionEvent>) => {
      if (!persisted) return;
      // The page comes out of the back/forward cache: it is seen once more.
      previous = undefined;
      look();
    }),
    isSinglePage ? onNavigation(look) : () => {},
  ];
  return () => {
    for (const end of ends) end();
  };
}

function withoutQuery(): string {
  return location.origin + location.pathname;
}

/** The page view that was recorded last in this tab. A page may have no storage. */
function remembered(): string | undefined {
  try {
    return sessionStorage.getItem(PREVIOUS_URL) ?? undefined;
  } catch {}
}

function remember(url: string): void {
  try {
    sessionStorage.setItem(PREVIOUS_URL, url);
  } catch {}
}

/** Calls `look` after every change of the address within the page. Gives a function that ends it. */
function onNavigation(look: () => void): () => void {
  let goesOn = true;
  for (const name of ["pushState", "replaceState"] as const) {
    const original = history[name];
    // Stays in place when it has ended: others may have put their own around it.
    history[name] = function (this: History, ...args) {
      original.apply(this, args);
      if (goesOn) look();
    };
  }
  const end = listen(window, ["popstate"], look);
  // Where there is the Navigation API, it tells of what it did itself, too.
  const { navigation } = window as { navigation?: EventTarget };
  const endNavigation = listen(navigation, ["currententrychange"], look);
  return () => {
    goesOn = false;
    end();
    endNavigation();
  };
}

function trackEvents(options: EventTracking = {}): () => void {
  const { attributes, events = ["click"], mended } = options;
  const { selectorPrefix: prefix = "data-amplify-analytics-" } = options;
  return listen(document, events, (event) => {
    const { type } = event;
    // Of what is in an open shadow root, the target is the element that has it.
    const path = event.composedPath();
    if (!(path[0] instanceof (mended ? Element : HTMLElement))) return;
    const element = path.find((node) => (node as Partial<Element>).hasAttribute?.(`${prefix}on`));
    if (!(element instanceof Element)) return;
    const said = (name: string) => element.getAttribute(prefix + name) ?? "";
    if (
      mended &&
      !said("on")
        .split(/\s*,\s*/)
        .includes(type)
    )
      return;
    // Not `element.id`: of a form that may be its field of that name.
    const id = element.getAttribute("id") ?? "";
    const own = { type, target: `${element.localName} with id ${id}` };
    const more = pairs(said("attrs"), mended);
    emit(said("name") || "event", own, attributes, more);
  });
}

/** Reads `name:value,name:value`; with `whole` a value may have colons, without it ends at the first. */
function pairs(text: string, whole: boolean | undefined): Record<string, string> {
  const read: Record<string, string> = {};
  for (const pair of text.split(",")) {
    const [name, ...values] = pair.split(":");
    if (values.length) read[name.trim()] = (whole ? values.join(":") : values[0]).trim();
  }
  return read;
}

/** Records an event with what it says itself, as far as it is not too long for an attribute, then what all say, then what its element says. */
function emit(
  name: string,
  own: Record<string, string>,
  all: ExtraAttributes | undefined,
  more?: object,
): void {
  const cut = Object.entries(own).map(([name, value]) => [
    name,
    [...value].slice(0, LONGEST).join(""),
  ]);
  withAttributes(all, (all) => {
    record({ name, attributes: { ...Object.fromEntries(cut), ...all, ...more } });
  });
}

/**
 * At once where it can be: a page that goes away does not wait. Where the page's function fails, its error is
 * reported, and there are no attributes.
 */
function withAttributes(
  given: ExtraAttributes | undefined,
  use: (attributes: Attributes) => void,
): void {
  let attributes: Attributes | Promise<Attributes>;
  try {
    attributes = typeof given === "function" ? given() : given;
  } catch (error) {
    report(error);
  }
  if (isPromise(attributes)) {
    Promise.resolve(attributes)
      .catch((error) => {
        report(error);
        return undefined;
      })
      .then((attributes) => guarded(() => use(attributes)));
  } else guarded(() => use(attributes as Attributes));
}

/** By what it can do: zone.js puts another class in the place of `Promise`, and async functions give the browser's. */
function isPromise(given: Attributes | Promise<Attributes>): given is Promise<Attributes> {
  return typeof given?.then === "function";
}

/** Before the page's own listeners, which may stop an event. Gives a function that ends it. */
function listen(
  target: EventTarget | undefined,
  types: string[],
  listener: (event: Event) => void,
): () => void {
  for (const type of types) target?.addEventListener(type, listener, true);
  return () => {
    for (const type of types) target?.removeEventListener(type, listener, true);
  };
}
