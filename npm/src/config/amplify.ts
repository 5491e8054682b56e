import type { Anything } from "./config.js";

/** Where Forebay's own configuration has its members. */
const OWN = ["", "appId", "region", "identityPoolId"];

/**
 * Where a configuration of this form has its members: what stands before those of the application,
 * the names of its id and region, and the path of the identity pool's id.
 */
function places({ Analytics, Auth, analytics, ...given }: Anything): string[] {
  if (given.appId) return OWN;
  if (analytics) {
    return ["analytics.amazon_pinpoint.", "app_id", "aws_region", "auth.identity_pool_id"];
  }
  if (Analytics?.Pinpoint || Auth?.Cognito) {
    return ["Analytics.Pinpoint.", "appId", "region", "Auth.Cognito.identityPoolId"];
  }
  if (Analytics) {
    // Without the provider's name, the whole object is the provider's.
    const where = Analytics.appId ? "Analytics." : "Analytics.AWSPinpoint.";
    return [where, "appId", "region", "Auth.identityPoolId"];
  }
  return Object.keys(given).some((name) => name.startsWith("aws_"))
    ? [
        "",
        "aws_mobile_analytics_app_id",
        "aws_mobile_analytics_app_region",
        "aws_cognito_identity_pool_id",
      ]
    : OWN;
}

/** The paths at which a configuration of this form has what Forebay's own has at its top. */
export function paths(given: Anything): Record<string, string> {
  const [where, appId, region, identityPoolId] = places(given);
  const path = { appId: where + appId, region: where + region, identityPoolId };
  const same = ["endpointId", "flushInterval", "flushSize", "bufferSize"];
  return { ...path, ...Object.fromEntries(same.map((name) => [name, where + name])) };
}

/** A configuration of any of Amplify's forms in Forebay's own, with what is not read left in. */
export function flat(given: Anything): Anything {
  const own = { ...given, disabled: given.disabled ?? given.Analytics?.disabled };
  for (const [name, path] of Object.entries(paths(given))) own[name] = at(given, path);
  return own;
}

/** What stands at a path such as `Auth.Cognito.identityPoolId`. */
function at(given: Anything, path: string): Anything {
  return path.split(".").reduce((value, name) => value?.[name], given);
}
