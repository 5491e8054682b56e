import text from "#violations";
import type { AnalyticsEvent, Violation } from "../types.js";
import { bytesOf } from "./text.js";
import { hand, setRules, take, type Validator } from "./validator.js";

/** What the module exports. */
interface Exports extends Validator {
  validator_violations(): number;
}

let loaded: Promise<Exports> | undefined;

/** What is wrong with an event, by the page's schema. */
export async function violationsOf(
  event: AnalyticsEvent,
  schema: string | undefined,
): Promise<Violation[]> {
  loaded ??= load(schema);
  const wasm = await loaded;
  const found: Violation[] = [];
  hand(wasm, event, (path, actual) =>
    found.push({ path, rule: "type", expected: "an object", actual }),
  );
  return found.concat(JSON.parse(take(wasm, wasm.validator_violations())));
}

async function load(schema: string | undefined): Promise<Exports> {
  try {
    const { instance } = await WebAssembly.instantiate(bytesOf(text));
    const wasm = instance.exports as object as Exports;
    if (schema) setRules(wasm, schema);
    return wasm;
  } catch (error) {
    // The next event may have more luck.
    loaded = undefined;
    throw error;
  }
}
