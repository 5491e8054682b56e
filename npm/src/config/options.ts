// Reads what config.ts does not: all forms of configuration, and all options. A page that has no more than the least
// never loads this, nor what its options take.

import { explain } from "../debug.js";
import { preparation } from "../queue/prepare.js";
import { inHeaders, poolHeaders } from "../send/pinpoint.js";
import type { Fail } from "../types.js";
import type { Anything, Defaults, Settings } from "./config.js";
import { CHOICES, COUNTS, judged, path, TYPES } from "./members.js";

const ADDRESS =
  "an http(s) address without a query, such as https://events.example.com, " +
  "or a path of the page's own site, such as /ingest";
const TEXT = "a string that is not empty, without white space";

const RULES: Record<string, string> = {
  endpoint: ADDRESS,
  identityEndpoint: ADDRESS,
  stsEndpoint: ADDRESS,
  appId: TEXT,
  region: TEXT,
  identityPoolId: TEXT,
  endpointId: "a string of 1 to 256 characters",
  schema: "the `schema` that `npx forebay codegen` generates, not the schema file itself",
  globalProperties: "an object with `attributes` and `metrics`",
  sampleRate: "a number from 0 to 1",
};

/**
 * Reads any of the forms of configuration.
 *
 * @throws ForebayError (`InvalidConfig`) that names the member to put right.
 */
export function read(given: Anything, defaults: Defaults, fail: Fail): Settings {
  const { read, wrong } = judged(given, defaults);
  if (wrong) {
    fail("InvalidConfig", `Forebay configuration: ${path(wrong, given)} must be ${rule(wrong)}.`);
  }
  const { sampleRate = 1, globalProperties, before, endpoint, identityEndpoint, wire } = read;
  return {
    ...read,
    prepare: sampleRate < 1 || globalProperties || before ? preparation(read, fail) : undefined,
    form: isForebays(endpoint, wire) ? undefined : inHeaders,
    poolHeaders: isForebays(identityEndpoint, wire) ? undefined : poolHeaders,
    asksForPrivacy: read.respectPrivacySignals ? asksForPrivacy : undefined,
    explain: read.debug ? explain : undefined,
  };
}

function rule(name: string): string {
  const [count, choices] = [COUNTS[name], CHOICES[name]];
  if (count) return `a whole number from 1 to ${count}`;
  if (choices) return `"${choices.join('" or "')}"`;
  return RULES[name] ?? (TYPES[name] === "boolean" ? "true or false" : `a ${TYPES[name]}`);
}

/** Whether an endpoint is Forebay's worker: all but Amazon's are, unless the configuration says. */
function isForebays(endpoint: string, wire: Settings["wire"]): boolean {
  return wire ? wire === "forebay" : !/\.amazonaws\.com(\.cn)?$/.test(new URL(endpoint).hostname);
}

/** Whether the browser says that its user wants no tracking: by Global Privacy Control, or Do Not Track. */
function asksForPrivacy(): boolean {
  const { globalPrivacyControl, doNotTrack } = navigator as {
    globalPrivacyControl?: boolean;
    doNotTrack?: string | null;
  };
  return !!globalPrivacyControl || doNotTrack === "1";
}

/** What is read besides what members.ts has. */
const READ =
  "endpoint identityEndpoint stsEndpoint appId region identityPoolId endpointId sampleRate".split(
    " ",
  );

const told = new Set<string>();

/** Says in what two configurations of one page differ; not in functions, which are made anew each time. */
export async function compare(first: Settings, reading: Promise<Settings>): Promise<void> {
  const names = [...READ, ...[COUNTS, CHOICES, TYPES].flatMap(Object.keys)] as (keyof Settings)[];
  const message = await reading.then(
    (other) => {
      const differing = names.filter((name) => text(first[name]) !== text(other[name]));
      return differing.length
        ? `Forebay is configured already, and with another ${differing.join(", ")}. The first stays.`
        : "";
    },
    ({ message }) => message as string,
  );
  if (message && !told.has(message)) console.error(message);
  told.add(message);
}

/** A value of a setting, whatever the order of its members; of a function nothing. */
function text(value: unknown): string | undefined {
  return JSON.stringify(value, (_, given) =>
    given && typeof given === "object" && !Array.isArray(given)
      ? Object.fromEntries(Object.entries(given).sort())
      : given,
  );
}
