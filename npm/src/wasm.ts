// The WebAssembly module that every page loads. Numbers cross the boundary as they are, texts through its
// buffer; what each function does is said where it is written, in sdk-wasm/src.

import type { AnalyticsEvent } from "./types.js";
import { bytes, hand, put, putTexts, setRules, take, type Validator } from "./validator.js";

/** What `forebay_wasm_bg.wasm` comes as. */
export type Wasm = Response | BufferSource | WebAssembly.Module;

/** What the module exports. */
interface Exports extends WebAssembly.Exports, Validator {
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

/** Makes the module ready. There is one of it. */
export async function instantiate(wasm: Wasm): Promise<Core> {
  const source = wasm instanceof Response ? await wasm.arrayBuffer() : wasm;
  const made: object = await WebAssembly.instantiate(source as BufferSource);
  const instance = "instance" in made ? made.instance : made;
  return core((instance as WebAssembly.Instance).exports as Exports);
}

export type Core = ReturnType<typeof core>;

function core(wasm: Exports) {
  const clocks = () => [Date.now(), performance.now()] as const;
  let wakeAt = 0;

  return {
    ...wasm,
    /** SHA-256 in hexadecimal digits. */
    payloadHash(body: Uint8Array) {
      put(wasm, body);
      return take(wasm, wasm.payloadHash());
    },
    signCanonical(canonical: string, date: string, scope: string, secret: string) {
      putTexts(wasm, [canonical, date, scope, secret].join("\0"));
      return take(wasm, wasm.signCanonical());
    },
    record: (event: number, bytes: number, who: number, at: number, immediate: boolean) =>
      wasm.record(event, bytes, who, at, immediate, ...clocks()),
    gotCredentials: (who: number, lifetime: number) =>
      wasm.gotCredentials(who, lifetime, ...clocks()),
    noCredentials: (who: number, retryAfter: number) =>
      wasm.noCredentials(who, retryAfter, ...clocks()),
    /** `events` is what the answer says about each, as HTTP statuses in the order of the batch. */
    answered(
      request: number,
      status: number,
      errorType: string,
      retryAfter: number,
      date: number,
      events: Iterable<number>,
    ) {
      for (const event of events) wasm.verdict(event);
      putTexts(wasm, errorType);
      wasm.answered(request, status, retryAfter, date, ...clocks());
    },
    tick() {
      wakeAt = wasm.tick(...clocks());
    },
    hidden: (envelope: number) => wasm.hidden(envelope, ...clocks()),
    /** How long to wait until the next tick; it may be for ever. */
    wait: () => Math.max(0, wakeAt - performance.now()),
    /** An event, what to add to its time, the next event, and so on. */
    batch: (request: number) => new Float64Array(bytes(wasm, wasm.batch(request)).slice().buffer),
    setRules: (rules: string) => setRules(wasm, rules),
    /** Validates an event. Gives what of it is to be sent; nothing where it is not valid. */
    check(event: AnalyticsEvent): AnalyticsEvent | undefined {
      let isPlaced = true;
      const sent = hand(wasm, event, () => {
        isPlaced = false;
      });
      return wasm.isValid() && isPlaced ? sent : undefined;
    },
  };
}
