// The WebAssembly module that every page loads. Numbers cross the boundary as they are, texts through its
// buffer.

import { round } from "../setup.js";
import type { AnalyticsEvent } from "../types.js";
import type { Core } from "./contract.js";
import { hand, textAt } from "./validator.js";

export type { Core } from "./contract.js";

/** The module, while it runs. There is one of it. */
export let core: Core | undefined;

let trapped: (error: unknown) => void;
let depth = 0;

/** Goes on with a module that holds nothing yet. `whenTrapped` hears that it cannot be used any more. */
export function run(instance: Core, whenTrapped: typeof trapped): void {
  core = instance;
  trapped = whenTrapped;
}

/** Gives what tells later whether all is as it was: the same module runs, and nothing was forgotten. */
export function untilChanged(): () => boolean {
  const [begun, machine] = [round, core];
  return () => begun === round && machine === core;
}

/** Calls into the module. Gives nothing where none runs, or where it traps, which ends it. */
export function withCore<T>(use: (core: Core) => T): T | undefined {
  const used = core;
  if (!used) return undefined;
  depth++;
  try {
    used.outbox_now(Date.now(), performance.now());
    return use(used);
  } catch (error) {
    if (core === used) {
      core = undefined;
      trapped(error);
    }
    // An outer call with the same module cannot go on with it, either.
    if (depth > 1) throw error;
  } finally {
    depth--;
  }
}

/** Makes a module ready. What it imports is what validating by a schema takes of JavaScript's engine. */
export async function instantiate(module: WebAssembly.Module): Promise<Core> {
  const text = (address: number, length: number) => textAt(exports, address, length);
  const js = {
    number: (address: number, length: number) => +text(address, length),
    matches: (pattern: number, ofPattern: number, address: number, length: number) =>
      RegExp(text(pattern, ofPattern)).test(text(address, length)),
  };
  const exports = (await WebAssembly.instantiate(module, { js })).exports as object as Core;
  return exports;
}

/** Validates an event. Gives what of it is to be sent; nothing where it is not valid. */
export function checked(core: Core, event: AnalyticsEvent): AnalyticsEvent | undefined {
  let isPlaced = true;
  const sent = hand(core, event, () => {
    isPlaced = false;
  });
  return core.validator_is_valid() && isPlaced ? sent : undefined;
}
