// Loads `others.js`, which cares for other tabs and earlier visits, once there are any.

import { page } from "../setup.js";
import type { Parts } from "./parts.js";

type Others = typeof import("./others.js");

let parts: Parts;
let loading: Promise<Others> | undefined;
/**
 * Whether it failed to load, after a deploy for example: until it loads, this tab neither takes nor hands over events.
 */
export let isMissing = false;

/** To be called when an answer shows that there is a network. */
export let heard = () => {};

/**
 * Resolves when there is a network, by the browser's word or by an answer. Firefox never asks again for a script that
 * it could not load, so it must not ask too early.
 */
async function online(): Promise<void> {
  if (navigator.onLine !== false) return;
  await new Promise<void>((go) => {
    heard = go;
    addEventListener("online", () => go());
  });
}

/** Sets the parts of the engine that the script works on. */
export function openOthers(theParts: Parts): void {
  parts = theParts;
}

/** Resolves with the script when it has loaded, however late; callers go on in the order of their calls. */
export function others(): Promise<Others> {
  loading ??= new Promise((resolve) => {
    page
      .untilLoaded(async () => {
        await online();
        const loaded = await import("./others.js");
        loaded.setUp(parts);
        isMissing = false;
        resolve(loaded);
      })
      .catch(() => {
        isMissing = true;
      });
  });
  return loading;
}
