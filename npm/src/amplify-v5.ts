import type {
  AmplifyConfig,
  AnalyticsEvent,
  ExtraAttributes,
  ForebayConfig,
  IdentifyUserInput,
  Receipt,
  UserProfile,
} from "./client.js";
import {
  configureAutoTrack,
  configure as configureClient,
  disable,
  enable,
  identifyUser,
  record as recordEvent,
} from "./index.js";

/** What Amplify v5 takes to describe an endpoint. Members that are not named here are ignored. */
export interface EndpointUpdate {
  userId?: string;
  userAttributes?: Record<string, string[]>;
  address?: string;
  channelType?: string;
  optOut?: "ALL" | "NONE";
  attributes?: Record<string, string[]>;
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

/**
 * As `configure` of the package's default entry. As with Amplify v5 sessions are recorded by themselves,
 * unless the configuration says `autoSessionRecord: false`.
 *
 * @throws ForebayError as `configure` of the default entry.
 */
function configure(config: ForebayConfig | AmplifyConfig): void {
  configureClient(config);
  const { Analytics = {} } = config as { Analytics?: { autoSessionRecord?: boolean } };
  if (Analytics.autoSessionRecord !== false) autoTrack("session", { enable: true });
}

/**
 * Records an event. Resolves at once: what becomes of the event its receipt tells, and it is kept until it
 * has arrived.
 */
async function record(event: AnalyticsEvent, _provider?: string): Promise<Receipt> {
  return recordEvent(event);
}

/** Describes this browser's endpoint, and whose it is. Resolves when the request is on its way. */
function updateEndpoint(update: EndpointUpdate, _provider?: string): Promise<void> {
  const { userId, userAttributes, address, channelType, optOut, ...profile } = update;
  const { attributes, metrics, demographic, location } = profile;
  return identifyUser({
    userId: userId as IdentifyUserInput["userId"],
    userProfile: { customProperties: attributes, metrics, demographic, location },
    options: { userAttributes, address, channelType, optOut },
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
  configure,
  record,
  updateEndpoint,
  startSession,
  stopSession,
  autoTrack,
  enable,
  disable,
};

/** `Amplify` of Amplify v5, as far as analytics go. */
export const Amplify = { configure };
