// What happens to an event before it is validated: consent, the page's own preparation, and the session that it belongs
// to.

import type { Recorded } from "../engine.js";
import { refusal } from "../identity/consent.js";
import { endpointId, keepEndpointId, nameEndpoint } from "../identity/ids.js";
import {
  announce,
  forgetSession,
  openSessions,
  passTo,
  type SessionEvent,
  type SessionStamp,
  sessionOf,
  touch,
} from "../identity/session.js";
import { page, settings } from "../setup.js";
import type { AnalyticsEvent } from "../types.js";

/** An event that is to be validated, kept and sent. */
export interface Taken extends Recorded {
  session: SessionStamp;
}

/** An event that is taken, or why it is not. */
export type Judged = { event: AnalyticsEvent } | { reason: string };

/** Attributes of `_session.start` and `_session.stop`. */
let sessionAttributes: AnalyticsEvent["attributes"];
/** Whether the endpoint id is kept. */
let isKept: boolean;

export function openIntake(): void {
  openSessions();
  nameBrowser();
}

/** Sets this browser's endpoint id: the kept one, or a new one after everything was forgotten. */
function nameBrowser(told?: string | null): void {
  nameEndpoint(told);
  isKept = false;
  refused();
}

/** Goes on as a new visitor, under the endpoint id that another tab has `told`, if any. */
export function forgetBrowser(told?: string | null): void {
  forgetSession();
  nameBrowser(told);
}

/** The events to send for this one, in order: session events and the event itself; none if it is dropped. */
export function taken(recorded: Recorded): Taken[] {
  const { id, at, event } = recorded;
  const one = judged(event);
  if ("reason" in one) {
    page.drop(recorded, one.reason);
    return [];
  }
  const [session, events] = sessionOf(one.event.name, at);
  return [...announced(events), { id, at, event: one.event, session }];
}

/**
 * Records the start and the end of sessions automatically from now on, with these attributes; `undefined` ends that.
 * Gives the events to send about the present session.
 */
export function trackSessions(attributes: AnalyticsEvent["attributes"] | undefined): Taken[] {
  sessionAttributes = attributes;
  announce(!!attributes);
  return !attributes || refused() ? [] : announced(touch(Date.now()));
}

/** Another identity records from now on. Gives the events to send about the session that this ends. */
export function takeOver(identity: string): Taken[] {
  return announced(passTo(identity));
}

/** Why no event is taken at present. The endpoint id is kept as soon as events are taken. */
function refused(): string | undefined {
  const reason = refusal();
  if (!reason && !isKept) {
    keepEndpointId();
    isKept = true;
  }
  return reason;
}

function judged(event: AnalyticsEvent): Judged {
  const reason = refused();
  return reason ? { reason } : (settings.prepare?.(event, endpointId) ?? { event });
}

/** Session events that consent and preparation let pass; the others count as never recorded. */
function announced(events: SessionEvent[]): Taken[] {
  return events.flatMap(({ id, name, at, session }) => {
    const one = judged({ name, attributes: sessionAttributes });
    return "event" in one ? [{ id, at, event: one.event, session }] : [];
  });
}
