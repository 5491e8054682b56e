import type { Anything } from "./config.js";

/** The forms of configuration: Forebay's own, Amplify v6's, v5's with and without the provider, Gen 2's, the CLI's. */
const FORMS = ["", "Analytics.Pinpoint.", "Analytics.AWSPinpoint.", "Analytics."];

/**
 * Where each setting stands, by the forms in their order: `FORMS`, and then `amplify_outputs.json` and
 * `aws-exports.js`. People mix forms, so that each setting is looked for at all of its places.
 */
const PLACES: Record<string, string[]> = {
  appId: inForms("appId", "analytics.amazon_pinpoint.app_id", "aws_mobile_analytics_app_id"),
  region: inForms(
    "region",
    "analytics.amazon_pinpoint.aws_region",
    "aws_mobile_analytics_app_region",
  ),
  identityPoolId: [
    "identityPoolId",
    "Auth.Cognito.identityPoolId",
    "Auth.identityPoolId",
    "Auth.identityPoolId",
    "auth.identity_pool_id",
    "aws_cognito_identity_pool_id",
  ],
  disabled: ["disabled", "Analytics.disabled"],
  ...Object.fromEntries(
    ["endpointId", "flushInterval", "flushSize", "bufferSize"].map((name) => [name, inForms(name)]),
  ),
};

function inForms(name: string, ...others: string[]): string[] {
  return [...FORMS.map((form) => form + name), ...others];
}

/** A configuration of any form, or of several mixed, in Forebay's own, with what is not read left in. */
export function flat(given: Anything): Anything {
  const own = { ...given };
  for (const name of Object.keys(PLACES)) own[name] = at(given, path(name, given));
  return own;
}

/** The path at which a configuration has what Forebay's own has at its top, or should have it. */
export function path(name: string, given: Anything): string {
  const places = PLACES[name] ?? [name];
  return places.find((place) => isGiven(at(given, place))) ?? places[formOf(given)] ?? name;
}

/** The form that a configuration mostly has. */
function formOf({ Analytics, Auth, analytics, ...given }: Anything): number {
  if (given.appId) return 0;
  if (analytics) return 4;
  if (Analytics?.Pinpoint || Auth?.Cognito) return 1;
  if (Analytics) return Analytics.appId ? 3 : 2;
  return Object.keys(given).some((name) => name.startsWith("aws_")) ? 5 : 0;
}

const isGiven = (value: Anything) => value !== undefined && value !== null && value !== "";

/** What stands at a path such as `Auth.Cognito.identityPoolId`. */
function at(given: Anything, path: string): Anything {
  return path.split(".").reduce((value, name) => value?.[name], given);
}
