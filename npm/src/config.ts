import { ForebayError } from "./client.js";
import type { AnalyticsEvent, CompiledSchema } from "./types.js";

/** What any form of configuration may hold besides what Amplify knows. */
export interface Options {
  /** Where the Forebay worker answers: scheme, host and port. */
  endpoint: string;
  /** Where Cognito Identity answers; `endpoint` unless given. */
  identityEndpoint?: string;
  /**
   * `schema` of the file that `npx forebay codegen` writes; events are validated against it before
   * they are sent.
   */
  schema?: CompiledSchema;
  /**
   * `"shared"` (unless given): tabs share a session, it outlives a reload, and it ends after
   * `sessionTimeout` without an event. `"perTab"`: as with Amplify, a session is a tab's and lasts as
   * long as its page, or until `_session.start` or `_session.stop` is recorded.
   */
  sessions?: "shared" | "perTab";
  /** Milliseconds without an event after which a shared session has ended; 1,800,000. */
  sessionTimeout?: number;
  /** Whether it is as after `disable()` where neither that nor `enable()` was called yet. */
  disabled?: boolean;
  /**
   * Whether events are dropped where the browser asks not to be tracked, by Do Not Track or Global
   * Privacy Control; not unless given.
   */
  respectPrivacySignals?: boolean;
  /**
   * Looks at every event before it is validated, and gives the one to send in its place: the same,
   * or another. Where it gives nothing, or throws, the event is dropped.
   */
  before?: (event: AnalyticsEvent) => AnalyticsEvent | null | undefined;
  /** What every event has, unless it has a value of that name itself. */
  globalProperties?: Pick<AnalyticsEvent, "attributes" | "metrics">;
  /**
   * The share of browsers whose events are sent, 0 to 1; 1. The same browsers on every visit: it is
   * the endpoint id that decides.
   */
  sampleRate?: number;
  /** Whether the console explains every step of every event. Never its values. */
  debug?: boolean;
  /**
   * `"forebay"`: requests that cost no CORS preflight, and compressed bodies, as Forebay's worker takes
   * them. `"pinpoint"`: as AWS takes them. Unless given, what is at amazonaws.com is AWS.
   */
  wire?: "forebay" | "pinpoint";
  /** Whether credentials are kept in `localStorage` for their hour; unless `false`. */
  keepCredentials?: boolean;
  /** Which events are dropped where there are too many: the `"oldest"` unless given. */
  dropPolicy?: "oldest" | "newest";
  /** Most bytes that wait; 32 MiB. */
  bufferBytes?: number;
  /** Milliseconds after which what an earlier visit left is not sent any more; 30 days. */
  maxAge?: number;
  /**
   * An IAM role that guests take on by themselves, for a pool with the classic flow; without one the
   * pool gives the credentials.
   */
  guestRoleArn?: string;
  /** Where STS answers, for the classic flow; that of `region` unless given. */
  stsEndpoint?: string;
}

/** Forebay's own configuration. */
export interface ForebayConfig extends Options {
  /** The application id that events are recorded for. */
  appId: string;
  /** AWS region that requests are signed for. */
  region: string;
  /** Identity pool that guests get credentials from. */
  identityPoolId: string;
  /** Milliseconds between batches; 5000. */
  flushInterval?: number;
  /** Most events a batch, 1 to 100; 100. */
  flushSize?: number;
  /** Most events waiting; 10,000. */
  bufferSize?: number;
}

/** What is Amplify's and not Forebay's to read, such as user pools. */
export interface Unread {
  // biome-ignore lint/suspicious/noExplicitAny: `unknown` would refuse values whose type is an interface.
  [member: string]: any;
}

interface Pinpoint extends Unread {
  appId: string;
  region: string;
  flushInterval?: number;
  flushSize?: number;
  bufferSize?: number;
}

/** The configuration object of Amplify v6, with `endpoint` added. */
export interface AmplifyV6Config extends Options {
  Analytics: { Pinpoint: Pinpoint } & Unread;
  Auth: { Cognito: { identityPoolId: string } & Unread } & Unread;
}

/** The configuration object of Amplify v5, with `endpoint` added. */
export interface AmplifyV5Config extends Options {
  Analytics: {
    disabled?: boolean;
    autoSessionRecord?: boolean;
    AWSPinpoint: Pinpoint & { endpointId?: string };
  } & Unread;
  Auth: { identityPoolId: string } & Unread;
}

/** What the Amplify CLI writes to `aws-exports.js`, with `endpoint` added. */
export interface AwsExports extends Options, Unread {
  aws_mobile_analytics_app_id: string;
  aws_mobile_analytics_app_region: string;
  aws_cognito_identity_pool_id: string;
}

/** What Amplify Gen 2 writes to `amplify_outputs.json`, with `endpoint` added. */
export interface AmplifyOutputs extends Options, Unread {
  analytics: { amazon_pinpoint: { app_id: string; aws_region: string } };
  auth: { identity_pool_id: string } & Unread;
}

/** An Amplify configuration with `endpoint` added. Members that are not read are ignored. */
export type AmplifyConfig = AmplifyV6Config | AmplifyV5Config | AwsExports | AmplifyOutputs;

/** Every form of configuration, brought into one. */
export interface Settings extends Options {
  identityEndpoint: string;
  appId: string;
  region: string;
  identityPoolId: string;
  /** An endpoint id to go on with. */
  endpointId?: string;
  flushInterval: number;
  flushSize: number;
  bufferSize: number;
  bufferBytes: number;
  maxAge: number;
  sampleRate: number;
  sessionTimeout: number;
  sessions: "shared" | "perTab";
  dropPolicy: "oldest" | "newest";
}

// biome-ignore lint/suspicious/noExplicitAny: what comes may be anything; every member is checked.
export type Anything = any;

/** Where Forebay's own configuration has its members; see `places`. */
export const PLACES = ["", "appId", "region", "identityPoolId"];

/** The longest wait that a browser's timer takes. */
const LONGEST = 2 ** 31 - 1;

/**
 * Reads any of the forms of configuration.
 *
 * @throws ForebayError (`InvalidConfig`) that names the member to put right.
 */
export async function readConfig(config: ForebayConfig | AmplifyConfig): Promise<Settings> {
  const given: Anything = config ?? {};
  const [where, appId, region, identityPoolId] = given.appId
    ? PLACES
    : (await import("./amplify.js")).places(given);
  const pinpoint = at(given, where) ?? {};
  const { Analytics, schema, before, sampleRate = 1 } = given;
  const endpoint = origin("endpoint", given.endpoint);
  const text = (path: string) => {
    const value = at(given, path);
    return valid(path, value, !!value && is("string", value), "must be a string that is not empty");
  };
  const count = (name: string, fallback: number, most: number, from = given) => {
    const value = from[name] ?? fallback;
    const holds = Number.isInteger(value) && value > 0 && value <= most;
    const path = from === given ? name : where + name;
    return valid(path, value, holds, `must be a whole number from 1 to ${most}`);
  };
  const choice = (name: string, choices: string[], fallback?: string) => {
    const value = given[name] ?? fallback;
    const holds = value === fallback || choices.includes(value);
    return valid(name, value, holds, `must be "${choices.join('" or "')}"`);
  };
  return {
    // What is not checked, among others.
    ...given,
    endpoint,
    identityEndpoint: given.identityEndpoint
      ? origin("identityEndpoint", given.identityEndpoint)
      : endpoint,
    appId: text(where + appId),
    region: text(where + region),
    identityPoolId: text(identityPoolId),
    endpointId: pinpoint.endpointId,
    schema: valid(
      "schema",
      schema,
      !schema || is("string", schema),
      "must be the `schema` that `npx forebay codegen` generates, not the schema file itself",
    ),
    before: valid("before", before, !before || is("function", before), "must be a function"),
    sampleRate: valid(
      "sampleRate",
      sampleRate,
      sampleRate >= 0 && sampleRate <= 1,
      "must be a number from 0 to 1",
    ),
    disabled: given.disabled ?? Analytics?.disabled,
    flushInterval: count("flushInterval", 5000, LONGEST, pinpoint),
    flushSize: count("flushSize", 100, 100, pinpoint),
    bufferSize: count("bufferSize", 10_000, LONGEST, pinpoint),
    bufferBytes: count("bufferBytes", 32 * 1024 * 1024, LONGEST),
    maxAge: count("maxAge", 30 * 86_400_000, Number.MAX_SAFE_INTEGER),
    sessionTimeout: count("sessionTimeout", 1_800_000, LONGEST),
    sessions: choice("sessions", ["shared", "perTab"], "shared"),
    dropPolicy: choice("dropPolicy", ["oldest", "newest"], "oldest"),
    wire: choice("wire", ["forebay", "pinpoint"]),
  };
}

const is = (type: string, value: Anything) => typeof value === type;

/** What stands at a path such as `Auth.Cognito.identityPoolId`. */
function at(given: Anything, path: string): Anything {
  return path.split(".").reduce((value, name) => (name ? value?.[name] : value), given);
}

function origin(name: string, value: Anything): string {
  try {
    const url = new URL(value);
    if (/^https?:$/.test(url.protocol) && url.pathname + url.search + url.hash === "/") {
      return url.origin;
    }
  } catch {}
  return valid(
    name,
    "",
    false,
    "must be an http(s) address without a path, such as https://events.example.com",
  );
}

function valid<T>(name: string, value: T, holds: boolean, rule: string): T {
  if (holds) return value;
  throw new ForebayError("InvalidConfig", `Forebay configuration: ${name} ${rule}.`);
}
