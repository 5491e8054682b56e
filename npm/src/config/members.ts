// What the members of a configuration may be: loaded where there is more to be judged than config.ts can.

import { MAX_BATCH_EVENTS } from "../module/contract.js";
import { flat } from "./amplify.js";
import type { Anything, Defaults, Settings } from "./config.js";

export { path } from "./amplify.js";

/** The longest wait that a browser's timer takes. */
const LONGEST = 2 ** 31 - 1;

/** Most characters of an endpoint id, as core/src/wire/put_events has it. */
const LONGEST_ID = 256;

/** Whole numbers from 1, and the most that each may be. */
export const COUNTS: Record<string, number> = {
  flushInterval: LONGEST,
  flushSize: MAX_BATCH_EVENTS,
  bufferSize: LONGEST,
  bufferBytes: LONGEST,
  maxAge: Number.MAX_SAFE_INTEGER,
  sessionTimeout: LONGEST,
};

/** Words. */
export const CHOICES: Record<string, string[]> = {
  sessions: ["shared", "perTab"],
  dropPolicy: ["oldest", "newest"],
  wire: ["forebay", "pinpoint"],
};

/** What is the same as nothing. */
const USUAL: Record<string, unknown> = {
  sampleRate: 1,
  sessions: "shared",
  dropPolicy: "oldest",
};

/** The types of what may be left out. */
export const TYPES: Record<string, string> = {
  schema: "string",
  before: "function",
  globalProperties: "object",
  guestRoleArn: "string",
  disabled: "boolean",
  respectPrivacySignals: "boolean",
  keepCredentials: "boolean",
  debug: "boolean",
};

/** A configuration of any form in Forebay's own, and the name of the first member that is wrong, if one is. */
export function judged(
  given: Anything,
  defaults: Defaults,
): { read: Settings; wrong: string | undefined } {
  const isPlain = given.appId && given.region && given.identityPoolId && !given.Analytics;
  const read = { ...(isPlain ? given : flat(given)) };
  const wrong: string[] = [];
  const check = (name: string, holds: boolean) => {
    if (!holds) wrong.push(name);
  };

  for (const [name, value] of Object.entries(defaults)) read[name] ??= value;
  for (const [name, value] of Object.entries(USUAL)) {
    if ((read[name] ?? value) === value) read[name] = undefined;
  }
  read.identityEndpoint ||= read.endpoint;
  for (const name of ["endpoint", "identityEndpoint", "stsEndpoint"]) {
    read[name] &&= address(read[name]);
  }
  for (const name of ["endpoint", "identityEndpoint", "appId", "region", "identityPoolId"]) {
    check(name, typeof read[name] === "string" && /^\S+$/.test(read[name]));
  }
  check("stsEndpoint", read.stsEndpoint !== "");
  const { sampleRate = 1 } = read;
  check("sampleRate", typeof sampleRate === "number" && sampleRate >= 0 && sampleRate <= 1);
  const { endpointId } = read;
  read.endpointId = typeof endpointId === "number" ? String(endpointId) : endpointId || undefined;
  check("endpointId", read.endpointId === undefined || isId(read.endpointId));
  for (const [name, type] of Object.entries(TYPES)) {
    // biome-ignore lint/suspicious/noDoubleEquals: null is none, too.
    check(name, read[name] == undefined || typeof read[name] === type);
  }
  for (const [name, most] of Object.entries(COUNTS)) {
    check(name, Number.isInteger(read[name]) && read[name] > 0 && read[name] <= most);
  }
  for (const [name, choices] of Object.entries(CHOICES)) {
    check(name, (read[name] ?? undefined) === undefined || choices.includes(read[name]));
  }
  return { read, wrong: wrong[0] };
}

/** Whether an endpoint takes it as an endpoint id: one that it does not take would end every event. */
function isId(given: unknown): boolean {
  // Half of a surrogate pair is no character.
  const isText = typeof given === "string" && !/[\ud800-\udfff]/u.test(given);
  return isText && [...given].length <= LONGEST_ID;
}

/**
 * An address without the slash at its end; empty where it has a user, a query or a fragment, or is none. One
 * that begins with a slash is of the page's own site.
 */
function address(given: Anything): string {
  try {
    const { href, origin, pathname } = new URL(
      given,
      /^\//.test(given) ? globalThis.origin : undefined,
    );
    if (href === origin + pathname && href.startsWith("http") && !pathname.includes("//")) {
      return href.replace(/\/$/, "");
    }
  } catch {}
  return "";
}
