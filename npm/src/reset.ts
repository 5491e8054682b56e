// Beginning anew: the core, and everything.

import { forgetCredentials } from "./credentials.js";
import { forgetDeliveries, forgetProfile, isDescribed, keptOffset } from "./deliveries.js";
import { forgetIds } from "./ids.js";
import { forgetBrowser } from "./intake.js";
import { follow } from "./leader.js";
import { forgetEvents } from "./outbox.js";
import { nextRound, settings } from "./setup.js";
import { network } from "./turns.js";
import { current, forgetUser } from "./user.js";
import { core } from "./wasm.js";

/** Most bytes of events in a request. */
const BATCH_BYTES = 4_000_000 - 16_000;

/** Begins with an empty core. */
export function reset(): void {
  if (!core) return;
  core.outbox_start(
    Math.random(),
    settings.flushSize,
    BATCH_BYTES,
    settings.bufferSize,
    settings.bufferBytes,
    settings.maxAge,
    settings.flushInterval,
    settings.dropPolicy === "newest",
    keptOffset(),
  );
  core.outbox_set_current(current);
  if (isDescribed) core.outbox_update_endpoint();
  network();
}

/** Goes on as if nothing had been. `isHeard`: another tab has deleted what is kept. */
export function forgetAll(isHeard = false): void {
  forgetEvents();
  if (!isHeard) {
    forgetDeliveries();
    forgetIds();
  }
  forgetBrowser();
  forgetCredentials();
  forgetUser();
  forgetProfile();
  nextRound();
  reset();
  follow();
}
