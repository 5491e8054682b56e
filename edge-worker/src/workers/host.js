// What the worker asks of the platform with each request, in as few calls as possible: what crosses between
// WebAssembly and JavaScript costs, and objects of the platform cost more.

/** The members of `request.cf` that are read. */
const CF = [
  "country",
  "continent",
  "region",
  "regionCode",
  "city",
  "postalCode",
  "timezone",
  "latitude",
  "longitude",
  "asn",
  "asOrganization",
  "verifiedBotCategory",
];

/**
 * A request without its body, as lines: a fresh UUID, `request.cf` as JSON, the method, the URL, and then name and
 * value of each header. None of them has a line break in it.
 */
export function headOf(request) {
  const lines = [crypto.randomUUID(), cfOf(request), request.method, request.url];
  for (const [name, value] of request.headers) lines.push(name, value);
  return lines.join("\n");
}

/** Texts and numbers alone; a member of any other type is absent. */
function cfOf({ cf }) {
  if (!cf) return "";
  const members = {};
  for (const name of CF) {
    const value = cf[name];
    if (typeof value === "number") members[name] = value;
    if (typeof value === "string") members[name] = value.toWellFormed();
  }
  return JSON.stringify(members);
}

/**
 * The body of a request.
 *
 * @param mostMs how long to wait for it
 * @returns its bytes; null where it has not come in time
 */
export async function bodyOf(request, mostMs) {
  const late = Promise.withResolvers();
  const timer = setTimeout(late.resolve, mostMs, null);
  try {
    const buffer = await Promise.race([request.arrayBuffer(), late.promise]);
    return buffer && new Uint8Array(buffer);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Sends a request of the worker's own. Redirects are not followed: they would take the signature, and what it signs,
 * somewhere else.
 *
 * @param headers name and value of each as lines
 * @param body of WebAssembly's memory
 * @param mostMs how long to wait for the whole answer
 * @param mostBytes how long its body may be
 * @returns the answer; undefined where there is none
 */
export async function send(method, url, headers, body, mostMs, mostBytes) {
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(), mostMs);
  try {
    const answer = await fetch(url, {
      method,
      headers: headersOf(headers),
      // That memory may move before the platform has read it.
      body: body.length > 0 ? body.slice() : undefined,
      redirect: "manual",
      signal: controller.signal,
    });
    return {
      status: answer.status,
      errorType: answer.headers.get("x-amzn-errortype"),
      retryAfter: answer.headers.get("retry-after"),
      body: await bytesOf(answer, mostBytes),
    };
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

/** The body of an answer, of which no more than `most` bytes are kept in memory. */
async function bytesOf(answer, most) {
  const length = Number(answer.headers.get("content-length") ?? Number.NaN);
  if (length <= most && !answer.headers.has("content-encoding")) {
    return new Uint8Array(await answer.arrayBuffer());
  }
  const chunks = [];
  let taken = 0;
  for await (const chunk of answer.body ?? []) {
    taken += chunk.length;
    if (taken > most) throw new RangeError("the answer is too long");
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(taken);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

/**
 * The answer to a request.
 *
 * @param headers name and value of each as lines
 * @param body of WebAssembly's memory
 */
export function answerOf(status, headers, body) {
  // Some statuses, 204 among them, may have no body, not even one of no bytes.
  return new Response(body.length > 0 ? body.slice() : null, {
    status,
    headers: headersOf(headers),
  });
}

/** Headers as the platform reads them quickest: an object. No name is given twice. */
function headersOf(lines) {
  const headers = {};
  if (lines === "") return headers;
  const texts = lines.split("\n");
  for (let at = 0; at < texts.length; at += 2) headers[texts[at]] = texts[at + 1];
  return headers;
}

let second = Number.NaN;
let date = "";

/** `Sat, 21 Nov 2026 01:02:03 GMT` */
export function httpDate() {
  const now = Math.floor(Date.now() / 1000);
  if (now !== second) {
    second = now;
    date = new Date(now * 1000).toUTCString();
  }
  return date;
}
