// The forms of configuration that Amplify's users have, as the compiler sees them: what is here is
// checked by its types alone.

import { configure, getConfig, identifiers, identifyUser } from "forebay";
import { Amplify, Analytics } from "forebay/amplify-v5";

const endpoint = "https://events.example.com";

/** None of these is ever called. */
export const forms = [
  () =>
    configure({
      endpoint,
      appId: "app",
      region: "eu-west-1",
      identityPoolId: "eu-west-1:pool",
      before: (event) => (event.name === "Secret" ? null : event),
      globalProperties: { attributes: { release: "7" } },
      sessions: "perTab",
    }),
  () =>
    configure({
      endpoint,
      Analytics: { Pinpoint: { appId: "app", region: "eu-west-1", resendLimit: 5 } },
      Auth: { Cognito: { identityPoolId: "eu-west-1:pool", allowGuestAccess: true } },
      Storage: { S3: { bucket: "photos" } },
    }),
  () =>
    configure({
      endpoint,
      Auth: {
        region: "eu-west-1",
        userPoolId: "eu-west-1_users",
        userPoolWebClientId: "client",
        identityPoolId: "eu-west-1:pool",
        identityPoolRegion: "eu-west-1",
      },
      Analytics: {
        disabled: false,
        autoSessionRecord: true,
        AWSPinpoint: { appId: "app", region: "eu-west-1", endpointId: "mine", resendLimit: 5 },
      },
    }),
  () =>
    configure({
      endpoint,
      aws_project_region: "eu-west-1",
      aws_mobile_analytics_app_id: "app",
      aws_mobile_analytics_app_region: "eu-west-1",
      aws_cognito_identity_pool_id: "eu-west-1:pool",
      aws_cognito_region: "eu-west-1",
      oauth: {},
    }),
  () =>
    configure({
      endpoint,
      version: "1.3",
      analytics: { amazon_pinpoint: { app_id: "app", aws_region: "eu-west-1" } },
      auth: { identity_pool_id: "eu-west-1:pool", user_pool_id: "users", aws_region: "eu-west-1" },
    }),

  // Forms mixed.
  () =>
    configure({
      endpoint: "/ingest",
      Analytics: { Pinpoint: { appId: "app", region: "eu-west-1" } },
      Auth: { identityPoolId: "eu-west-1:pool" },
    }),
  () =>
    configure({
      endpoint,
      aws_mobile_analytics_app_id: "app",
      aws_mobile_analytics_app_region: "eu-west-1",
      aws_cognito_identity_pool_id: "eu-west-1:pool",
      Analytics: { AWSPinpoint: { flushSize: 5 } },
    }),
  () => configure({ ...getConfig(), Storage: { S3: { bucket: "photos" } } }),
  async () => (await identifiers()).sessionId?.length,
  () =>
    identifyUser({ userId: "u", userProfile: { customProperties: { plan: "pro", tags: ["a"] } } }),
  () => Amplify.configure({ endpoint, Auth: { identityPoolId: "eu-west-1:pool" } }),
  () => Analytics.configure({ disabled: true }),
  () => Analytics.updateEndpoint({ userAttributes: { plan: "pro" } }),

  // @ts-expect-error Amplify's endpoint was fixed; Forebay's has to be said.
  () => configure({ appId: "app", region: "eu-west-1", identityPoolId: "eu-west-1:pool" }),
  // @ts-expect-error No identity pool.
  () => configure({ endpoint, appId: "app", region: "eu-west-1" }),
  () =>
    // @ts-expect-error No region, in the form of v6.
    configure({
      endpoint,
      Analytics: { Pinpoint: { appId: "app" } },
      Auth: { Cognito: { identityPoolId: "eu-west-1:pool" } },
    }),
  () =>
    // @ts-expect-error No identity pool, in the form of Gen 2.
    configure({
      endpoint,
      analytics: { amazon_pinpoint: { app_id: "app", aws_region: "eu-west-1" } },
      auth: { user_pool_id: "users" },
    }),
];
