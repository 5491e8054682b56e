// The buffer and the validator of a module: the one that every page loads, or the one that says what is wrong.

import type { AnalyticsEvent } from "../types.js";
import { METRIC, OTHER_TYPE, type Validator } from "./contract.js";

const encoder = new TextEncoder();
/** A byte order mark is a character like any other. */
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A text as UTF-8. */
export const encode = (text: string) => encoder.encode(text);

/** Puts bytes into the buffer. */
export function put(wasm: Validator, bytes: ArrayLike<number>): void {
  const address = wasm.page_buffer(bytes.length);
  new Uint8Array(wasm.memory.buffer).set(bytes, address);
}

/** Puts one or two texts into the buffer, as UTF-8, one after the other. Gives how many bytes the first has. */
export function putTexts(wasm: Validator, first: string, second = ""): number {
  // A UTF-16 unit takes three bytes at most.
  const start = wasm.page_buffer(3 * (first.length + second.length));
  const memory = new Uint8Array(wasm.memory.buffer);
  const write = (text: string, from: number) => {
    // For short texts, such as fields, `TextEncoder` takes ten times as long as this loop.
    for (let at = 0; at < text.length; at++) {
      const unit = text.charCodeAt(at);
      if (unit > 127)
        return from + encoder.encodeInto(text.slice(at), memory.subarray(from)).written;
      memory[from++] = unit;
    }
    return from;
  };
  const middle = write(first, start);
  wasm.page_buffer(write(second, middle) - start);
  return middle - start;
}

/** A text as it is sent: half a surrogate pair becomes U+FFFD, as everywhere on the platform. */
export function wellFormed(text: string): string {
  return text.toWellFormed ? text.toWellFormed() : decoder.decode(encode(text));
}

/** The bytes in the buffer, until the next call into the module. */
export const bytes = (wasm: Validator, length: number) =>
  bytesAt(wasm, wasm.page_buffer(length), length);

/** The text in the buffer. */
export const take = (wasm: Validator, length: number) =>
  textAt(wasm, wasm.page_buffer(length), length);

/** The text at an address in the module's memory. */
export const textAt = (wasm: Validator, address: number, length: number) =>
  decoder.decode(bytesAt(wasm, address, length));

const bytesAt = (wasm: Validator, address: number, length: number) =>
  new Uint8Array(wasm.memory.buffer, address, length);

/** Sets the rules of a schema. Gives whether the module can read them. */
export function setRules(wasm: Validator, rules: string): boolean {
  putTexts(wasm, rules);
  return !!wasm.validator_set_rules();
}

/**
 * Hands an event to the validator. Gives the part of it to send. `misplaced` is called if `attributes` or `metrics` is
 * not an object of fields, with the member's name and what it is.
 */
export function hand(
  wasm: Validator,
  event: AnalyticsEvent,
  misplaced: (path: string, given: unknown) => void,
): AnalyticsEvent {
  const fields = (isMetric: boolean, path: string, map: object | null | undefined) => {
    const given: object = map ?? {};
    if ({}.toString.call(given) !== "[object Object]") {
      misplaced(path, given);
      return undefined;
    }
    // biome-ignore lint/suspicious/noExplicitAny: whatever the page recorded; the validator judges it.
    const entries: [string, any][] = [];
    for (const [key, value] of Object.entries(given)) {
      const name = wellFormed(key);
      const sent = typeof value === "string" ? wellFormed(value) : value;
      if (value !== undefined && field(wasm, isMetric, name, sent)) entries.push([name, sent]);
    }
    return entries.length ? Object.fromEntries(entries) : undefined;
  };
  const name = wellFormed(event.name);
  putTexts(wasm, name);
  wasm.validator_begin();
  return {
    name,
    attributes: fields(false, "Attributes", event.attributes),
    metrics: fields(true, "Metrics", event.metrics),
  };
}

/** Hands over a field. Gives whether to send it. */
function field(wasm: Validator, isMetric: boolean, name: string, value: unknown): boolean {
  const kind = value === null ? "null" : typeof value;
  const isOther = kind !== (isMetric ? "number" : "string");
  const ofName = putTexts(wasm, name, isOther ? kind : String(value));
  return (
    !!wasm.validator_field(METRIC * +isMetric + OTHER_TYPE * +isOther, ofName) && value !== null
  );
}
