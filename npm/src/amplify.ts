import { type Anything, PLACES } from "./config.js";

/**
 * Where a configuration of this form has its members: what stands before those of the application,
 * the names of its id and region, and the path of the identity pool's id.
 */
export function places({ Analytics, Auth, analytics, ...given }: Anything): string[] {
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
    : PLACES;
}
