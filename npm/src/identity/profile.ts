// Makes the body of UpdateEndpoint from what the page says about the user. A description goes with every batch of
// events, so it must have nothing that the endpoint would refuse. core/src/wire/endpoint.rs says what the endpoint
// accepts, and a test compares the two.

import type { Anything } from "../config/config.js";
import type { Fail, IdentifyUserInput } from "../types.js";

/** The body of UpdateEndpoint. */
type Description = Record<string, Anything>;

/** Hears of a value that cannot be sent: its place, and what the endpoint takes there. */
type Wrong = (place: string, rule: string) => void;

/** Gives a value as it is sent; nothing if there is none, or it cannot be sent. */
type Reader<T> = (given: unknown, place: string, wrong: Wrong) => T | undefined;

/** Most characters of a name, values of an attribute, and characters of a value. */
const [NAME, VALUES, VALUE] = [50, 50, 100];
const MOST_BYTES = 15 * 1024;

const DEMOGRAPHIC =
  "AppVersion Locale Make Model ModelVersion Platform PlatformVersion Timezone".split(" ");
const LOCATION = "City Country PostalCode Region".split(" ");
const COORDINATES = "Latitude Longitude".split(" ");
const CHANNELS =
  "PUSH GCM APNS APNS_SANDBOX APNS_VOIP APNS_VOIP_SANDBOX ADM SMS VOICE EMAIL BAIDU CUSTOM IN_APP".split(
    " ",
  );

/**
 * Gives the description as JSON. With the option `merge`, values that it does not mention are taken from `known`.
 *
 * @throws ForebayError `InvalidUser`, which names the first value that cannot be sent.
 */
export function description(
  input: IdentifyUserInput,
  requestId: string,
  known: string,
  fail: Fail,
): string {
  const wrong = (place: string, rule: string) => {
    // The value may be personal, and is not repeated.
    fail("InvalidUser", `Forebay: ${place} has to be ${rule}.`);
  };
  const said = {
    ...fitting(input, wrong),
    EffectiveDate: new Date().toISOString(),
    RequestId: requestId,
  };
  const whole = JSON.stringify(input.options?.merge ? merged(JSON.parse(known), said) : said);
  if (isTooLarge(whole)) wrong("what describes a user", "at most 15 KB altogether");
  return whole;
}

/** The part that can be sent of a description which an earlier version kept unchecked; `null` if there is none. */
export function mended(left: string): string | null {
  const skip = () => {};
  try {
    const { Attributes, Demographic, Location, Metrics, User, ...rest } = JSON.parse(left);
    const { UserId, UserAttributes } = User ?? {};
    const input: Anything = {
      userId: UserId,
      userProfile: {
        customProperties: Attributes,
        demographic: Demographic,
        location: Location,
        metrics: Metrics,
      },
      options: {
        address: rest.Address,
        channelType: rest.ChannelType,
        optOut: rest.OptOut,
        userAttributes: UserAttributes,
      },
    };
    const whole = JSON.stringify({
      ...fitting(input, skip),
      EffectiveDate: text(rest.EffectiveDate, "", skip),
      RequestId: text(rest.RequestId, "", skip),
    });
    return isTooLarge(whole) ? null : whole;
  } catch {
    return null;
  }
}

/** The part of a description that can be sent. Calls `wrong` for each value that cannot. */
function fitting(input: IdentifyUserInput, wrong: Wrong): Description {
  const { userId, userProfile, options } = object(input ?? "", "what describes a user", wrong);
  const profile = object(userProfile, "userProfile", wrong);
  const { address, channelType, optOut, userAttributes } = object(options, "options", wrong);
  const { email, name, plan, customProperties, demographic, location, metrics } = profile;
  const few = { email: email || undefined, name: name || undefined, plan: plan || undefined };
  return {
    Address: text(address, "options.address", wrong),
    Attributes: some({
      ...lists(few, "userProfile", wrong),
      ...lists(customProperties, "userProfile.customProperties", wrong),
    }),
    ChannelType: choice(channelType, CHANNELS, "options.channelType", wrong),
    Demographic: texts(demographic, DEMOGRAPHIC, "userProfile.demographic", wrong),
    Location: some({
      ...texts(location, LOCATION, "userProfile.location", wrong),
      ...named(location, COORDINATES, "userProfile.location", wrong, number),
    }),
    Metrics: numbers(metrics, "userProfile.metrics", wrong),
    OptOut: choice(optOut, ["ALL", "NONE"], "options.optOut", wrong),
    User: some({
      UserId: text(userId, "userId", wrong),
      UserAttributes: lists(userAttributes, "options.userAttributes", wrong),
    }),
  };
}

/** A description of another user begins empty. */
function merged(known: Description, said: Description): Description {
  const news: Description = JSON.parse(JSON.stringify(said));
  const { UserId, UserAttributes } = news.User ?? {};
  const user = UserId && UserId !== known.User?.UserId ? {} : known.User;
  const both = (name: string) => some({ ...known[name], ...news[name] });
  return {
    ...known,
    ...news,
    Attributes: both("Attributes"),
    Demographic: both("Demographic"),
    Location: both("Location"),
    Metrics: both("Metrics"),
    User: some({
      ...user,
      ...news.User,
      UserAttributes: some({ ...user?.UserAttributes, ...UserAttributes }),
    }),
  };
}

function isTooLarge(whole: string): boolean {
  return new TextEncoder().encode(whole).length > MOST_BYTES;
}

/** A string; also made from what Amplify's users pass instead: a number, a boolean, a date. */
function text(given: unknown, place: string, wrong: Wrong): string | undefined {
  if (isNothing(given)) return;
  const isNumber = typeof given === "number" && Number.isFinite(given);
  const isPlain = isNumber || ["string", "boolean", "bigint"].includes(typeof given);
  const date = given instanceof Date && given.toJSON();
  // Half a surrogate pair becomes U+FFFD, as in the platform's encoder.
  if (isPlain || date) return (date || String(given)).replace(/[\ud800-\udfff]/gu, "\ufffd");
  wrong(place, "a string");
}

function choice(given: unknown, all: string[], place: string, wrong: Wrong): string | undefined {
  if (isNothing(given) || all.includes(given as string)) return (given as string) ?? undefined;
  wrong(place, `one of ${all.join(", ")}`);
}

function number(given: unknown, place: string, wrong: Wrong): number | undefined {
  if (isNothing(given)) return;
  if (typeof given === "number" && Number.isFinite(given)) return given;
  wrong(place, "a finite number");
}

/** A list of strings. A single string becomes a list of one. */
function list(given: unknown, place: string, wrong: Wrong): string[] | undefined {
  if (isNothing(given)) return;
  const values: unknown[] = Array.isArray(given) ? given : [given];
  const found = values
    .map((value) => text(value, place, wrong))
    .filter((value) => value !== undefined);
  if (found.length > VALUES) wrong(place, `a list of at most ${VALUES} strings`);
  else if (found.some((value) => isLonger(value, VALUE))) {
    wrong(place, `of at most ${VALUE} characters a value`);
  } else return found;
}

function lists(given: unknown, place: string, wrong: Wrong) {
  return members(given, place, wrong, list);
}

function numbers(given: unknown, place: string, wrong: Wrong) {
  return members(given, place, wrong, number);
}

/** The members of an object with the page's own names, each as `read` gives it. */
function members<T>(
  given: unknown,
  place: string,
  wrong: Wrong,
  read: Reader<T>,
): Record<string, T> | undefined {
  const found: [string, T | undefined][] = [];
  for (const [member, value] of Object.entries(object(given, place, wrong))) {
    const name = text(member, place, wrong) as string;
    // A member without a value is left out, whatever its name.
    if (isNothing(value)) continue;
    if (isLonger(name, NAME)) wrong(place, `an object with names of at most ${NAME} characters`);
    else found.push([name, read(value, `${place}.${name}`, wrong)]);
  }
  return some(Object.fromEntries(found));
}

function texts(given: unknown, names: string[], place: string, wrong: Wrong) {
  return named(given, names, place, wrong, text);
}

/** The members of an object that have these names, each as `read` gives it. No endpoint reads other members. */
function named<T>(
  given: unknown,
  names: string[],
  place: string,
  wrong: Wrong,
  read: Reader<T>,
): Record<string, T> | undefined {
  const found = object(given, place, wrong);
  const values = names.map((name) => {
    // `PostalCode` on the wire.
    const small = name[0].toLowerCase() + name.slice(1);
    return [name, read(found[small] ?? found[name], `${place}.${small}`, wrong)];
  });
  return some(Object.fromEntries(values));
}

/** The object of members; empty if there is none. A list or a `Map` is not such an object. */
function object(given: unknown, place: string, wrong: Wrong): Anything {
  if (isNothing(given)) return {};
  if (Object.prototype.toString.call(given) === "[object Object]") return given;
  wrong(place, "an object");
  return {};
}

/** The members that have a value; nothing if none has. */
function some<T>(members: Record<string, T | undefined>): Record<string, T> | undefined {
  const entries = Object.entries(members).filter(([, value]) => !isNothing(value));
  return entries.length ? (Object.fromEntries(entries) as Record<string, T>) : undefined;
}

const isNothing = (given: unknown) => given === undefined || given === null;

/** Characters are counted as the endpoint counts them: an emoji is one. */
const isLonger = (text: string, most: number) => [...text].length > most;
