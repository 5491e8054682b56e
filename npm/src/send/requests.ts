import { parsed } from "../json.js";
import { REQUEST_TIMEOUT_MS } from "../module/contract.js";
import { encode } from "../module/validator.js";
import { heard } from "../others/load.js";
import { isLeaving } from "../queue/turns.js";
import { say, settings } from "../setup.js";
import { hex, hmac, sha256 } from "./sha256.js";

/** Credentials, as Cognito Identity gives them. */
export interface Credentials {
  AccessKeyId: string;
  SecretKey: string;
  SessionToken: string;
  /** Seconds since the epoch. */
  Expiration: number;
}

/** The answer to a request. */
export interface Answer {
  /** The HTTP status; 0 if there was no answer. */
  status: number;
  /** The code of an error; empty if there is none. */
  type: string;
  /** `Retry-After` in milliseconds; NaN if there is none. */
  retryAfter: number;
  /** `Date` in milliseconds since the epoch; NaN if there is none. */
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

/** Smaller bodies, in bytes, hardly shrink by compression. */
export const WORTH_COMPRESSING = 1024;
export const ALGORITHM = "AWS4-HMAC-SHA256";
/** Milliseconds after which the failure of a last request is believed, since the page is still there. */
const GONE = 1000;
/**
 * The console is told after more than this many requests in a row without a useful answer: so many may be in flight.
 */
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
    // Before `pagehide`, Chromium reports a keepalive request as failed that outlives its page: sending it again would
    // make a duplicate.
    if (isLast) await new Promise((go) => setTimeout(go, GONE));
  }
  // A web server or a proxy answers with a page. The endpoint answers with JSON, and STS with XML that has a
  // `RequestId`.
  if (answer.status < 500 && /^{|Id>/.test(answer.text)) {
    unanswered = 0;
    heard();
  } else if (++unanswered > MOST_UNANSWERED && navigator.onLine) say("unanswered", { url, answer });
  return answer;
}

/** `Uint8Array<ArrayBuffer>`, in a form that TypeScript before 5.7 also understands. */
type Bytes = ReturnType<TextEncoder["encode"]>;

/** Compresses a body by gzip. Rejects if the browser cannot. */
export async function compressed(body: Bytes): Promise<Bytes> {
  const { writable, readable } = new CompressionStream("gzip");
  const writer = writable.getWriter();
  // Reading fails as well, and its error counts.
  writer.write(body).catch(() => {});
  writer.close().catch(() => {});
  return new Uint8Array(await new Response(readable).arrayBuffer());
}

/** A request that is to be signed. */
export interface Unsigned {
  url: string;
  /** The host that is signed. */
  host: string;
  /** Such as `20150830T123600Z`. */
  date: string;
  /** `Credential` of the signature. */
  credential: string;
  token: string;
  /** Milliseconds that `date` and the times of the events are ahead of the browser's clock. */
  offset: number;
  /** Gives the signature of the request with this query and these headers, which are sorted already. */
  sign(query: string, headers: object): string;
}

/** Where a request carries its signature. Gives its address and its headers. */
export type Form = (unsigned: Unsigned) => [url: string, headers: Record<string, string>];

/** Puts the signature into the query, which causes no CORS preflight. */
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
  /** Milliseconds to add to the browser's clock for the time of the signature. */
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
