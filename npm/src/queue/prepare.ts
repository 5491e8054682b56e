// What a page may ask for besides: sampling, global properties, and its own look at every event.

import type { Settings } from "../config/config.js";
import { copy } from "../copy.js";
import { report } from "../report.js";
import type { AnalyticsEvent, Fail } from "../types.js";
import type { Judged } from "./intake.js";

const ASYNC = "before() gave a promise, and has to give the event at once";

/** An event as it is to be sent, or why it is not. */
export type Prepared = (event: AnalyticsEvent, endpointId: string) => Judged;

/** Whether the console was told that the hook is async. */
let isTold = false;

/**
 * Samples, adds the global properties, and then lets the page's hook look.
 *
 * @throws ForebayError `InvalidConfig` where with these global properties no event would be valid.
 */
export function preparation(
  {
    sampleRate = 1,
    globalProperties,
    before,
  }: Pick<Settings, "sampleRate" | "globalProperties" | "before">,
  fail: Fail,
): Prepared {
  check("attributes", "string", globalProperties?.attributes, fail);
  check("metrics", "number", globalProperties?.metrics, fail);
  for (const member of Object.keys(globalProperties ?? {})) {
    if (member === "attributes" || member === "metrics") continue;
    console.warn(
      `Forebay configuration: globalProperties.${member} is not read. What every event is to have stands in ` +
        "globalProperties.attributes or globalProperties.metrics.",
    );
  }
  return (event, endpointId) => {
    if (share(endpointId) >= sampleRate) return { reason: "not sampled" };
    const whole = withGlobals(event, globalProperties);
    if (!before) return { event: whole };
    try {
      const given = before(whole);
      if (typeof (given as { then?: unknown } | null)?.then === "function") {
        if (!isTold) console.error(`Forebay: ${ASYNC}.`);
        isTold = true;
        return { reason: ASYNC };
      }
      return fixed(given) ?? { reason: "vetoed by before()" };
    } catch (error) {
      // The page's own mistake, and what it may have wanted to hide must not leave.
      report(error);
      return { reason: "before() threw" };
    }
  };
}

/** An event as the hook gave it, which may change it for the next one; nothing where it has no name. */
function fixed(given: AnalyticsEvent | null | undefined): Judged | undefined {
  const { name, attributes, metrics, immediate } = given ?? ({} as AnalyticsEvent);
  if (!name || typeof name !== "string") return;
  const members = { attributes: copy(attributes), metrics: copy(metrics), immediate };
  const said = Object.entries(members).filter(([, value]) => value !== undefined);
  return { event: { name, ...Object.fromEntries(said) } };
}

/** All values of these global properties have the type that events' have. */
function check(member: string, type: string, values: object | null | undefined, fail: Fail): void {
  const isObject = Object.prototype.toString.call(values ?? {}) === "[object Object]";
  const wrong = Object.entries(values ?? {}).find(
    ([, value]) =>
      // biome-ignore lint/suspicious/noDoubleEquals: null is none, too.
      value != undefined &&
      (typeof value !== type || (type === "number" && !Number.isFinite(value))),
  );
  if (isObject && !wrong) return;
  const place = [member, ...(isObject && wrong ? [wrong[0]] : [])].join(".");
  fail(
    "InvalidConfig",
    `Forebay configuration: globalProperties.${place} must be ${isObject ? `a ${type === "number" ? "finite number" : type}` : "an object"}.`,
  );
}

/** The event with the global properties that it does not have itself, for the hook to change. */
function withGlobals(event: AnalyticsEvent, globals: Settings["globalProperties"]): AnalyticsEvent {
  const { attributes, metrics } = event;
  return {
    ...event,
    attributes: merged(globals?.attributes, attributes),
    metrics: merged(globals?.metrics, metrics),
  };
}

/** Own values win. The validator judges what is no object. */
function merged<T extends object>(globals: T | undefined, given: T | undefined): T | undefined {
  const own = copy(given);
  if ((own ?? undefined) === undefined) return globals && { ...globals };
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
