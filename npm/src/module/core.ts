// The WebAssembly module that every page loads. Numbers cross the boundary directly, texts through its buffer.

import { round } from "../setup.js";
import type { AnalyticsEvent } from "../types.js";
import type { Core } from "./contract.js";
import { hand, textAt } from "./validator.js";

export type { Core } from "./contract.js";

/** The running instance of the module, if any. */
export let core: Core | undefined;

let trapped: (error: unknown) => void;
let depth = 0;

/** Goes on with a new instance. `whenTrapped` is called when it has trapped. */
export function run(instance: Core, whenTrapped: typeof trapped): void {
  core = instance;
  trapped = whenTrapped;
}

/** Gives a function that says later whether the same instance still runs and nothing was forgotten. */
export function untilChanged(): () => boolean {
  const [begun, machine] = [round, core];
  return () => begun === round && machine === core;
}

/** Calls into the module. Gives nothing if none runs, or if it traps, which ends the instance. */
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
    // An outer call into the same instance cannot go on, either.
    if (depth > 1) throw error;
  } finally {
    depth--;
  }
}

/** Instantiates the module. Its imports compare numbers and test formats, for validation by a schema. */
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

/** Validates an event. Gives the part of it to send; nothing if it is not valid. */
export function checked(core: Core, event: AnalyticsEvent): AnalyticsEvent | undefined {
  let isPlaced = true;
  const sent = hand(core, event, () => {
    isPlaced = false;
  });
  return core.validator_is_valid() && isPlaced ? sent : undefined;
}
