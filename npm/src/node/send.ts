// One request to POST /v1/events, and what its answer says.

import { promisify } from "node:util";
import { gzip } from "node:zlib";
import type { Answer, Entry, Result } from "./queue.js";

/** Smaller bodies, in bytes, are sent uncompressed. */
const COMPRESSED_FROM = 1_000;
/** No answer of the worker is longer, in bytes. */
const LONGEST_ANSWER = 4_000_000;
const TIMEOUT_MS = 30_000;

const compress = promisify(gzip);

/** Where requests go, and with which key. */
export interface Target {
  url: string;
  key: string;
  fetch: typeof fetch;
  signal: AbortSignal;
  /** Called with the reason why a request failed, without anything of its content. */
  failed: (why: string) => void;
}

/** Sends a batch. Never throws. */
export async function send(batch: Entry[], target: Target): Promise<Answer> {
  const text = batch.map(({ line }) => line).join("\n");
  const body = text.length < COMPRESSED_FROM ? text : await compress(text);
  // Not `AbortSignal.any`: the longer-lived signal would keep each combined one in memory.
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = setTimeout(abort, TIMEOUT_MS).unref();
  target.signal.addEventListener("abort", abort);
  let response: Response;
  let said: string;
  try {
    response = await target.fetch(target.url, {
      method: "POST",
      headers: {
        authorization: `Bearer ${target.key}`,
        // In NDJSON a damaged line costs only its own event.
        "content-type": "application/x-ndjson",
      },
      body,
      // A redirect must not get the key.
      redirect: "manual",
      signal: controller.signal,
    });
    said = await read(response);
  } catch (error) {
    const { name, cause } = error as Error & { cause?: { code?: unknown } };
    if (!target.signal.aborted) target.failed(`no answer (${cause?.code ?? name})`);
    return { kind: "failed", retryAfter: 0 };
  } finally {
    clearTimeout(timer);
    target.signal.removeEventListener("abort", abort);
  }
  const retryAfter = milliseconds(response.headers.get("retry-after"), Date.now());
  const results = resultsOf(said, batch);
  if (results) return { kind: "results", results, retryAfter };
  if (response.status === 413) return { kind: "too large" };
  // Only the code is repeated: a proxy may have put anything into the rest.
  const type = /^\w{1,60}$/.exec(response.headers.get("x-amzn-errortype") ?? "")?.[0];
  target.failed(`the answer ${response.status}${type ? ` (${type})` : ", not of a worker"}`);
  return { kind: "failed", retryAfter };
}

/** The text of an answer; empty if it is too long to be the worker's. */
async function read(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > LONGEST_ANSWER) return "";
  }
  return text + decoder.decode();
}

/** What an answer says of each event of a batch; `undefined` if it is not the worker's answer to this batch. */
function resultsOf(text: string, batch: Entry[]): Result[] | undefined {
  try {
    const { results } = JSON.parse(text);
    if (!Array.isArray(results) || results.length !== batch.length) return undefined;
    const isOf = (result: { id?: unknown; status?: unknown }, index: number) =>
      result.id === batch[index].id && Number.isInteger(result.status);
    return results.every(isOf) ? results : undefined;
  } catch {
    return undefined;
  }
}

/** `Retry-After` in milliseconds: seconds or a date (RFC 9110); 0 if it is neither. */
export function milliseconds(header: string | null, now: number): number {
  if (!header) return 0;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const at = Date.parse(header);
  return at > now ? at - now : 0;
}
