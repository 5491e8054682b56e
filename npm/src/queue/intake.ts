// What an event goes through before it is validated: consent, what the page has asked for besides, and then
// the session that it belongs to.

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
/** Whether the endpoint id is. */
let isKept: boolean;

export function openIntake(): void {
  openSessions();
  nameBrowser();
}

/** Begins as an endpoint of this browser's, or as a newcomer after it forgot everything. */
function nameBrowser(told?: string | null): void {
  nameEndpoint(told);
  isKept = false;
  refused();
}

/** Goes on as a newcomer, under the endpoint id that another tab has `told`, if any. */
export function forgetBrowser(told?: string | null): void {
  forgetSession();
  nameBrowser(told);
}

/** The events to be sent for this one, in their order: none where it is dropped. */
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
 * Whether the start and the end of sessions are recorded by themselves from now on, with these attributes.
 * Gives what is to be sent about the present one.
 */
export function trackSessions(attributes: AnalyticsEvent["attributes"] | undefined): Taken[] {
  sessionAttributes = attributes;
  announce(!!attributes);
  return !attributes || refused() ? [] : announced(touch(Date.now()));
}

/** Another identity goes on. Gives what is to be sent about the session that this ends. */
export function takeOver(identity: string): Taken[] {
  return announced(passTo(identity));
}

/** Why no event is taken at present. The endpoint id is kept once events may be. */
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

/** They go through the same; what of them is not taken was never recorded. */
function announced(events: SessionEvent[]): Taken[] {
  return events.flatMap(({ id, name, at, session }) => {
    const one = judged({ name, attributes: sessionAttributes });
    return "event" in one ? [{ id, at, event: one.event, session }] : [];
  });
}
