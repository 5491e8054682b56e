// Beginning anew: the core, and everything.

import { forgetCredentials, forgetGiven } from "./identity/credentials.js";
import { forgetKept } from "./identity/ids.js";
import { current, forgetUser } from "./identity/user.js";
import { withCore } from "./module/core.js";
import { forgetBrowser } from "./queue/intake.js";
import { forgetEvents } from "./queue/outbox.js";
import { network } from "./queue/turns.js";
import { forgetProfile, isDescribed, keptOffset } from "./send/deliveries.js";
import { nextRound, settings } from "./setup.js";
import { follow } from "./tabs/leader.js";

/** Begins with an empty core. */
export function reset(): void {
  forgetGiven();
  withCore((core) => {
    core.outbox_start(
      Math.random(),
      settings.flushSize,
      settings.bufferSize,
      settings.bufferBytes,
      settings.maxAge,
      settings.flushInterval,
      settings.dropPolicy === "newest",
      keptOffset(),
    );
    core.outbox_set_current(current);
    if (isDescribed) core.outbox_update_endpoint();
  });
  network();
}

/**
 * Forgets everything and goes on as a new visitor. `told` is the new endpoint id of another tab that has forgotten
 * first; this tab may see that id in localStorage only later.
 */
export function forgetAll(told?: string | null): void {
  forgetEvents();
  forgetKept(told);
  forgetBrowser(told);
  forgetCredentials();
  forgetUser();
  forgetProfile();
  nextRound();
  reset();
  follow();
}
