// What the SDKs' services answer, and which events a request has, of what each SDK calls its wire.

import { randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { gunzipSync } from "node:zlib";
import { APP_ID, REGION } from "../../support/endpoint.ts";
import { claimOf, isSigned } from "../../support/signature.ts";

/** An event that a page recorded: its id, by which its service knows it, and its own number. */
export interface Recorded {
  id: string;
  number: number;
}

export interface Reply {
  status: number;
  headers?: Record<string, string>;
  body: string;
}

/** A request, read. */
export interface Call {
  /** `events`, or what else it asks for. */
  operation: "events" | "preflight" | "identity" | "endpoint" | "settings";
  events: Recorded[];
  /** What the service answers, once it has the events. */
  reply: Reply;
}

const KEY = {
  accessKeyId: "ASIAEXAMPLE",
  secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
};
/** How long credentials last, in milliseconds. */
const LIFETIME = 3_600_000;
/** What PostHog's service says of a project in which only events are turned on. */
const POSTHOG_PROJECT = {
  supportedCompression: ["gzip", "gzip-js"],
  hasFeatureFlags: false,
  autocapture_opt_out: true,
  sessionRecording: false,
  surveys: false,
  heatmaps: false,
  capturePerformance: false,
  captureDeadClicks: false,
};

// biome-ignore lint/suspicious/noExplicitAny: JSON of any shape.
type Json = any;

/** Reads a request, whoever's it is. */
export async function read(request: IncomingMessage, sent: Buffer): Promise<Call> {
  if (request.method === "OPTIONS") return other("preflight", preflight(request));
  const { pathname, searchParams } = new URL(request.url ?? "", "http://127.0.0.1");
  const target = request.headers["x-amz-target"] ?? searchParams.get("X-Amz-Target");
  if (pathname === "/" && target) {
    return other("identity", json(200, credentials(parsed(sent).IdentityId)));
  }
  if (pathname.startsWith("/array/") || pathname.startsWith("/flags")) {
    return other("settings", posthogSettings(pathname));
  }
  const plain = sent[0] === 0x1f && sent[1] === 0x8b ? gunzipSync(sent) : sent;
  const signed = (service: string) => isOurs(request, sent, service);
  if (pathname.startsWith("/appmonitors/")) {
    if (!(await signed("rum"))) return forbidden();
    return { operation: "events", events: ofRum(parsed(plain)), reply: json(200, {}) };
  }
  if (pathname === "/com.snowplowanalytics.snowplow/tp2") {
    return {
      operation: "events",
      events: ofSnowplow(parsed(plain)),
      reply: { status: 200, body: "ok" },
    };
  }
  if (pathname === "/e/" || pathname === "/i/v0/e/") {
    return {
      operation: "events",
      events: ofPosthog(posthogBody(plain)),
      reply: json(200, { status: "Ok" }),
    };
  }
  if (!pathname.startsWith(`/v1/apps/${APP_ID}/`)) {
    return other("settings", json(404, { Message: "not found" }));
  }
  if (!(await signed("mobiletargeting"))) return forbidden();
  if (pathname.includes("/endpoints/")) {
    return other("endpoint", json(202, { Message: "Accepted", RequestID: randomUUID() }));
  }
  return ofPinpoint(parsed(plain));
}

function other(operation: Call["operation"], reply: Reply): Call {
  return { operation, events: [], reply };
}

function json(status: number, body: Json): Reply {
  return {
    status,
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  };
}

function parsed(body: Buffer): Json {
  return JSON.parse(body.toString());
}

function forbidden(): Call {
  const headers = { "x-amzn-errortype": "InvalidSignatureException" };
  const reply = { status: 403, headers, body: '{"Message":"The signature does not match."}' };
  return other("events", reply);
}

function preflight(request: IncomingMessage): Reply {
  const headers = {
    "access-control-allow-methods": "GET, POST, PUT",
    "access-control-allow-headers": String(request.headers["access-control-request-headers"]),
  };
  return { status: 204, headers, body: "" };
}

/** Of an identity pool: Cognito's, and Forebay's worker's, which gives credentials with an identity. */
function credentials(IdentityId = `${REGION}:${randomUUID()}`): Json {
  return {
    IdentityId,
    Credentials: {
      AccessKeyId: KEY.accessKeyId,
      SecretKey: KEY.secretAccessKey,
      SessionToken: `a token/with+signs==${randomUUID()}`,
      Expiration: (Date.now() + LIFETIME) / 1000,
    },
  };
}

/** Whether a request is signed with credentials from here. */
async function isOurs(request: IncomingMessage, body: Buffer, service: string): Promise<boolean> {
  const claim = claimOf(request);
  if (!claim) return false;
  const credentials = { ...KEY, sessionToken: claim.sessionToken };
  return isSigned(request, claim, body, REGION, credentials, service);
}

function ofPinpoint(body: Json): Call {
  const [[endpointId, { Events }]] = Object.entries<Json>(body.BatchItem);
  const accepted = { StatusCode: 202, Message: "Accepted" };
  const events = Object.entries<Json>(Events);
  const Results = {
    [endpointId]: {
      EndpointItemResponse: accepted,
      EventsItemResponse: Object.fromEntries(events.map(([id]) => [id, accepted])),
    },
  };
  return {
    operation: "events",
    events: numbered(events.map(([id, { Metrics }]) => [id, Metrics?.number])),
    reply: json(202, { Results }),
  };
}

function ofRum({ RumEvents }: Json): Recorded[] {
  return numbered(RumEvents.map(({ id, details }: Json) => [id, JSON.parse(details).number]));
}

function ofSnowplow({ data }: Json): Recorded[] {
  const selfDescribing = ({ ue_px, ue_pr }: Json) =>
    JSON.parse(ue_px ? Buffer.from(ue_px, "base64url").toString() : (ue_pr ?? "{}"));
  return numbered(data.map((event: Json) => [event.eid, selfDescribing(event).data?.data?.number]));
}

/** As an array, as a batch, or as one event. */
function ofPosthog(body: Json): Recorded[] {
  const events = Array.isArray(body) ? body : (body.batch ?? [body]);
  return numbered(events.map(({ uuid, properties }: Json) => [uuid, properties?.number]));
}

/** JSON, or a form with base64, as beacons may have it. */
function posthogBody(body: Buffer): Json {
  const text = body.toString();
  if (!text.startsWith("data=")) return JSON.parse(text);
  const data = new URLSearchParams(text).get("data") ?? "";
  return JSON.parse(Buffer.from(data, "base64").toString());
}

/** Those that the page of a bench recorded: SDKs have events of their own, which have no number. */
function numbered(events: [id: string, number: unknown][]): Recorded[] {
  return events.flatMap(([id, number]) =>
    Number(number) >= 0 && number !== undefined ? [{ id, number: Number(number) }] : [],
  );
}

/** By a script, or as JSON. */
function posthogSettings(pathname: string): Reply {
  if (!pathname.endsWith("/config.js")) return json(200, { flags: {}, ...POSTHOG_PROJECT });
  const token = pathname.split("/")[2];
  const project = JSON.stringify({ config: POSTHOG_PROJECT, siteApps: [] });
  return {
    status: 200,
    headers: { "content-type": "text/javascript" },
    body: `(window._POSTHOG_REMOTE_CONFIG = window._POSTHOG_REMOTE_CONFIG || {})["${token}"] = ${project};`,
  };
}
