// The SDKs that are compared, each in the set-up that its own documentation begins with.

import { APP_ID, IDENTITY_POOL_ID, REGION } from "../../support/endpoint.ts";

/** The name of an SDK, or of another build of Forebay. */
export type Sdk = string;

/** Where Forebay and Snowplow send. The others' hosts are written into them, or into their documentation. */
export const HOSTS = { forebay: "events.example.com", snowplow: "collector.example.com" };
export const POSTHOG_TOKEN = "phc_f0e1d2c3b4a5968778695a4b3c2d1e0f";

interface Peer {
  /** On the npm registry. */
  package: string;
  version: string;
  /** What it does of what Forebay does, and its limits, unless configured. */
  does: string;
  /** A module that sets it up, as `sdk`: `record` takes an event as Forebay and Amplify do. */
  setUp(options: SetUp): string;
}

/** What a bench changes in a documented set-up. */
export interface SetUp {
  /** Lifts limits on how many events a page may record, where there is an option for it. */
  unlimited?: boolean;
}

/** As Amplify's and Pinpoint's events, to one flat object. */
const FLAT = "const flat = ({ attributes, metrics }) => ({ ...attributes, ...metrics });";

export function forebay(): string {
  return `
    import { configure, flushEvents, record, stats } from "./index.js";
    configure({ endpoint: "https://${HOSTS.forebay}", appId: "${APP_ID}", region: "${REGION}",
      identityPoolId: "${IDENTITY_POOL_ID}" });
    globalThis.sdk = { record, flushEvents, isReady: () => stats().leader };`;
}

export const FOREBAY_DOES =
  "signs, keeps on disk, validates, compresses; all events until they are delivered";

export const PEERS: Record<Sdk, Peer> = {
  amplify: {
    package: "aws-amplify",
    version: "6.22.1",
    does: "signs; keeps 1,000 events in memory, drops what is more, sends 100 every 5 s",
    setUp: () => `
      import { Amplify } from "aws-amplify";
      import { flushEvents, record } from "aws-amplify/analytics";
      Amplify.configure({
        Analytics: { Pinpoint: { appId: "${APP_ID}", region: "${REGION}" } },
        Auth: { Cognito: { identityPoolId: "${IDENTITY_POOL_ID}", allowGuestAccess: true } },
      });
      globalThis.sdk = { record, flushEvents, isReady: () => true };`,
  },
  snowplow: {
    package: "@snowplow/browser-tracker",
    version: "4.10.1",
    does: "keeps 1,000 events in localStorage, drops what is more, sends at once, 40 kB a request",
    setUp: () => `
      import { newTracker, trackSelfDescribingEvent } from "@snowplow/browser-tracker";
      newTracker("sp", "https://${HOSTS.snowplow}", { appId: "bench" });
      ${FLAT}
      const record = (event) => trackSelfDescribingEvent({ event: {
        schema: "iglu:com.example/" + event.name + "/jsonschema/1-0-0", data: flat(event),
      } });
      globalThis.sdk = { record, flushEvents() {}, isReady: () => true };`,
  },
  posthog: {
    package: "posthog-js",
    version: "1.449.2",
    does: "compresses; keeps events in memory, sends every 3 s; drops more than 10 events a second after a first 100",
    // Chromium without a window says so in its user agent, which PostHog takes for a bot's.
    setUp: () => `
      import posthog from "posthog-js";
      posthog.init("${POSTHOG_TOKEN}", { api_host: "https://us.i.posthog.com", defaults: "2026-01-30",
        opt_out_useragent_filter: true });
      ${FLAT}
      const record = (event) => posthog.capture(event.name, flat(event));
      globalThis.sdk = { record, flushEvents() {}, isReady: () => true };`,
  },
  rum: {
    package: "aws-rum-web",
    version: "3.2.1",
    does: "signs, compresses; keeps 200 events in memory, drops what is more, sends 100 every 5 s; 200 events a session",
    setUp: ({ unlimited }) => `
      import { AwsRum } from "aws-rum-web";
      const rum = new AwsRum("00000000-0000-4000-8000-000000000000", "1.0.0", "${REGION}", {
        sessionSampleRate: 1, identityPoolId: "${IDENTITY_POOL_ID}",
        endpoint: "https://dataplane.rum.${REGION}.amazonaws.com",
        telemetries: ["performance", "errors", "http"], allowCookies: true, enableXRay: false,
        ${unlimited ? "sessionEventLimit: 0," : ""}
      });
      ${FLAT}
      const record = (event) => rum.recordEvent(event.name, flat(event));
      globalThis.sdk = { record, flushEvents: () => rum.dispatch(), isReady: () => true };`,
  },
};

/** What names each peer with its version. */
export const VERSIONS = Object.fromEntries(
  Object.entries(PEERS).map(([name, { package: of, version }]) => [name, `${of} ${version}`]),
);
