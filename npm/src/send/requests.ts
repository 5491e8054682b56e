import { parsed } from "../json.js";
import { REQUEST_TIMEOUT_MS } from "../module/contract.js";
import { encode } from "../module/validator.js";
import { heard } from "../others/load.js";
import { isLeaving } from "../queue/turns.js";
import { say, settings } from "../setup.js";
import { hex, hmac, sha256 } from "./sha256.js";

/** What requests are signed with, as Cognito Identity gives it. */
export interface Credentials {
  AccessKeyId: string;
  SecretKey: string;
  SessionToken: string;
  /** Seconds since the epoch. */
  Expiration: number;
}

/** The answer to a request. */
export interface Answer {
  /** 0 where there was no answer. */
  status: number;
  /** The code of an error; empty where there is none. */
  type: string;
  /** Milliseconds to wait before the next try; NaN where nothing is said. */
  retryAfter: number;
  /** The endpoint's time in milliseconds since the epoch; NaN where nothing is said. */
  date: number;
  /** The body, read as JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever the endpoint says; every use is checked.
  body: any;
  /** The body as it came. */
  text: string;
}

export const NO_ANSWER: Answer = {
  status: 0,
  type: "",
  retryAfter: Number.NaN,
  date: Number.NaN,
  body: {},
  text: "",
};

/** Smaller bodies hardly gain by compression. */
export const WORTH_COMPRESSING = 1024;
export const ALGORITHM = "AWS4-HMAC-SHA256";
/** Milliseconds after which a page that sent a request as it went away is believed that it failed. */
const GONE = 1000;
/** Requests in a row without an answer of use, after which the console is told: as many may fail at once. */
const MOST_UNANSWERED = 4;

let unanswered = 0;

/** Sends a request and reads its answer. Never rejects. */
export async function ask(
  method: string,
  url: string,
  headers: Record<string, string>,
  body: BodyInit,
  keepalive = false,
): Promise<Answer> {
  let answer = NO_ANSWER;
  const isLast = isLeaving;
  try {
    const response = await fetch(url, {
      method,
      headers,
      body,
      keepalive,
      signal: AbortSignal.timeout?.(REQUEST_TIMEOUT_MS),
      credentials: "omit",
    });
    const text = await response.text();
    const header = (name: string) => response.headers.get(name) ?? "";
    const after = header("retry-after");
    const date = Date.parse(header("date"));
    const json = parsed(text);
    answer = {
      status: response.status,
      type: header("x-amzn-errortype") || String(json.__type ?? "").replace(/.*#/, ""),
      retryAfter: /^\d+$/.test(after) ? +after * 1000 : Date.parse(after) - (date || Date.now()),
      date,
      body: json,
      text,
    };
  } catch {
    // Chromium says so of a request that goes on without its page, before `pagehide`, which would send it again.
    if (isLast) await new Promise((go) => setTimeout(go, GONE));
  }
  // A web server or a proxy answers with a page; the endpoint with JSON, and STS with an id of the request.
  if (answer.status < 500 && /^{|Id>/.test(answer.text)) {
    unanswered = 0;
    heard();
  } else if (++unanswered > MOST_UNANSWERED && navigator.onLine) say("unanswered", { url, answer });
  return answer;
}

/** `Uint8Array<ArrayBuffer>`, in words that compilers of apps knew before TypeScript 5.7, too. */
type Bytes = ReturnType<TextEncoder["encode"]>;

/** Rejects where the browser cannot. */
export async function compressed(body: Bytes): Promise<Bytes> {
  const { writable, readable } = new CompressionStream("gzip");
  const writer = writable.getWriter();
  // The reading fails, too, and tells.
  writer.write(body).catch(() => {});
  writer.close().catch(() => {});
  return new Uint8Array(await new Response(readable).arrayBuffer());
}

/** A request that is to be signed. */
export interface Unsigned {
  url: string;
  /** What is signed of the address, besides its path. */
  host: string;
  /** Such as `20150830T123600Z`. */
  date: string;
  /** `Credential` of the signature. */
  credential: string;
  token: string;
  /** Milliseconds that `date` and the times of the events are ahead of the browser's clock. */
  offset: number;
  /** Gives the signature of the request with this query and these headers, in their orders. */
  sign(query: string, headers: object): string;
}

/** Where a request carries its signature. Gives its address and its headers. */
export type Form = (unsigned: Unsigned) => [url: string, headers: Record<string, string>];

/** In the address: nothing in it makes a browser ask for leave first. */
const presigned: Form = ({ url, host, date, credential, token, offset, sign }) => {
  const parameters = Object.entries({
    Algorithm: ALGORITHM,
    Credential: credential,
    Date: date,
    Expires: "300",
    "Security-Token": token,
    SignedHeaders: "host",
  })
    .map(([name, value]) => `X-Amz-${name}=${escaped(value)}`)
    .join("&");
  const query = `${parameters}&offset=${offset}`;
  const signature = sign(query, { host });
  return [`${url}?${query}&X-Amz-Signature=${signature}`, { "content-type": "text/plain" }];
};

/** A request to the endpoint about the application. */
export interface Call {
  method: string;
  /** Percent-encoded, from the application's on. */
  path: string;
  body: Bytes;
  keepalive: boolean;
  /** Milliseconds that the clock it is signed by is ahead of the browser's. */
  offset: number;
}

/** Sends a signed request in this task. */
export function send(
  { method, path, body, keepalive, offset }: Call,
  { AccessKeyId, SecretKey, SessionToken }: Credentials,
): Promise<Answer> {
  const { appId, endpoint, form = presigned, region } = settings;
  const { href, host, pathname } = new URL(`${endpoint}/v1/apps/${escaped(appId)}/${path}`);
  const date = new Date(Date.now() + offset).toISOString().replace(/[-:]|\.\d+/g, "");
  const scope = `${date.slice(0, 8)}/${region}/mobiletargeting/aws4_request`;
  const [url, headers] = form({
    url: href,
    host,
    date,
    credential: `${AccessKeyId}/${scope}`,
    token: SessionToken,
    offset,
    sign(query, headers) {
      const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
      const request = [
        method,
        // All services but S3 encode the path once more.
        pathname.split("/").map(escaped).join("/"),
        query,
        lines.join(""),
        Object.keys(headers).join(";"),
        hex(sha256(body)),
      ];
      const text = [ALGORITHM, date, scope, hex(sha256(encode(request.join("\n"))))];
      return hex(
        [...scope.split("/"), text.join("\n")].map(encode).reduce(hmac, encode(`AWS4${SecretKey}`)),
      );
    },
  });
  return ask(method, url, headers, body, keepalive);
}

/** Percent-encoded as signatures have it (RFC 3986). */
export function escaped(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
