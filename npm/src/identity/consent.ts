// Whether this browser's events may be sent: the last `enable()` or `disable()` of any tab or visit decides.

import { keep, kept } from "../local-storage.js";
import { nameOf, settings } from "../setup.js";

/** The last call in this page, if nothing can be kept. */
let said: boolean | undefined;

const consentKey = () => nameOf("enabled.");

/** Why events may not be sent; `undefined` if they may. */
export function refusal(): string | undefined {
  if (settings.asksForPrivacy?.()) return "privacy signal";
  const enabled = kept(consentKey());
  const mayLeave = enabled ? enabled === "true" : (said ?? !settings.disabled);
  return mayLeave ? undefined : "disabled";
}

export function consent(enabled: boolean): void {
  said = enabled;
  // If the new value cannot be kept, the old one must not stay: it would decide here and on later visits.
  if (!keep(consentKey(), String(enabled))) keep(consentKey(), null);
}

/** The last call, as it is kept. */
export const keptConsent = () => kept(consentKey());

/** Another tab has changed what is kept under `key`. Gives whether that is the key of consent. */
export function isConsent(key: string | null): boolean {
  const isIt = key === consentKey();
  if (isIt) said = undefined;
  return isIt;
}
