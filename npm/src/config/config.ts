import { MAX_BATCH_EVENTS } from "../module/contract.js";
import type { Prepared } from "../queue/prepare.js";
import type { Form } from "../send/requests.js";
import type { AnalyticsEvent, CompiledSchema, Delivery, Fail } from "../types.js";

/** What any form of configuration may hold besides what Amplify knows. */
export interface Options {
  /**
   * Where the Forebay worker answers, such as `https://events.example.com`. A proxy of the page's own site
   * may stand before it: `https://app.example.com/ingest`, or `/ingest`.
   */
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

/** Where v6 has the pool, or v5. */
type Auth = ({ Cognito: { identityPoolId: string } & Unread } | { identityPoolId: string }) &
  Unread;

/** The configuration object of Amplify v6, with `endpoint` added. */
export interface AmplifyV6Config extends Options {
  Analytics: { Pinpoint: Pinpoint } & Unread;
  Auth: Auth;
}

/** The configuration object of Amplify v5, with `endpoint` added. */
export interface AmplifyV5Config extends Options {
  Analytics: {
    disabled?: boolean;
    autoSessionRecord?: boolean;
    AWSPinpoint: Pinpoint & { endpointId?: string };
  } & Unread;
  Auth: Auth;
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
  sessionTimeout: number;

  // What options take that are not for plain configurations: see options.ts.

  /** What an event goes through before it is validated. */
  prepare?: Prepared;
  /** The form of requests, where the endpoint is not Forebay's worker. */
  form?: Form;
  /** The headers of a request for this target, where the identity pool is not Forebay's. */
  poolHeaders?: (target: string) => Record<string, string>;
  /** Whether the browser asks not to be tracked, where that is respected. */
  asksForPrivacy?: () => boolean;
  /** What tells the console of every step. */
  explain?: (delivery: Delivery) => void;
}

// biome-ignore lint/suspicious/noExplicitAny: what comes may be anything; every member is checked.
export type Anything = any;

/** What is what, unless given. What is not here is usual where it is absent. */
const DEFAULTS = {
  flushInterval: 5000,
  flushSize: MAX_BATCH_EVENTS,
  bufferSize: 10_000,
  bufferBytes: 32 * 1024 * 1024,
  maxAge: 30 * 86_400_000,
  sessionTimeout: 1_800_000,
} as const;

export type Defaults = typeof DEFAULTS;

/** What most pages have is read here; what there is to be judged of others is loaded for them. */
const PLAIN = /^appId,endpoint,identityPoolId,region(,schema)?$/;

/**
 * Reads any of the forms of configuration.
 *
 * @throws ForebayError (`InvalidConfig`) that names the member to put right.
 */
export async function readConfig(
  config: ForebayConfig | AmplifyConfig,
  fail: Fail,
): Promise<Settings> {
  const given: Anything = config ?? {};
  const isPlain =
    PLAIN.test(`${Object.keys(given).sort()}`) &&
    // options.ts judges what is no text, or has white space at its ends.
    Object.values<Anything>(given).every((text) => text && text === text.trim?.()) &&
    isOrigin(given.endpoint);
  if (isPlain) return { ...DEFAULTS, identityEndpoint: given.endpoint, ...given };
  return (await options()).read(given, DEFAULTS, fail);
}

/** From one place, since bundlers add to each `import()`. */
export const options = () => import("./options.js");

/** Whether an address stays as it is, and may be that of Forebay's worker. */
function isOrigin(given: string): boolean {
  try {
    return /^http(?!.*amazonaws)/.test(given) && new URL(given).origin === given;
  } catch {
    return false;
  }
}
