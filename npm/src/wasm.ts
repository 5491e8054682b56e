// The WebAssembly module that every page loads. Numbers cross the boundary as they are, texts through its
// buffer; what each function does is said where it is written, in sdk-wasm/src.

import type { AnalyticsEvent } from "./types.js";
import { hand, put, putTexts, take, type Validator } from "./validator.js";

/** What `forebay_wasm_bg.wasm` comes as. */
export type Wasm = Response | BufferSource | WebAssembly.Module;

/** What the module exports. */
export interface Core extends Validator {
  payloadHash(): number;
  signCanonical(): number;
  start(
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
  record(
    event: number,
    bytes: number,
    who: number,
    at: number,
    immediate: boolean,
    wall: number,
    monotonic: number,
  ): void;
  load(event: number, bytes: number, who: number, at: number): void;
  loaded(): void;
  endedElsewhere(event: number, end: number): void;
  flush(): void;
  updateEndpoint(): void;
  setCurrent(who: number): void;
  setLeader(leader: boolean): void;
  setOnline(online: boolean): void;
  gotCredentials(who: number, lifetime: number, wall: number, monotonic: number): void;
  noCredentials(who: number, retryAfter: number, wall: number, monotonic: number): void;
  verdict(status: number): void;
  answered(
    request: number,
    status: number,
    retryAfter: number,
    date: number,
    wall: number,
    monotonic: number,
  ): void;
  tick(wall: number, monotonic: number): number;
  hidden(envelope: number, wall: number, monotonic: number): void;
  poll(): number;
  batch(request: number): number;
  who(request: number): number;
  clockOffset(): number;
  books(at: number): number;
  isValid(): number;
}

/** The module, once it runs. There is one of it. */
export let core: Core | undefined;

export function run(instance: Core): void {
  core = instance;
}

/** Makes the module ready. */
export async function instantiate(wasm: Wasm): Promise<Core> {
  const source = wasm instanceof Response ? await wasm.arrayBuffer() : wasm;
  const made: object = await WebAssembly.instantiate(source as BufferSource);
  const instance = "instance" in made ? made.instance : made;
  return (instance as WebAssembly.Instance).exports as object as Core;
}

/** The arguments `wall` and `monotonic`. */
export const clocks = () => [Date.now(), performance.now()] as const;

/** SHA-256 in hexadecimal digits. */
export function payloadHash(core: Core, body: Uint8Array): string {
  put(core, body);
  return take(core, core.payloadHash());
}

/** The signature of a canonical request. */
export function signature(
  core: Core,
  canonical: string,
  date: string,
  scope: string,
  secret: string,
): string {
  putTexts(core, [canonical, date, scope, secret].join("\0"));
  return take(core, core.signCanonical());
}

/** Validates an event. Gives what of it is to be sent; nothing where it is not valid. */
export function checked(core: Core, event: AnalyticsEvent): AnalyticsEvent | undefined {
  let isPlaced = true;
  const sent = hand(core, event, () => {
    isPlaced = false;
  });
  return core.isValid() && isPlaced ? sent : undefined;
}
