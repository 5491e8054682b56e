// Events that a page recorded before its engine had loaded: a page that ends leaves them for the next one.

import type { Recorded } from "./engine.js";

/**
 * Keeps these events under `key` of localStorage, in their order; where there is no room for all, as many as fit,
 * and how many were lost. What cannot be written as JSON is not valid: that is all that is kept of it.
 */
export function keepEarly(key: string, events: Recorded[]): void {
  const texts = events.map(textOf).sort((one, other) => one.length - other.length);
  const all = texts.length;
  let kept = 0;
  // What does not fit changes nothing.
  const keep = (count: number) => {
    try {
      // They begin with their ids, and those with the time.
      const some = texts.slice(0, count).sort();
      localStorage.setItem(key, `[${[...some, `{"lost":${all - count}}`]}]`);
      kept = count;
    } catch {}
  };
  // All of them first: of what a page that ends writes, Firefox may lose what follows.
  for (let more = all; more; more >>= 1) if (kept + more <= all) keep(kept + more);
  if (!kept) keep(0);
  if (kept < all) console.warn(`Forebay: no room for ${all - kept} of ${all} events.`);
}

function textOf(recorded: Recorded): string {
  try {
    return JSON.stringify(recorded);
  } catch {
    return JSON.stringify({ ...recorded, event: { name: recorded.event.name, attributes: 0 } });
  }
}
