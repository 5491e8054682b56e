// Whether this browser's events may leave: what was said last, by whichever tab or visit.

import { keep, kept } from "../local-storage.js";
import { nameOf, settings } from "../setup.js";

/** What this page said last, for where nothing can be kept. */
let said: boolean | undefined;

const consentKey = () => nameOf("enabled.");

/** Why nothing may leave; `undefined` where it may. */
export function refusal(): string | undefined {
  if (settings.asksForPrivacy?.()) return "privacy signal";
  const enabled = kept(consentKey());
  const mayLeave = enabled ? enabled === "true" : (said ?? !settings.disabled);
  return mayLeave ? undefined : "disabled";
}

export function consent(enabled: boolean): void {
  said = enabled;
  // Else what was said before would hold, here and on later visits.
  if (!keep(consentKey(), String(enabled))) keep(consentKey(), null);
}

/** What was said last, as it is kept. */
export const keptConsent = () => kept(consentKey());

/** Another tab has changed what is kept under this key. Gives whether it was this. */
export function isConsent(key: string | null): boolean {
  const isIt = key === consentKey();
  if (isIt) said = undefined;
  return isIt;
}
