// Loads what takes care of other tabs and earlier visits, once there are such.

import { page } from "../setup.js";
import type { Parts } from "./parts.js";

type Others = typeof import("./others.js");

let parts: Parts;
let loading: Promise<Others> | undefined;
/** Whether it did not come, after a deploy for example: this tab neither takes nor hands over until it does. */
export let isMissing = false;

/** There is a network: something of use was answered. */
export let heard = () => {};

/**
 * Resolves when there is a network, whether or not the browser says so: Firefox never asks again for a script that
 * it could not get.
 */
async function online(): Promise<void> {
  if (navigator.onLine !== false) return;
  await new Promise<void>((go) => {
    heard = go;
    addEventListener("online", () => go());
  });
}

/** Says what of the engine that script works on. */
export function openOthers(theParts: Parts): void {
  parts = theParts;
}

/** Gives that script, however late it comes; what is done by it is done in its order. */
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
