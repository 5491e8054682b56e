// For tests of what records: in the place of the engine there is a list.

import { begin, deliver, pump } from "./client.js";
import type { Engine } from "./engine.js";
import type { AnalyticsEvent, Delivery, Stats } from "./types.js";

let events: AnalyticsEvent[] = [];
let stats: Stats;
let isEnabled = true;

const recorder: Engine = {
  record({ id, event }) {
    const end = (state: Delivery["state"], reason?: string) =>
      deliver({ id, name: event.name, at: Date.now(), state, reason });
    stats.recorded++;
    if (isEnabled) {
      stats.delivered++;
      events.push(plain(event));
      end("delivered");
    } else {
      stats.dropped++;
      stats.droppedBy.disabled = (stats.droppedBy.disabled ?? 0) + 1;
      end("dropped", "disabled");
    }
  },
  validate: async () => [],
  identifyUser: async () => {},
  identifiers: () => ({ endpointId: "endpoint-of-tests", sessionId: "session-of-tests" }),
  compare: async () => {},
  flush() {},
  stats: () => ({ ...stats, droppedBy: { ...stats.droppedBy } }),
  sharesSessions: true,
  trackSessions() {},
  setEnabled(enabled) {
    isEnabled = enabled;
  },
  signIn: async () => {},
  signOut() {},
  forget: async () => reset(),
};

/**
 * What `record()` was called with since the last `reset()`, in that order: name, attributes and metrics, without
 * what was `undefined`. Events that were recorded while `disable()` held are not among them.
 */
export function recorded(): AnalyticsEvent[] {
  pump();
  return [...events];
}

/** Begins anew: nothing is recorded, nothing configured, and recording is allowed. */
export function reset(): void {
  events = [];
  isEnabled = true;
  stats = {
    recorded: 0,
    invalid: 0,
    delivered: 0,
    rejected: 0,
    dropped: 0,
    droppedBy: {},
    queued: 0,
    aside: 0,
    durable: true,
    leader: true,
    traps: 0,
  };
  begin(recorder);
}

reset();

function plain({ name, attributes, metrics }: AnalyticsEvent): AnalyticsEvent {
  const fields = <Fields extends object>(given: Fields | undefined): Fields | undefined =>
    given &&
    (Object.fromEntries(
      Object.entries(given).filter(([, value]) => value !== undefined),
    ) as Fields);
  const event = { name, attributes: fields(attributes), metrics: fields(metrics) };
  return fields(event) as AnalyticsEvent;
}
