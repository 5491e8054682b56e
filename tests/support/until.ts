import { setTimeout as sleep } from "node:timers/promises";

/** How often a condition is looked at, in milliseconds. */
const POLL_MS = 50;

/**
 * Resolves with the first answer of `look` that is neither false, null nor undefined.
 *
 * @throws Error when none came within `timeout` milliseconds; it names `what` was waited for.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  { timeout = 20_000 } = {},
): Promise<Exclude<T, false | null | undefined>> {
  const deadline = Date.now() + timeout;
  for (;;) {
    const answer = await look();
    if (answer !== false && answer !== null && answer !== undefined) {
      return answer as Exclude<T, false | null | undefined>;
    }
    if (Date.now() > deadline) throw new Error(`waited ${timeout} ms for ${what}`);
    await sleep(POLL_MS);
  }
}
