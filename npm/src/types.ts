/** An event, as Amplify Analytics takes it. */
export interface AnalyticsEvent {
  /** The event type, e.g. `SignUpEvent`. */
  name: string;
  /** Strings, enums, dates, and booleans as `"true"` or `"false"`. `undefined` is left out. */
  attributes?: Record<string, string | undefined>;
  /** Numbers. `undefined` is left out. */
  metrics?: Record<string, number | undefined>;
  /** Send now instead of with the next batch. */
  immediate?: boolean;
}

/**
 * The rules of a `forebay.schema.json` as `npx forebay codegen` writes them: a short, opaque string. The member does
 * not exist at run time; TypeScript shows its name in error messages.
 */
export type CompiledSchema = string & { readonly "made by npx forebay codegen": true };

/** `Given`, if it has no other members than `Shape`. TypeScript itself checks this only in object literals. */
export type Exact<Shape, Given> = [UnknownName<Shape, Given>] extends [never]
  ? Given
  : Shape & UnknownField<UnknownName<Shape, Given>>;

/** Error messages show this type for a field that the schema does not have. No value has this type. */
export interface UnknownField<Name> {
  "the schema has no such field": Name;
}

/** The member names of `Given`, of each type of a union, that `Shape` does not have. */
type UnknownName<Shape, Given> = Given extends unknown ? Exclude<keyof Given, keyof Shape> : never;

/** What `record()` returns. */
export interface Receipt {
  /** The event's id, from here to the table. */
  readonly id: string;
  /** How far the event has come. */
  readonly state: DeliveryState;
  /**
   * The last step on the event's way: `delivered`, `invalid`, `rejected` or `dropped`. Never rejects.
   * It is pending as long as the page cannot send, and for ever on a server.
   */
  readonly settled: Promise<Delivery>;
}

/** A point in which an event does not match the schema. Never holds the value itself. */
export interface Violation {
  /** `EventType`, `Attributes.<name>` or `Metrics.<name>`. */
  path: string;
  /** The JSON Schema keyword that was broken, or `eventType`. */
  rule: string;
  /** What the schema asks for. */
  expected: string;
  /** What the event has there, in words. */
  actual: string;
}

/**
 * How far an event has come: `recorded` (valid and waiting), `stored` (on disk), `sent` (in flight), and then one of
 * `delivered` (the endpoint has it), `invalid` (does not match the schema, never sent), `rejected` (refused by the
 * endpoint, with the reason) or `dropped` (given up, with the reason).
 */
export type DeliveryState =
  | "recorded"
  | "stored"
  | "sent"
  | "delivered"
  | "invalid"
  | "rejected"
  | "dropped";

/** A step on an event's way. */
export interface Delivery {
  /** The id from the receipt. */
  id: string;
  /** The event's name. */
  name: string;
  /** When this state was reached, in milliseconds since the epoch. */
  at: number;
  state: DeliveryState;
  /** With `invalid`: what is wrong with the event. Empty if the script that says it could not be loaded. */
  violations?: Violation[];
  /** With `rejected` and `dropped`: why. With `invalid`: why `violations` could not be loaded. */
  reason?: string;
}

/** Counts since the page was loaded: `recorded = delivered + rejected + dropped + queued`. */
export interface Stats {
  /** Valid events, and events that could not be validated yet. */
  recorded: number;
  /** Events that were not valid; not in `recorded`. */
  invalid: number;
  delivered: number;
  rejected: number;
  dropped: number;
  /** How many events were dropped, by reason. */
  droppedBy: Record<string, number>;
  /** Events that wait or are in flight. */
  queued: number;
  /** Rows on disk that this version cannot read as events. They stay on disk, set aside. */
  aside: number;
  /** Whether all events that wait are on disk, and so outlive the page. */
  durable: boolean;
  /** Whether this tab is the leader tab, which sends for all. */
  leader: boolean;
  /** How often the WebAssembly module failed and was replaced by a new instance. */
  traps: number;
}

/** What is known of a user, as Amplify's `identifyUser` takes it. */
export interface UserProfile {
  /** Lists of strings. A single string becomes a list of one. */
  customProperties?: Record<string, string | string[]>;
  demographic?: {
    appVersion?: string;
    locale?: string;
    make?: string;
    model?: string;
    modelVersion?: string;
    platform?: string;
    platformVersion?: string;
    timezone?: string;
  };
  email?: string;
  location?: {
    city?: string;
    country?: string;
    latitude?: number;
    longitude?: number;
    postalCode?: string;
    region?: string;
  };
  metrics?: Record<string, number>;
  name?: string;
  plan?: string;
}

/** The argument of `identifyUser`. */
export interface IdentifyUserInput {
  userId: string;
  userProfile: UserProfile;
  options?: {
    userAttributes?: Record<string, string | string[]>;
    /** Where the user can be reached through `channelType`. */
    address?: string;
    channelType?: string;
    optOut?: "ALL" | "NONE";
    /** Whether values of earlier calls stay if this call does not mention them. Default: false. */
    merge?: boolean;
  };
}

/** The ids that events carry. */
export interface Identifiers {
  endpointId: string;
  /** `undefined` before the first event, and after the last session has ended. */
  sessionId?: string;
}

/** A mistake that the program has to correct; never a failure of the network. */
export class ForebayError extends Error {
  override readonly name = "ForebayError";
  constructor(
    readonly code:
      | "AlreadyConfigured"
      | "InvalidConfig"
      | "InvalidEvent"
      | "InvalidUser"
      | "NotConfigured"
      | "NotInBrowser"
      | "NotLoaded"
      | "NotSignedIn"
      | "WasmBlocked",
    message: string,
  ) {
    super(message);
  }
}

/** Throws a `ForebayError`. Scripts that are loaded later get it as an argument, so that a page has one such class. */
export type Fail = (code: ForebayError["code"], message: string) => never;
