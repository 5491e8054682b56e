import type {
  AmplifyConfig,
  AnalyticsEvent,
  ExtraAttributes,
  ForebayConfig,
  IdentifyUserInput,
  Receipt,
  UserProfile,
} from "./client.js";
import type { Unread } from "./config/config.js";
import {
  configureAutoTrack,
  configure as configureClient,
  disable,
  enable,
  ForebayError,
  identifyUser,
  record as recordEvent,
} from "./index.js";

/** What Amplify v5 takes to describe an endpoint. Members that are not named here are ignored. */
export interface EndpointUpdate {
  userId?: string;
  userAttributes?: Record<string, string | string[]>;
  address?: string;
  channelType?: string;
  optOut?: "ALL" | "NONE";
  attributes?: Record<string, string | string[]>;
  metrics?: Record<string, number>;
  demographic?: UserProfile["demographic"];
  location?: UserProfile["location"];
}

/** What the trackers of Amplify v5 take; each reads what is its own. */
export interface TrackerOptions {
  enable: boolean;
  attributes?: ExtraAttributes;
  /** Of page views: `"SPA"`, or `"multiPageApp"` (unless given). */
  type?: "SPA" | "multiPageApp";
  /** Of page views. */
  eventName?: string;
  /** Of page views. */
  getUrl?: () => string;
  /** Of events of elements. */
  events?: string[];
  /** Of events of elements. */
  selectorPrefix?: string;
  /** There is one provider. */
  provider?: string;
}

/** What `configure` takes: all there is to say, or more of it, or what stands under `Analytics`. */
// biome-ignore lint/suspicious/noExplicitAny: as Amplify v5 has it; every member that is read is checked.
export type Configuration = ForebayConfig | AmplifyConfig | { [member: string]: any };

/** What was said so far. */
let known: Unread = {};
/** What of it the client has. */
let configured: Unread | undefined;

/**
 * As `configure` of the package's default entry, but as with Amplify v5 each call adds to what earlier ones
 * said, until the end of the task or the first event. Sessions are recorded by themselves, unless the
 * configuration says `autoSessionRecord: false`. Gives what was said so far.
 *
 * @throws ForebayError `InvalidConfig` where the endpoint is missing, `AlreadyConfigured`.
 */
function configureAmplify(config: Configuration = {}): Configuration {
  const said = configureAnalytics(config);
  // Says what is missing.
  if (!known.endpoint && Object.keys(config).length) configureClient(said as ForebayConfig);
  return said;
}

/**
 * The same for one part of the application, which others may complete; after the client is configured it
 * still says whether events are recorded (`disabled`), and sessions by themselves (`autoSessionRecord`).
 */
function configureAnalytics(config: Configuration = {}): Configuration {
  const { AWSPinpoint, disabled, autoSessionRecord, Analytics, ...rest }: Unread = config;
  // What stands at the top is meant as if it stood in its place.
  const more = { ...given({ AWSPinpoint, disabled, autoSessionRecord }), ...Analytics };
  const provider = { ...known.Analytics?.AWSPinpoint, ...more.AWSPinpoint };
  const hasProvider = Object.keys(provider).length > 0;
  const whole = { ...known.Analytics, ...more, ...(hasProvider && { AWSPinpoint: provider }) };
  known = { ...known, ...rest, ...(Object.keys(whole).length > 0 && { Analytics: whole }) };
  if (configured) goOn(more);
  else if (known.endpoint) setTimeout(settle);
  return known;
}

/** Gives the client what was said. */
function settle(): void {
  if (configured || !known.endpoint) return;
  configured = known;
  configureClient(known as ForebayConfig);
  if (known.Analytics?.autoSessionRecord !== false) trackSessions(true);
}

/** The client is configured already. */
function goOn(more: Unread): void {
  const disabled = configured?.Analytics?.disabled;
  const asConfigured: Unread = { ...known, Analytics: { ...known.Analytics, disabled } };
  configureClient(asConfigured as ForebayConfig);
  if (more.disabled !== undefined) (more.disabled ? disable : enable)();
  if (more.autoSessionRecord !== undefined) trackSessions(more.autoSessionRecord);
}

/** The members that have a value. */
function given(members: Unread): Unread {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

function trackSessions(enable: boolean): void {
  configureAutoTrack({ enable, type: "session" });
}

/**
 * Records an event. Resolves at once: what becomes of the event its receipt tells, and it is kept until it
 * has arrived. What cannot be recorded, such as data for Kinesis, is said on the console, too.
 */
function record(
  event: AnalyticsEvent | string,
  attributesOrProvider?: AnalyticsEvent["attributes"] | string,
  metrics?: AnalyticsEvent["metrics"],
): Promise<Receipt> {
  const isProvider = typeof attributesOrProvider === "string";
  const provider = isProvider ? attributesOrProvider : "AWSPinpoint";
  const recorded = async () => {
    settle();
    if (provider !== "AWSPinpoint") {
      throw new ForebayError(
        "InvalidEvent",
        `Forebay: nothing is recorded by the provider ${provider}. Record an event with a name, which the ` +
          "endpoint writes to Kinesis, or call what sends other data by itself.",
      );
    }
    if (typeof event !== "string") return recordEvent(event);
    return recordEvent({
      name: event,
      attributes: isProvider ? undefined : attributesOrProvider,
      metrics,
    });
  };
  const receipt = recorded();
  // Amplify's users do not wait for it.
  receipt.catch((error) => console.error(error.message));
  return receipt;
}

/**
 * Describes this browser's endpoint, and whose it is; what is not said again stays. Resolves when the request
 * is on its way.
 *
 * @throws ForebayError `InvalidUser`.
 */
async function updateEndpoint(update: EndpointUpdate, _provider?: string): Promise<void> {
  settle();
  const { userId, userAttributes, address, channelType, optOut, ...profile } = update;
  const { attributes, metrics, demographic, location } = profile;
  await identifyUser({
    userId: userId as IdentifyUserInput["userId"],
    userProfile: { customProperties: attributes, metrics, demographic, location },
    options: { userAttributes, address, channelType, optOut, merge: true },
  });
}

/** Begins a session. */
function startSession(_provider?: string): Promise<Receipt> {
  return record({ name: "_session.start" });
}

/** Ends the session. */
function stopSession(_provider?: string): Promise<Receipt> {
  return record({ name: "_session.stop" });
}

/** Records sessions, page views or what happens to elements by itself, or ends that. */
function autoTrack(tracker: "session" | "pageView" | "event", options: TrackerOptions): void {
  settle();
  const { enable, attributes, eventName, events, selectorPrefix } = options;
  if (tracker === "session") {
    configureAutoTrack({ enable, type: tracker, options: { attributes } });
  } else if (tracker === "pageView") {
    const appType = options.type === "SPA" ? "singlePage" : "multiPage";
    const urlProvider = options.getUrl;
    const views = { attributes, appType, eventName, urlProvider, first: true } as const;
    configureAutoTrack({ enable, type: tracker, options: views });
  } else {
    const mended = { attributes, events, selectorPrefix, mended: true };
    configureAutoTrack({ enable, type: tracker, options: mended });
  }
}

/** `Analytics` of Amplify v5. */
export const Analytics = {
  configure: configureAnalytics,
  record,
  updateEndpoint,
  startSession,
  stopSession,
  autoTrack,
  enable,
  disable,
};

/** `Amplify` of Amplify v5, as far as analytics go. */
export const Amplify = { configure: configureAmplify };
