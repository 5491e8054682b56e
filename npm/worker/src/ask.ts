import { UsageError } from "../../src/cli/command.js";
import { jsonObject } from "./json.js";

/** How long the worker may take to answer, in milliseconds. */
const TIME_OUT = 30_000;

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: JSON of whatever answers there.
  body: any;
}

/**
 * Asks a worker.
 *
 * @throws UsageError where nobody answers, or not in JSON
 */
export async function asked(request: string | Request, init?: RequestInit): Promise<Answer> {
  const where = new URL(typeof request === "string" ? request : request.url).origin;
  let response: Response;
  try {
    response = await fetch(request, { ...init, signal: AbortSignal.timeout(TIME_OUT) });
  } catch (error) {
    throw new UsageError(`${where} does not answer: ${reasonOf(error)}`);
  }
  const { status, headers } = response;
  const body = jsonObject(await response.text().catch(() => ""));
  if (body) return { status, headers, body };
  throw new UsageError(`${where} is no Forebay worker: it answered ${status} without JSON`);
}

/** Why `fetch` failed. Where a host has several addresses, the reason has no words of its own. */
export function reasonOf(error: unknown): string {
  const { cause, message } = error as Error & { cause?: Error & { code?: string } };
  return cause?.message || cause?.code || message;
}
