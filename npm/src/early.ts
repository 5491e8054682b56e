// Events that a page records before its engine has loaded: if the page ends, it leaves them for the next one.

import type { Recorded } from "./engine.js";

/**
 * Writes these events to localStorage under `key`, in order. If there is no room for all, it writes as many as fit, and
 * how many were lost. An event that cannot be written as JSON is not valid: only that fact is kept of it.
 */
export function keepEarly(key: string, events: Recorded[]): void {
  const texts = events.map(textOf).sort((one, other) => one.length - other.length);
  const all = texts.length;
  let kept = 0;
  // A text that does not fit leaves the item as it is.
  const keep = (count: number) => {
    try {
      // A text begins with its event's id, and an id with the time.
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
