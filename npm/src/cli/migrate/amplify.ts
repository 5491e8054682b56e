// What is known of Amplify Analytics v5 and v6: its modules, what they hold, and what of it Forebay has.

/** What a module of Amplify, or of Forebay, stands for. */
export type ModuleKind =
  /** `aws-amplify`, with `Amplify` and, in v5, `Analytics`. */
  | "root"
  /** The functions of v6. */
  | "functions"
  /** `@aws-amplify/analytics`, which is the former up to its version 6, and the latter from 7 on. */
  | "either";

/** Something that a name in an app refers to. */
export type Entity = { of: "amplify" | "forebay" } & (
  | { kind: "module"; module: ModuleKind }
  | { kind: "Amplify" }
  | { kind: "Analytics" }
  | { kind: "function"; name: string }
);

const MODULES: Record<string, ModuleKind> = {
  "aws-amplify": "root",
  "@aws-amplify/core": "root",
  "aws-amplify/analytics": "functions",
  "aws-amplify/analytics/pinpoint": "functions",
  "@aws-amplify/analytics/pinpoint": "functions",
  "@aws-amplify/analytics": "either",
};

/** Modules of Forebay that have the same. */
export const FOREBAY = "forebay";
export const FOREBAY_V5 = "forebay/amplify-v5";

/** All that v6 exports but types. */
export const FUNCTIONS = [
  "record",
  "identifyUser",
  "configureAutoTrack",
  "flushEvents",
  "enable",
  "disable",
];

/** Types of v6, by what Forebay calls them. */
export const TYPES: Record<string, string> = {
  RecordInput: "AnalyticsEvent",
  ConfigureAutoTrackInput: "AutoTrackInput",
  IdentifyUserInput: "IdentifyUserInput",
  AnalyticsError: "ForebayError",
};

/** The methods of v5's `Analytics` that `forebay/amplify-v5` has. */
export const METHODS = [
  "configure",
  "record",
  "updateEndpoint",
  "startSession",
  "stopSession",
  "autoTrack",
  "enable",
  "disable",
];

/** What is configured of v5's `Analytics` besides Pinpoint. */
export const OTHER_PROVIDERS = ["AWSKinesis", "AWSKinesisFirehose", "AmazonPersonalize"];

/** Exports of `aws-amplify` that need no configuration of Amplify by themselves. */
export const HARMLESS = [
  "ResourcesConfig",
  "LibraryOptions",
  "parseAmplifyConfig",
  "default",
  "Amplify",
  "Analytics",
];

/** Modules of Amplify's that describe the backend, and are in no page. */
export const BUILD_ONLY = /^@aws-amplify\/(backend|data-schema|seed)([-/]|$)/;

/** The kind of a module of Amplify's that has Analytics or `Amplify`. */
export function amplifyModule(source: string): ModuleKind | undefined {
  return Object.hasOwn(MODULES, source) ? MODULES[source] : undefined;
}

/** What a module as a whole is. */
export function moduleEntity(source: string): Entity | undefined {
  if (source === FOREBAY || source === "forebay/slim") {
    return { of: "forebay", kind: "module", module: "functions" };
  }
  if (source === FOREBAY_V5) return { of: "forebay", kind: "module", module: "root" };
  const module = amplifyModule(source);
  return module && { of: "amplify", kind: "module", module };
}

/** What a module has under a name, and v5's `Analytics`. */
export function memberOf(entity: Entity | undefined, name: string): Entity | undefined {
  if (entity?.kind === "Analytics" && name === "record") {
    return { of: entity.of, kind: "function", name };
  }
  if (entity?.kind !== "module") return undefined;
  const { of, module } = entity;
  if (module !== "functions" && name === "Analytics") return { of, kind: "Analytics" };
  if (module !== "root" && FUNCTIONS.includes(name)) return { of, kind: "function", name };
  if (module === "root" && (name === "Amplify" || name === "default"))
    return { of, kind: "Amplify" };
  if (module === "either" && name === "default") return { of, kind: "Analytics" };
  return undefined;
}

/** What has no place in Forebay, by the module it is imported from, and what to do about it. */
const ELSEWHERE: [RegExp, string, string][] = [
  [
    /^(@aws-amplify|aws-amplify)\/analytics\/kinesis$/,
    "Amplify's Kinesis provider",
    "Record an event with a name: the worker writes it to Kinesis. Or keep Amplify for this.",
  ],
  [
    /^(@aws-amplify|aws-amplify)\/analytics\/kinesis-firehose$/,
    "Amplify's Firehose provider",
    "Record an event with a name, and give the worker a Firehose sink. Or keep Amplify for this.",
  ],
  [
    /^(@aws-amplify|aws-amplify)\/analytics\/personalize$/,
    "Amplify's Personalize provider",
    "Keep Amplify for this, or send the events to Personalize from the stream behind the worker.",
  ],
  [
    /^(@aws-amplify|aws-amplify)\/(in-app-messaging|interactions\/in-app)(\/.*)?$/,
    "Pinpoint's in-app messages",
    "They need a service of their own: Forebay records events and sends no messages.",
  ],
  [
    /^(@aws-amplify|aws-amplify)\/(push-notifications|pushnotification|rtn-push-notification|notifications)(\/.*)?$/,
    "Pinpoint's push notifications or in-app messages",
    "They need a service of their own: Forebay records events and sends no messages.",
  ],
  [
    /^(@aws-amplify\/react-native|aws-amplify-react-native|@aws-amplify\/rtn-.*)$/,
    "Amplify in React Native",
    "Forebay runs in browsers. Send the events of an app to POST /v1/events (docs/clients.md).",
  ],
  [
    /^@aws-sdk\/client-(pinpoint|pinpoint-events)$/,
    "Pinpoint by the AWS SDK",
    "The worker takes its PutEvents with a server key and another endpoint (docs/clients.md).",
  ],
];

/** Names of `aws-amplify` and `@aws-amplify/analytics` v5 that have no place in Forebay. */
const NAMES_ELSEWHERE: Record<string, number> = {
  AWSKinesisProvider: 0,
  AWSKinesisFirehoseProvider: 1,
  AmazonPersonalizeProvider: 2,
  InAppMessaging: 3,
  Notifications: 4,
  PushNotification: 4,
};

/** What to say of a module, or of a name in one, that stays with Amplify; nothing where there is nothing to do. */
export function elsewhere(
  source: string,
  name?: string,
): { what: string; advice: string } | undefined {
  const known = ELSEWHERE.find(([modules]) => modules.test(source));
  const byName =
    name !== undefined && Object.hasOwn(NAMES_ELSEWHERE, name) && /amplify/.test(source);
  const [, what, advice] = known ?? (byName ? ELSEWHERE[NAMES_ELSEWHERE[name]] : []);
  return what && advice ? { what, advice } : undefined;
}

/** What to do about v5's providers, by the name that `record` is given. */
export const PROVIDER_ADVICE: Record<string, string> = {
  AWSKinesis: ELSEWHERE[0][2],
  AWSKinesisFirehose: ELSEWHERE[1][2],
  AmazonPersonalize: ELSEWHERE[2][2],
};
