// What every answer of the page's server has in common.

import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { extname, join, normalize } from "node:path";

/** Most bytes of a request's body. */
const MAX_BODY_BYTES = 128 * 1024;

/** @type {Record<string, string>} */
const MIME_TYPES = {
  ".css": "text/css; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".map": "application/json",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
  ".woff2": "font/woff2",
};

/** A request that is answered with this status and message. */
export class HttpError extends Error {
  /**
   * @param {number} status
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/**
 * Refuses what another site sent. A page on the web can have its own name point to 127.0.0.1, and
 * its visitors' browsers would then read the lake for it: the `Host` they send gives that away.
 * @param {import("node:http").IncomingMessage} request
 */
export function assertSameOrigin(request) {
  const port = request.socket.localPort;
  const hosts = [`127.0.0.1:${port}`, `localhost:${port}`];
  const { host, origin } = request.headers;
  if (!host || !hosts.includes(host)) {
    throw new HttpError(403, `this server answers to http://${hosts[0]} only`);
  }
  if (origin !== undefined && origin !== `http://${host}`) {
    throw new HttpError(403, "requests from other origins are not answered");
  }
  const site = request.headers["sec-fetch-site"];
  if (request.method !== "GET" && site !== undefined && site !== "same-origin") {
    throw new HttpError(403, "requests from other sites are not answered");
  }
}

/**
 * The body of a request, as the JSON object it must be.
 * @param {import("node:http").IncomingMessage} request
 * @returns {Promise<Record<string, unknown>>}
 */
export async function readJson(request) {
  // A form on another site can post text, but not this type without a preflight.
  if (!request.headers["content-type"]?.startsWith("application/json")) {
    throw new HttpError(415, "send application/json");
  }
  /** @type {Buffer[]} */
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new HttpError(413, `send at most ${MAX_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  try {
    const json = JSON.parse(Buffer.concat(chunks).toString("utf8"));
    if (json !== null && typeof json === "object") return json;
  } catch {
    // Answered below, like any other body that is no object.
  }
  throw new HttpError(400, "send a JSON object");
}

/**
 * @param {import("node:http").ServerResponse} response
 * @param {number} status
 * @param {unknown} body
 */
export function sendJson(response, status, body) {
  response.writeHead(status, { "content-type": "application/json", "cache-control": "no-store" });
  response.end(JSON.stringify(body));
}

/**
 * Sends a file of a folder; `/` is its index.html.
 * @param {import("node:http").ServerResponse} response
 * @param {string} folder
 * @param {string} path as the URL has it, starting with `/`
 */
export async function sendFile(response, folder, path) {
  const wanted = decode(path === "/" ? "/index.html" : path);
  const file = join(folder, normalize(wanted));
  const info = file.startsWith(`${folder}/`) ? await stat(file).catch(() => undefined) : undefined;
  if (!info?.isFile()) throw new HttpError(404, `there is no ${wanted}`);
  response.writeHead(200, {
    "content-type": MIME_TYPES[extname(file)] ?? "application/octet-stream",
    "content-length": info.size,
    // Vite names what is under /assets/ after its content.
    "cache-control": wanted.startsWith("/assets/") ? "max-age=31536000, immutable" : "no-cache",
  });
  createReadStream(file)
    .on("error", () => response.destroy())
    .pipe(response);
}

/** @param {string} path */
function decode(path) {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new HttpError(400, "the path is not percent-encoded UTF-8");
  }
}
