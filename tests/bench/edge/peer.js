// The same work as the edge worker's, as one would write it in JavaScript with the libraries that one would take:
// verifies the signature, validates each event with Ajv's compiled code, reads the user agent with ua-parser-js,
// and writes Pinpoint's records to Kinesis, signed by aws4fetch. It has no identity pool of its own: session tokens
// are an identity and an end with an HMAC, and the secret key is an HMAC of the token.

import { AwsClient } from "aws4fetch";
import { UAParser } from "ua-parser-js";
import validators from "./validators.js";

const MAX_SKEW_MS = 5 * 60_000;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
let client;
let masterKey;

export default {
  async fetch(request, env) {
    const body = new Uint8Array(await request.arrayBuffer());
    const caller = await authenticated(request, body, env);
    if (!caller) {
      return Response.json({ Message: "Forbidden" }, { status: 403 });
    }
    let sent;
    try {
      sent = JSON.parse(decoder.decode(body));
    } catch {
      return Response.json({ Message: "not JSON" }, { status: 400 });
    }
    const context = contextOf(request, env, caller);
    const records = [];
    const letters = [];
    const results = {};
    const waiting = [];
    for (const [clientId, { Endpoint = {}, Events = {} }] of Object.entries(sent.BatchItem)) {
      const items = {};
      for (const [eventId, event] of Object.entries(Events)) {
        const reasons = violations(event);
        const entry = { eventId, items, reasons };
        if (reasons) {
          letters.push({
            data: letter(context, clientId, eventId, event, reasons),
            clientId,
            entry,
          });
        } else {
          records.push({
            data: record(context, clientId, eventId, event, Endpoint),
            clientId,
            entry,
          });
        }
        waiting.push(entry);
      }
      results[clientId] = {
        EndpointItemResponse: { StatusCode: 202, Message: "Accepted" },
        EventsItemResponse: items,
      };
    }
    await Promise.all([
      put(env, env.FOREBAY.kinesis.stream, records),
      put(env, env.FOREBAY.kinesis.dead_letter_stream, letters),
    ]);
    for (const { eventId, items, reasons, stored } of waiting) {
      items[eventId] = stored
        ? reasons
          ? { StatusCode: 400, Message: reasons.map(({ message }) => message).join("; ") }
          : { StatusCode: 202, Message: "Accepted" }
        : { StatusCode: 500, Message: "Send it again." };
    }
    return Response.json({ Results: results }, { status: 202 });
  },
};

/** The event's violations; nothing where there is none. */
function violations(event) {
  if (typeof event.EventType !== "string" || Number.isNaN(Date.parse(event.Timestamp))) {
    return [{ path: "", message: "no event" }];
  }
  const validate = validators[event.EventType];
  if (!validate) return [{ path: "EventType", message: "an unknown event type" }];
  const fields = {};
  for (const [name, value] of Object.entries(event.Attributes ?? {})) {
    fields[name] = value === "true" ? true : value === "false" ? false : value;
  }
  Object.assign(fields, event.Metrics);
  if (validate(fields)) return undefined;
  return validate.errors.map(({ instancePath, message }) => ({ path: instancePath, message }));
}

function contextOf(request, env, identityId) {
  const agent = request.headers.get("user-agent") ?? "";
  const { browser, os, device } = UAParser(agent);
  const { app_id, identity_pool_id } = env.FOREBAY.apps[0];
  return {
    arrival: Date.now(),
    application: {
      app_id,
      cognito_identity_pool_id: identity_pool_id,
      sdk: {},
    },
    identityId,
    device: {
      platform: { name: os.name, version: os.version },
      model: device.model,
      make: device.vendor,
      locale: { country: request.cf?.country },
    },
    browser: { name: browser.name, version: browser.version },
    geo: { country: request.cf?.country, region: request.cf?.region, city: request.cf?.city },
  };
}

function record(context, clientId, eventId, event, endpoint) {
  const session = event.Session && {
    session_id: event.Session.Id,
    start_timestamp: Date.parse(event.Session.StartTimestamp),
  };
  return `${JSON.stringify({
    event_type: event.EventType,
    event_timestamp: Date.parse(event.Timestamp),
    arrival_timestamp: context.arrival,
    event_version: "3.1",
    application: context.application,
    client: { client_id: clientId, cognito_id: context.identityId },
    device: context.device,
    session,
    attributes: event.Attributes ?? {},
    metrics: event.Metrics ?? {},
    endpoint: { ...endpoint, Id: clientId },
    forebay: {
      event_id: eventId,
      schema_version: 1,
      browser: context.browser,
      geo: context.geo,
    },
  })}\n`;
}

function letter(context, clientId, eventId, event, reasons) {
  return `${JSON.stringify({
    event_id: eventId,
    event_type: event.EventType,
    app_id: context.application.app_id,
    client_id: clientId,
    arrival_timestamp: context.arrival,
    reasons,
    event,
  })}\n`;
}

async function put(env, stream, entries) {
  if (!entries.length) return;
  const { endpoint, region } = env.FOREBAY.kinesis;
  client ??= new AwsClient({
    accessKeyId: env.KINESIS_ACCESS_KEY_ID,
    secretAccessKey: env.KINESIS_SECRET_ACCESS_KEY,
    region,
    service: "kinesis",
  });
  const answer = await client.fetch(endpoint, {
    method: "POST",
    headers: {
      "content-type": "application/x-amz-json-1.1",
      "x-amz-target": "Kinesis_20131202.PutRecords",
    },
    body: JSON.stringify({
      StreamName: stream,
      Records: entries.map(({ data, clientId }) => ({
        Data: base64(data),
        PartitionKey: clientId,
      })),
    }),
  });
  const { Records } = await answer.json();
  entries.forEach(({ entry }, at) => {
    entry.stored = !Records[at].ErrorCode;
  });
}

function base64(text) {
  const bytes = encoder.encode(text);
  if (bytes.toBase64) return bytes.toBase64();
  let binary = "";
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}

/** The identity that signed the request; nothing where the signature is not right. */
async function authenticated(request, body, env) {
  const { headers } = request;
  const claim =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, SignedHeaders=([^,]+), Signature=(\w{64})$/.exec(
      headers.get("authorization") ?? "",
    );
  const token = headers.get("x-amz-security-token") ?? "";
  const [payload, mac] = token.split(".");
  const stamp = headers.get("x-amz-date") ?? "";
  if (!claim || !mac) return undefined;
  const [, , date, region, service, names, signature] = claim;
  const at = Date.parse(
    stamp.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, "$1-$2-$3T$4:$5:$6Z"),
  );
  if (!(Math.abs(Date.now() - at) < MAX_SKEW_MS)) return undefined;
  masterKey ??= await hmacKey(encoder.encode(env.MASTER_SECRETS));
  const right = await crypto.subtle.verify(
    "HMAC",
    masterKey,
    fromHex(mac),
    encoder.encode(payload),
  );
  const { identity, expires } = JSON.parse(atob(payload));
  if (!right || expires < Date.now()) return undefined;
  const secret = hex(await crypto.subtle.sign("HMAC", masterKey, encoder.encode(`key:${token}`)));
  const { pathname, host } = new URL(request.url);
  const canonicalHeaders = names
    .split(";")
    .map((name) => `${name}:${name === "host" ? host : headers.get(name)?.trim()}\n`)
    .join("");
  const canonical = [
    request.method,
    pathname,
    "",
    canonicalHeaders,
    names,
    hex(await crypto.subtle.digest("SHA-256", body)),
  ].join("\n");
  const scope = `${date}/${region}/${service}/aws4_request`;
  const text = [
    "AWS4-HMAC-SHA256",
    stamp,
    scope,
    hex(await crypto.subtle.digest("SHA-256", encoder.encode(canonical))),
  ].join("\n");
  let key = encoder.encode(`AWS4${secret}`);
  for (const part of [date, region, service, "aws4_request"]) {
    key = new Uint8Array(
      await crypto.subtle.sign("HMAC", await hmacKey(key), encoder.encode(part)),
    );
  }
  const isSigned = await crypto.subtle.verify(
    "HMAC",
    await hmacKey(key),
    fromHex(signature),
    encoder.encode(text),
  );
  return isSigned ? identity : undefined;
}

function hmacKey(bytes) {
  const algorithm = { name: "HMAC", hash: "SHA-256" };
  return crypto.subtle.importKey("raw", bytes, algorithm, false, ["sign", "verify"]);
}

function hex(buffer) {
  return [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function fromHex(text) {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
