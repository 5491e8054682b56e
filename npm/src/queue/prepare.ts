// The page's own preparation of events: sampling, global properties, and the hook `before()`.

import type { Settings } from "../config/config.js";
import { copy } from "../copy.js";
import { report } from "../report.js";
import type { AnalyticsEvent, Fail } from "../types.js";
import type { Judged } from "./intake.js";

const ASYNC = "before() gave a promise, and has to give the event at once";

/** An event as it is to be sent, or why it is not. */
export type Prepared = (event: AnalyticsEvent, endpointId: string) => Judged;

/** Whether the console has said that the hook is async. */
let isTold = false;

/**
 * Samples, adds the global properties, and then calls the page's hook.
 *
 * @throws ForebayError `InvalidConfig` if no event would be valid with these global properties.
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
      `Forebay configuration: globalProperties.${member} is not read. Put it into ` +
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
      // The page's own mistake. The event is dropped, since the hook may have wanted to remove something from it.
      report(error);
      return { reason: "before() threw" };
    }
  };
}

/** A copy of the event that the hook gave, which may change the object later; nothing if it has no name. */
function fixed(given: AnalyticsEvent | null | undefined): Judged | undefined {
  const { name, attributes, metrics, immediate } = given ?? ({} as AnalyticsEvent);
  if (!name || typeof name !== "string") return;
  const members = { attributes: copy(attributes), metrics: copy(metrics), immediate };
  const said = Object.entries(members).filter(([, value]) => value !== undefined);
  return { event: { name, ...Object.fromEntries(said) } };
}

/** Checks that all values of these global properties have the type that events need. */
function check(member: string, type: string, values: object | null | undefined, fail: Fail): void {
  const isObject = Object.prototype.toString.call(values ?? {}) === "[object Object]";
  const wrong = Object.entries(values ?? {}).find(
    ([, value]) =>
      // biome-ignore lint/suspicious/noDoubleEquals: null counts as no value, too.
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

/** A copy of the event with the global properties that it does not have itself. The hook may change it. */
function withGlobals(event: AnalyticsEvent, globals: Settings["globalProperties"]): AnalyticsEvent {
  const { attributes, metrics } = event;
  return {
    ...event,
    attributes: merged(globals?.attributes, attributes),
    metrics: merged(globals?.metrics, metrics),
  };
}

/** Values of the event win. What is not an object stays as it is, for the validator. */
function merged<T extends object>(globals: T | undefined, given: T | undefined): T | undefined {
  const own = copy(given);
  if ((own ?? undefined) === undefined) return globals && { ...globals };
  return typeof own === "object" ? { ...globals, ...own } : own;
}

/** Maps an id to a number from 0 to under 1, evenly for any ids: FNV-1a. */
export function share(id: string): number {
  let hash = 0x811c9dc5;
  for (const character of id) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 0x01000193);
  }
  // FNV's last step hardly changes the upper bits, and these decide.
  hash = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
  return ((hash ^ (hash >>> 13)) >>> 0) / 2 ** 32;
}
