import type { Settings } from "./config.js";
import type { Consent } from "./consent.js";
import type { Page, Recorded } from "./engine.js";
import type { Ids } from "./ids.js";
import type { Prepared } from "./prepare.js";
import { type SessionEvent, type SessionStamp, Sessions } from "./session.js";
import type { AnalyticsEvent } from "./types.js";

/** An event that is to be validated, kept and sent. */
export interface Taken extends Recorded {
  session: SessionStamp;
}

/** An event that is taken, or why it is not. */
export type Judged = { event: AnalyticsEvent } | { reason: string };

/**
 * What an event goes through before it is validated: consent, what the page has asked for besides, and
 * then the session it belongs to.
 */
export class Intake {
  readonly #ids: Ids;
  readonly #consent: Consent;
  readonly #page: Pick<Page, "drop" | "uuid">;
  readonly #prepared: Prepared | undefined;
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
    prepared: Prepared | undefined,
  ) {
    this.#ids = ids;
    this.#consent = consent;
    this.#page = page;
    this.#prepared = prepared;
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
    if (!refusal && !this.#isKept) {
      this.#ids.keepEndpointId(this.#endpointId);
      this.#isKept = true;
    }
    return refusal;
  }

  #judged(event: AnalyticsEvent): Judged {
    const reason = this.#refusal();
    return reason ? { reason } : (this.#prepared?.(event, this.#endpointId) ?? { event });
  }

  /** They go through the same; what of them is not taken was never recorded. */
  #announced(events: SessionEvent[]): Taken[] {
    return events.flatMap(({ id, name, at, session }) => {
      const taken = this.#judged({ name, attributes: this.#sessionAttributes });
      return "event" in taken ? [{ id, at, event: taken.event, session }] : [];
    });
  }
}
