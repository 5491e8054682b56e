import { UsageError } from "../../src/cli/command.js";

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
    const { cause, message } = error as Error;
    throw new UsageError(`${where} does not answer: ${(cause as Error)?.message ?? message}`);
  }
  try {
    return { status: response.status, headers: response.headers, body: await response.json() };
  } catch {
    throw new UsageError(
      `${where} is no Forebay worker: it answered ${response.status} without JSON`,
    );
  }
}
