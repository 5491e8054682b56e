import { type CompiledSchema, ForebayError } from "./types.js";

/** Forebay's own configuration. */
export interface ForebayConfig {
  /** Where the Forebay worker answers: scheme, host and port. */
  endpoint: string;
  /** The application id that events are recorded for. */
  appId: string;
  /** AWS region that requests are signed for. */
  region: string;
  /** Identity pool that guests get credentials from. */
  identityPoolId: string;
  /** Where Cognito Identity answers; `endpoint` unless given. */
  identityEndpoint?: string;
  /**
   * `schema` of the file that `npx forebay codegen` writes; events are validated against it before
   * they are sent.
   */
  schema?: CompiledSchema;
  /** Milliseconds between batches; 5000. */
  flushInterval?: number;
  /** Most events a batch, 1 to 100; 100. */
  flushSize?: number;
  /** Most events waiting; 10,000. */
  bufferSize?: number;
}

interface Pinpoint {
  appId: string;
  region: string;
  flushInterval?: number;
  flushSize?: number;
  bufferSize?: number;
}

/** What an Amplify configuration lacks: Amplify's endpoint was fixed. */
type Additions = Pick<ForebayConfig, "endpoint" | "identityEndpoint" | "schema">;

/** The configuration object of Amplify v6, with `endpoint` added. */
export interface AmplifyV6Config extends Additions {
  Analytics: { Pinpoint: Pinpoint };
  Auth: { Cognito: { identityPoolId: string } };
}

/** The configuration object of Amplify v5, with `endpoint` added. */
export interface AmplifyV5Config extends Additions {
  Analytics: { disabled?: boolean; AWSPinpoint: Pinpoint & { endpointId?: string } };
  Auth: { identityPoolId: string };
}

/** An Amplify configuration object with `endpoint` added. Members that are not read are ignored. */
export type AmplifyConfig = AmplifyV6Config | AmplifyV5Config;

/** Every form of configuration, brought into one. */
export interface Settings extends Required<Omit<ForebayConfig, "schema">> {
  schema?: CompiledSchema;
  /** An endpoint id to go on with. */
  endpointId?: string;
  /** Whether no event is to leave the browser. */
  disabled: boolean;
}

// biome-ignore lint/suspicious/noExplicitAny: what comes may be anything; every member is checked.
type Anything = any;

/**
 * Reads any of the forms of configuration.
 *
 * @throws ForebayError (`InvalidConfig`) that names the member to put right.
 */
export function readConfig(config: ForebayConfig | AmplifyConfig): Settings {
  const given: Anything = config ?? {};
  const analytics = given.Analytics;
  const pinpoint = analytics ? (analytics.Pinpoint ?? analytics.AWSPinpoint ?? analytics) : given;
  const where = analytics
    ? analytics.Pinpoint
      ? "Analytics.Pinpoint."
      : "Analytics.AWSPinpoint."
    : "";
  const pool = given.Auth?.Cognito ?? given.Auth ?? given;
  const endpoint = origin("endpoint", given.endpoint);
  return {
    endpoint,
    identityEndpoint: given.identityEndpoint
      ? origin("identityEndpoint", given.identityEndpoint)
      : endpoint,
    appId: text(`${where}appId`, pinpoint.appId),
    region: text(`${where}region`, pinpoint.region),
    identityPoolId: text("identityPoolId", pool.identityPoolId),
    schema: rules(given.schema),
    flushInterval: count(`${where}flushInterval`, pinpoint.flushInterval, 5000, 2 ** 31 - 1),
    flushSize: count(`${where}flushSize`, pinpoint.flushSize, 100, 100),
    bufferSize: count(`${where}bufferSize`, pinpoint.bufferSize, 10_000, 2 ** 31 - 1),
    endpointId: pinpoint.endpointId,
    disabled: !!analytics?.disabled,
  };
}

function text(name: string, value: Anything): string {
  if (value && typeof value === "string") return value;
  throw invalid(name, "must be a string that is not empty");
}

function count(name: string, value: Anything, fallback: number, most: number): number {
  if (value === undefined) return fallback;
  if (Number.isInteger(value) && value > 0 && value <= most) return value;
  throw invalid(name, `must be a whole number from 1 to ${most}`);
}

function rules(value: Anything): CompiledSchema | undefined {
  if (value === undefined || typeof value === "string") return value;
  throw invalid(
    "schema",
    "must be the `schema` that `npx forebay codegen` generates, not the schema file itself",
  );
}

function origin(name: string, value: Anything): string {
  try {
    const url = new URL(value);
    if (/^https?:$/.test(url.protocol) && url.pathname + url.search + url.hash === "/") {
      return url.origin;
    }
  } catch {}
  throw invalid(
    name,
    "must be an http(s) address without a path, such as https://events.example.com",
  );
}

function invalid(name: string, rule: string): ForebayError {
  return new ForebayError("InvalidConfig", `Forebay configuration: ${name} ${rule}.`);
}
