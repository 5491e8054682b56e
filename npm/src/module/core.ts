// The WebAssembly module that every page loads. Numbers cross the boundary as they are, texts through its
// buffer; what each function does is said where it is written, in sdk-wasm/src.

import type { AnalyticsEvent } from "../types.js";
import { hand, put, putTexts, take, textAt, type Validator } from "./validator.js";

/** What `forebay_wasm_bg.wasm` comes as. */
export type Wasm = Response | BufferSource | WebAssembly.Module;

/** What the module exports. */
export interface Core extends Validator {
  signer_payload_hash(): number;
  signer_sign_canonical(request: number, date: number, scope: number): number;
  outbox_start(
    entropy: number,
    batchEvents: number,
    batchBytes: number,
    queueEvents: number,
    queueBytes: number,
    maxAge: number,
    interval: number,
    dropNewest: boolean,
    clockOffset: number,
  ): void;
  outbox_record(
    event: number,
    bytes: number,
    who: number,
    at: number,
    immediate: boolean,
    wall: number,
    monotonic: number,
  ): void;
  outbox_load(event: number, bytes: number, who: number, at: number): number;
  outbox_loaded(): void;
  outbox_evict(event: number): number;
  outbox_ended_elsewhere(event: number, end: number): void;
  outbox_flush(): void;
  outbox_update_endpoint(): void;
  outbox_set_current(who: number): void;
  outbox_set_leader(leader: boolean): void;
  outbox_set_online(online: boolean): void;
  outbox_got_credentials(who: number, lifetime: number, wall: number, monotonic: number): void;
  outbox_no_credentials(who: number, retryAfter: number, wall: number, monotonic: number): void;
  outbox_answered(
    request: number,
    status: number,
    events: number,
    retryAfter: number,
    date: number,
    wall: number,
    monotonic: number,
  ): void;
  outbox_tick(wall: number, monotonic: number): number;
  outbox_hidden(envelope: number, wall: number, monotonic: number): void;
  outbox_poll(): number;
  outbox_batch(request: number): number;
  outbox_who(request: number): number;
  outbox_clock_offset(): number;
  outbox_books(at: number): number;
  validator_is_valid(): number;
}

/** The module, once it runs. There is one of it. */
export let core: Core | undefined;

export function run(instance: Core): void {
  core = instance;
}

/** Makes the module ready. What it imports is what validating by a schema takes of JavaScript's engine. */
export async function instantiate(wasm: Wasm): Promise<Core> {
  const source = "arrayBuffer" in wasm ? await wasm.arrayBuffer() : wasm;
  const text = (address: number, length: number) => textAt(exports, address, length);
  const js = {
    number: (address: number, length: number) => +text(address, length),
    matches: (pattern: number, ofPattern: number, address: number, length: number) =>
      RegExp(text(pattern, ofPattern)).test(text(address, length)),
  };
  const made: object = await WebAssembly.instantiate(source as BufferSource, { js });
  const instance = ("instance" in made ? made.instance : made) as WebAssembly.Instance;
  const exports = instance.exports as object as Core;
  return exports;
}

/** The arguments `wall` and `monotonic`. */
export const clocks = () => [Date.now(), performance.now()] as const;

/** SHA-256 in hexadecimal digits. */
export function payloadHash(core: Core, body: Uint8Array): string {
  put(core, body);
  return take(core, core.signer_payload_hash());
}

/** The signature of a canonical request. */
export function signature(
  core: Core,
  canonical: string,
  date: string,
  scope: string,
  secret: string,
): string {
  const [request, ofDate, ofScope] = putTexts(core, canonical, date, scope, secret);
  return take(core, core.signer_sign_canonical(request, ofDate, ofScope));
}

/** Validates an event. Gives what of it is to be sent; nothing where it is not valid. */
export function checked(core: Core, event: AnalyticsEvent): AnalyticsEvent | undefined {
  let isPlaced = true;
  const sent = hand(core, event, () => {
    isPlaced = false;
  });
  return core.validator_is_valid() && isPlaced ? sent : undefined;
}
