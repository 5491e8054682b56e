import text from "#violations";
import type { AnalyticsEvent, Violation } from "../types.js";
import type { Explainer } from "./contract.js";
import { bytesOf } from "./text.js";
import { hand, setRules, take } from "./validator.js";

let loaded: Promise<Explainer> | undefined;

/** What is wrong with an event, by the page's schema. */
export async function violationsOf(
  event: AnalyticsEvent,
  schema: string | undefined,
): Promise<Violation[]> {
  loaded ??= load(schema);
  const wasm = await loaded;
  const found: Violation[] = [];
  hand(wasm, event, (path, given) =>
    found.push({ path, rule: "type", expected: "an object", actual: kindOf(given) }),
  );
  return found.concat(JSON.parse(take(wasm, wasm.validator_violations())));
}

/** Names what was given instead of fields. `record()` has turned such an object into a text such as `[object Map]`. */
function kindOf(given: unknown): string {
  const kind = typeof given === "object" ? Object.prototype.toString.call(given) : given;
  return /^\[object (\w+)]$/.exec(String(kind))?.[1] ?? typeof given;
}

async function load(schema: string | undefined): Promise<Explainer> {
  try {
    const { instance } = await WebAssembly.instantiate(bytesOf(text));
    const wasm = instance.exports as object as Explainer;
    if (schema) setRules(wasm, schema);
    return wasm;
  } catch (error) {
    // The next event loads it again.
    loaded = undefined;
    throw error;
  }
}
