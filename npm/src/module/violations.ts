import deflated from "#violations";
import type { AnalyticsEvent, Violation } from "../types.js";
import type { Explainer } from "./contract.js";
import { inflated } from "./inflate.js";
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
  hand(wasm, event, (path, actual) =>
    found.push({ path, rule: "type", expected: "an object", actual }),
  );
  return found.concat(JSON.parse(take(wasm, wasm.validator_violations())));
}

async function load(schema: string | undefined): Promise<Explainer> {
  try {
    const { instance } = await WebAssembly.instantiate(await inflated(deflated));
    const wasm = instance.exports as object as Explainer;
    if (schema) setRules(wasm, schema);
    return wasm;
  } catch (error) {
    // The next event may have more luck.
    loaded = undefined;
    throw error;
  }
}
