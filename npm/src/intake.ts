import type { Settings } from "./config.js";
import type { Consent } from "./consent.js";
import type { Page, Recorded } from "./engine.js";
import type { Ids } from "./ids.js";
import { type SessionEvent, type SessionStamp, Sessions } from "./session.js";
import type { AnalyticsEvent } from "./types.js";

/** An event that is to be validated, kept and sent. */
export interface Taken extends Recorded {
  session: SessionStamp;
}

/**
 * What an event goes through before it is validated: consent, sampling, global properties, the page's
 * own hook, and then the session it belongs to.
 */
export class Intake {
  readonly #settings: Settings;
  readonly #ids: Ids;
  readonly #consent: Consent;
  readonly #page: Pick<Page, "drop" | "uuid">;
  readonly #sessions: Sessions;
  #endpointId = "";
  #isKept = false;
  /** What the start and the end of sessions say besides. */
  #sessionAttributes: AnalyticsEvent["attributes"];

  constructor(
    settings: Settings,
    ids: Ids,
    endpointId: string,
    consent: Consent,
    page: Pick<Page, "drop" | "uuid">,
  ) {
    this.#settings = settings;
    this.#ids = ids;
    this.#consent = consent;
    this.#page = page;
    const { sessions, sessionTimeout } = settings;
    const key = sessions === "shared" ? ids.session : undefined;
    this.#sessions = new Sessions(key, sessionTimeout, page.uuid);
    this.#isNow(endpointId);
  }

  /** The events to be sent for this one, in their order: none where it is dropped. */
  take(recorded: Recorded): Taken[] {
    const { id, at, event } = recorded;
    const taken = this.#judged(event);
    if ("reason" in taken) {
      this.#page.drop(recorded, taken.reason);
      return [];
    }
    const { stamp, events } = this.#sessions.of(taken.event.name, at);
    return [...this.#announced(events), { id, at, event: taken.event, session: stamp }];
  }

  /**
   * Whether the start and the end of sessions are recorded by themselves from now on, with these
   * attributes. Gives what is to be sent about the present one.
   */
  trackSessions(attributes: AnalyticsEvent["attributes"] | undefined): Taken[] {
    this.#sessionAttributes = attributes;
    this.#sessions.announce(!!attributes);
    if (!attributes || this.#refusal()) return [];
    return this.#announced(this.#sessions.touch(Date.now()));
  }

  /** The next event begins a session, since another user goes on. Gives what is to be sent about it. */
  renewSession(): Taken[] {
    return this.#announced(this.#sessions.renew());
  }

  /** Goes on as a newcomer, with another endpoint id. */
  forget(endpointId: string): void {
    this.#sessions.renew();
    this.#isNow(endpointId);
  }

  #isNow(endpointId: string): void {
    this.#endpointId = endpointId;
    this.#isKept = false;
    this.#refusal();
  }

  /** Why no event is taken at present. Nothing is kept of a browser before it may be. */
  #refusal(): string | undefined {
    const { refusal } = this.#consent;
    if (refusal) return refusal;
    if (!this.#isKept) this.#ids.keepEndpointId(this.#endpointId);
    this.#isKept = true;
    return share(this.#endpointId) < this.#settings.sampleRate ? undefined : "not sampled";
  }

  #judged(event: AnalyticsEvent): Judged {
    const reason = this.#refusal();
    return reason ? { reason } : prepared(event, this.#settings);
  }

  /** They go through the same; what of them is not taken was never recorded. */
  #announced(events: SessionEvent[]): Taken[] {
    return events.flatMap(({ id, name, at, session }) => {
      const taken = this.#judged({ name, attributes: this.#sessionAttributes });
      return "event" in taken ? [{ id, at, event: taken.event, session }] : [];
    });
  }
}

/** An event that is taken, or why it is not. */
type Judged = { event: AnalyticsEvent } | { reason: string };

/** An event with its global properties and as the page's hook wants it, or why it is not sent. */
export function prepared(
  event: AnalyticsEvent,
  { globalProperties, before }: Pick<Settings, "globalProperties" | "before">,
): Judged {
  const whole = withGlobals(event, globalProperties);
  if (!before) return { event: whole };
  try {
    const given = before(whole);
    if (given?.name && typeof given.name === "string") return { event: given };
    return { reason: "vetoed by before()" };
  } catch (error) {
    // The page's own mistake, and what it may have wanted to hide must not leave.
    reportError(error);
    return { reason: "before() threw" };
  }
}

/** The event with the global properties that it does not have itself. */
function withGlobals(event: AnalyticsEvent, globals: Settings["globalProperties"]): AnalyticsEvent {
  if (!globals) return event;
  const { attributes, metrics } = event;
  return {
    ...event,
    attributes: merged(globals.attributes, attributes),
    metrics: merged(globals.metrics, metrics),
  };
}

/** What is no object the validator judges. */
function merged<T extends object>(globals: T | undefined, own: T | undefined): T | undefined {
  if (!globals || (own ?? undefined) === undefined) return own ?? globals;
  return typeof own === "object" ? { ...globals, ...own } : own;
}

/** Where an id stands among all ids, from 0 to under 1: FNV-1a, so that any id will do. */
export function share(id: string): number {
  let hash = 0x811c9dc5;
  for (const character of id) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  // The last step mixes little into the upper bits, and they decide.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}
