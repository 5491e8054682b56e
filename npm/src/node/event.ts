// Makes the line that is sent from an event that a server records, by the schema.

import text from "#violations";
import type { Explainer } from "../module/contract.js";
import { bytesOf } from "../module/text.js";
import { hand, setRules, take, wellFormed } from "../module/validator.js";
import { type AnalyticsEvent, ForebayError, type Violation } from "../types.js";

declare const VERSION: string;

/** What an event has besides attributes and metrics: members of `POST /v1/events`, as docs/clients.md lists them. */
export interface EventContext {
  /** Names the event: recorded again under the same id, it is the same event. Default: a new UUID. */
  id?: string;
  /** When the event happened; default: now. A number is in milliseconds since the epoch. */
  timestamp?: Date | string | number;
  /** The installation, browser or device: `client_id` in the lake. */
  endpointId?: string;
  user?: { id?: string; attributes?: Record<string, string | string[]> };
  session?: { id: string; start?: Date | string | number; stop?: Date | string | number };
  app?: { title?: string; packageName?: string; versionName?: string; versionCode?: string };
  device?: {
    make?: string;
    model?: string;
    modelVersion?: string;
    platform?: string;
    platformVersion?: string;
    locale?: string;
    timezone?: string;
  };
  location?: {
    country?: string;
    region?: string;
    city?: string;
    postalCode?: string;
    latitude?: number;
    longitude?: number;
  };
}

/** What is wrong with an event, and the part of it to send. */
export interface Judged {
  violations: Violation[];
  event: AnalyticsEvent;
}

/**
 * Makes a function that validates events by a schema, or by the limits of the wire alone.
 *
 * @throws ForebayError `InvalidConfig` if the schema is of another version of the package.
 */
export function validator(schema: string | undefined): (event: AnalyticsEvent) => Judged {
  const module = new WebAssembly.Module(bytesOf(text));
  const wasm = new WebAssembly.Instance(module).exports as object as Explainer;
  if (schema && !setRules(wasm, schema)) {
    throw new ForebayError(
      "InvalidConfig",
      "Forebay: `schema` cannot be read. Run `npx forebay codegen` of this version of the package.",
    );
  }
  return (event) => {
    const found: Violation[] = [];
    const sent = hand(wasm, event, (path, given) =>
      found.push({ path, rule: "type", expected: "an object", actual: kindOf(given) }),
    );
    const violations = found.concat(JSON.parse(take(wasm, wasm.validator_violations())));
    return { violations, event: sent };
  };
}

const kindOf = (given: unknown) => Object.prototype.toString.call(given).slice(8, -1);

/**
 * An event as it is sent: a line of JSON.
 *
 * @throws TypeError if its context cannot be written as JSON.
 */
export function lineOf(
  { name, attributes, metrics }: AnalyticsEvent,
  { timestamp, endpointId, user, session, app, device, location }: EventContext,
  id: string,
  now: number,
): string {
  return JSON.stringify({
    id,
    name,
    timestamp: timestamp ?? new Date(now),
    attributes,
    metrics,
    endpoint_id: endpointId,
    user,
    session: snake(session),
    app: snake(app),
    device: snake(device),
    location: snake(location),
    sdk: { name: "forebay-node", version: VERSION },
  });
}

/** The same members under the endpoint's names, such as `package_name`. */
function snake(members: object | undefined): object | undefined {
  if (!members) return undefined;
  const named = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [named(name), value]));
}

/** An id as the worker's answer has it. */
export const idOf = (id: unknown): string => wellFormed(String(id));
