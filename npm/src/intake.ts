import type { Settings } from "./config.js";
import { type AnalyticsEvent, ForebayError } from "./types.js";

/** An event as it is to be sent, or the reason why it is not. */
type Taken = { event: AnalyticsEvent } | { reason: string };

/**
 * What an event goes through before it is validated: sampling, global properties, the page's own hook.
 *
 * @throws ForebayError (`InvalidConfig`) that names the member to put right.
 */
export function intake(settings: Settings, endpointId: string): (event: AnalyticsEvent) => Taken {
  const { before, sampleRate } = checked(settings);
  const isSampled = share(endpointId) < sampleRate;
  return (event) => {
    if (!isSampled) return { reason: "not sampled" };
    const whole = withGlobals(event, settings.globalProperties);
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
  };
}

/** The event with the global properties that it does not have itself. */
export function withGlobals(
  event: AnalyticsEvent,
  globals: Settings["globalProperties"],
): AnalyticsEvent {
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
function share(id: string): number {
  let hash = 0x811c9dc5;
  for (const character of id) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  // The last step mixes little into the upper bits, and they decide.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}

/** The members that nothing depends on before an event is taken in. */
function checked(settings: Settings): Settings {
  const { sessions, sessionTimeout, before, sampleRate } = settings;
  const rules: [string, boolean, string][] = [
    ["sessions", sessions === "shared" || sessions === "perTab", 'must be "shared" or "perTab"'],
    ["sessionTimeout", sessionTimeout > 0, "must be milliseconds, more than 0"],
    ["before", before === undefined || typeof before === "function", "must be a function"],
    ["sampleRate", sampleRate >= 0 && sampleRate <= 1, "must be a number from 0 to 1"],
  ];
  for (const [name, holds, rule] of rules) {
    if (!holds) {
      throw new ForebayError("InvalidConfig", `Forebay configuration: ${name} ${rule}.`);
    }
  }
  return settings;
}
