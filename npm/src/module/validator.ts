// A module's buffer, and a validator behind it: the one that every page loads, or the one that says what is
// wrong.

import type { AnalyticsEvent } from "../types.js";
import { METRIC, OTHER_TYPE, type Validator } from "./contract.js";

const encoder = new TextEncoder();
/** A byte order mark is a character like others. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A text as UTF-8. */
export const encode = (text: string) => encoder.encode(text);

/** Puts bytes into the buffer, one after the other. Gives their lengths. */
export function put(wasm: Validator, ...parts: Uint8Array[]): number[] {
  const lengths = parts.map((part) => part.length);
  const length = lengths.reduce((sum, length) => sum + length, 0);
  let address = wasm.page_buffer(length);
  for (const part of parts) {
    new Uint8Array(wasm.memory.buffer).set(part, address);
    address += part.length;
  }
  return lengths;
}

/** The same for texts. */
export const putTexts = (wasm: Validator, ...texts: string[]) => put(wasm, ...texts.map(encode));

/** The bytes in the buffer, until the next call into the module. */
export const bytes = (wasm: Validator, length: number) =>
  bytesAt(wasm, wasm.page_buffer(length), length);

/** The text in the buffer. */
export const take = (wasm: Validator, length: number) =>
  textAt(wasm, wasm.page_buffer(length), length);

/** A text that the module has somewhere. */
export const textAt = (wasm: Validator, address: number, length: number) =>
  decoder.decode(bytesAt(wasm, address, length));

const bytesAt = (wasm: Validator, address: number, length: number) =>
  new Uint8Array(wasm.memory.buffer, address, length);

/** Gives whether the rules can be read. */
export function setRules(wasm: Validator, rules: string): boolean {
  putTexts(wasm, rules);
  return !!wasm.validator_set_rules();
}

/**
 * Hands an event to the validator. Gives what of it is to be sent. `misplaced` hears where something that
 * is no object stands in its place, and of what type it is.
 */
export function hand(
  wasm: Validator,
  { name, attributes, metrics }: AnalyticsEvent,
  misplaced: (path: string, type: string) => void,
): AnalyticsEvent {
  const fields = (isMetric: boolean, path: string, map: object | null | undefined) => {
    const given: object = map ?? {};
    if (typeof given !== "object") {
      misplaced(path, typeof given);
      return undefined;
    }
    const entries = Object.entries(given).filter(
      ([name, value]) => value !== undefined && field(wasm, isMetric, name, value),
    );
    return entries.length ? Object.fromEntries(entries) : undefined;
  };
  putTexts(wasm, name);
  wasm.validator_begin();
  return {
    name,
    attributes: fields(false, "Attributes", attributes),
    metrics: fields(true, "Metrics", metrics),
  };
}

/** Hands over a field. Gives whether it is to be sent. */
function field(wasm: Validator, isMetric: boolean, name: string, value: unknown): boolean {
  const kind = value === null ? "null" : typeof value;
  const isOther = kind !== (isMetric ? "number" : "string");
  const [ofName] = putTexts(wasm, name, isOther ? kind : String(value));
  return (
    !!wasm.validator_field(METRIC * +isMetric + OTHER_TYPE * +isOther, ofName) && value !== null
  );
}
