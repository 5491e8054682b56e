// What to say where something is to be put right: no page that is as it should be loads these words.

import { ForebayError } from "../types.js";
import { path } from "./amplify.js";
import type { Anything, Settings } from "./config.js";
import { CHOICES, COUNTS, LONGEST, TYPES } from "./members.js";

const ADDRESS =
  "an http(s) address without a query, such as https://events.example.com, " +
  "or a path of the page's own site, such as /ingest";
const TEXT = "a string that is not empty";

const RULES: Record<string, string> = {
  endpoint: ADDRESS,
  identityEndpoint: ADDRESS,
  stsEndpoint: ADDRESS,
  appId: TEXT,
  region: TEXT,
  identityPoolId: TEXT,
  schema: "the `schema` that `npx forebay codegen` generates, not the schema file itself",
  globalProperties: "an object with `attributes` and `metrics`",
  sampleRate: "a number from 0 to 1",
};

/** What says that this member of Forebay's own form has to be put right, by its path in the form that is given. */
export function invalidConfig(name: string, given: Anything): ForebayError {
  return new ForebayError(
    "InvalidConfig",
    `Forebay configuration: ${path(name, given)} must be ${rule(name)}.`,
  );
}

function rule(name: string): string {
  const [count, choices] = [COUNTS[name], CHOICES[name]];
  if (count) return `a whole number from 1 to ${count[1] ?? LONGEST}`;
  if (choices) return `"${choices.filter(Boolean).join('" or "')}"`;
  return RULES[name] ?? (TYPES[name] === "boolean" ? "true or false" : `a ${TYPES[name]}`);
}

/** Why no WebAssembly at all runs here; `undefined` where it does. */
export function refusal(): ForebayError | undefined {
  try {
    // The smallest module there is: magic number and version. WebKit compiles what it forbids to run.
    new WebAssembly.Instance(
      new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)),
    );
  } catch (error) {
    return new ForebayError(
      "WasmBlocked",
      `Forebay cannot send, and events wait: ${error} ` +
        `A Content-Security-Policy has to allow 'wasm-unsafe-eval' in script-src.`,
    );
  }
}

/** `reason`: what the disk says; nothing where it says nothing. */
export function noDisk(reason: unknown = "IndexedDB does not answer."): void {
  const { name } = reason as Partial<DOMException>;
  console.warn(
    "Forebay: no disk here, so what waits when the page closes is lost.",
    name === "NotFoundError" ? "The database of that name is another program's." : reason,
  );
}

/** `reason`: what the disk says. */
export function noRoom(reason: unknown): void {
  console.warn(
    "Forebay: the disk does not take events. Those that wait when the page closes go to localStorage, " +
      "as many as fit there; the others are lost.",
    reason,
  );
}

/** `reason`: the trap. */
export function trapped(reason: unknown): void {
  console.error(
    "Forebay: its WebAssembly module failed, and another one goes on with what waits. This is a fault of " +
      "Forebay's; please report it.",
    reason,
  );
}

export function unreadableSchema(): void {
  console.error(
    "Forebay: the schema cannot be read, and events are validated at the endpoint only. " +
      "Run `npx forebay codegen` of the version that the page loads.",
  );
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

/** `reason`: what the endpoint says. */
export function refusedUser(reason: unknown): void {
  console.error(
    `Forebay: the endpoint refuses what identifyUser() said, and events go on without it: ${reason} ` +
      "Call identifyUser() with values that it takes.",
  );
}
