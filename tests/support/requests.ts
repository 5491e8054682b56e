// Requests as an AWS client makes them: credentials from the worker's identity routes, signatures
// by an implementation that is not ours.

import { randomUUID } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import { Sha256 } from "./signature.ts";
import type { StackDescription } from "./stack.ts";

export interface Credentials {
  identityId: string;
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  /** Seconds since the epoch. */
  expiration: number;
}

type Place = Pick<StackDescription, "edge" | "region" | "app_id" | "identity_pool_id">;

/** Calls an operation of Cognito Identity. */
export function cognito(stack: Place, operation: string, body: unknown): Promise<Response> {
  return fetch(`${stack.edge}/`, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": `AWSCognitoIdentityService.${operation}`,
    },
    body: JSON.stringify(body),
  });
}

/** A new guest's identity and credentials. */
export async function guest(stack: Place): Promise<Credentials> {
  const identity = await answered(
    await cognito(stack, "GetId", { IdentityPoolId: stack.identity_pool_id }),
  );
  const { IdentityId } = identity;
  const { Credentials } = await answered(
    await cognito(stack, "GetCredentialsForIdentity", { IdentityId }),
  );
  return {
    identityId: IdentityId,
    accessKeyId: Credentials.AccessKeyId,
    secretAccessKey: Credentials.SecretKey,
    sessionToken: Credentials.SessionToken,
    expiration: Credentials.Expiration,
  };
}

// biome-ignore lint/suspicious/noExplicitAny: JSON of any shape.
async function answered(response: Response): Promise<any> {
  const text = await response.text();
  if (!response.ok) throw new Error(`${response.url} answered ${response.status}: ${text}`);
  return JSON.parse(text);
}

export interface SignedRequest {
  method?: string;
  /** From the root, e.g. `/v1/apps/../events`. */
  path: string;
  body?: string;
  headers?: Record<string, string>;
  /** When it says it was signed; now where it is not said. */
  date?: Date;
}

/** A request with its signature, which a test may spoil before it sends it. */
export async function signed(
  stack: Place,
  credentials: Credentials,
  { method = "POST", path, body, headers = {}, date = new Date() }: SignedRequest,
): Promise<{
  url: string;
  init: Omit<RequestInit, "headers"> & { headers: Record<string, string> };
}> {
  const { protocol, hostname, port, host } = new URL(stack.edge);
  const request = await signerOf(stack, credentials).sign(
    {
      method,
      protocol,
      hostname,
      port: Number(port),
      path,
      query: {},
      headers: { host, "content-type": "application/json", ...headers },
      body,
    },
    { signingDate: date },
  );
  // fetch sets the host by itself, to the same.
  const { host: _, ...sent } = request.headers;
  return { url: stack.edge + path, init: { method, headers: sent, body } };
}

/**
 * Presigns a POST and sends it as browsers send without a CORS preflight: the signature in the query,
 * no header of its own.
 */
export async function sendPresigned(
  stack: Place,
  credentials: Credentials,
  { path, body }: { path: string; body: Uint8Array<ArrayBuffer> },
): Promise<Response> {
  const { protocol, hostname, port, host } = new URL(stack.edge);
  const { query = {} } = await signerOf(stack, credentials).presign({
    method: "POST",
    protocol,
    hostname,
    port: Number(port),
    path,
    query: {},
    headers: { host },
    body,
  });
  return fetch(`${stack.edge}${path}?${new URLSearchParams(query as Record<string, string>)}`, {
    method: "POST",
    headers: { "content-type": "text/plain" },
    body,
  });
}

function signerOf(stack: Place, credentials: Credentials): SignatureV4 {
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return new SignatureV4({
    credentials: { accessKeyId, secretAccessKey, sessionToken },
    region: stack.region,
    service: "mobiletargeting",
    sha256: Sha256,
  });
}

/** Signs a request and sends it. */
export async function send(
  stack: Place,
  credentials: Credentials,
  request: SignedRequest,
): Promise<Response> {
  const { url, init } = await signed(stack, credentials, request);
  return fetch(url, init);
}

export interface TestEvent {
  EventType: string;
  Timestamp?: string;
  Attributes?: Record<string, string>;
  Metrics?: Record<string, number>;
  Session?: { Id: string; StartTimestamp: string };
}

/** The body of PutEvents: one endpoint with these events by their ids. */
export function putEventsBody(events: Record<string, TestEvent>, endpointId = randomUUID()) {
  const now = new Date().toISOString();
  const filled = Object.entries(events).map(([id, event]) => [
    id,
    { Timestamp: now, Session: { Id: randomUUID(), StartTimestamp: now }, ...event },
  ]);
  return {
    BatchItem: {
      [endpointId]: {
        Endpoint: { ChannelType: "CUSTOM", Demographic: { Platform: "web", Locale: "en_US" } },
        Events: Object.fromEntries(filled),
      },
    },
  };
}

/** What PutEvents answers for one event. */
export interface EventAnswer {
  StatusCode: number;
  Message: string;
}

/** Sends events by PutEvents; gives each one's answer by its id. */
export async function putEvents(
  stack: Place,
  credentials: Credentials,
  events: Record<string, TestEvent>,
  endpointId = randomUUID(),
): Promise<Record<string, EventAnswer>> {
  const response = await send(stack, credentials, {
    path: `/v1/apps/${stack.app_id}/events`,
    body: JSON.stringify(putEventsBody(events, endpointId)),
  });
  const { Results } = await answered(response);
  return Results[endpointId].EventsItemResponse;
}
