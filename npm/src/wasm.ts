// The WebAssembly module. Numbers cross the boundary as they are, texts through its buffer; what each
// function does is said where it is written, in sdk-wasm/src.

import type { Violation } from "./types.js";

/** What `forebay_wasm_bg.wasm` comes as. */
export type Wasm = Response | BufferSource | WebAssembly.Module;

/** What the module exports. */
interface Exports extends WebAssembly.Exports {
  memory: WebAssembly.Memory;
  buffer(length: number): number;
  payloadHash(): number;
  signCanonical(canonical: number, date: number, scope: number): number;
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
  load(event: number, bytes: number, who: number, at: number, offset: number): void;
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
  setRules(): number;
  begin(): void;
  field(given: number, name: number): number;
  violations(): number;
}

const encoder = new TextEncoder();

/** A path with a name that is longer than one may be: it is the page's, and ends up in messages. */
const LONG_NAME = /^(\w+\..{50}).+/su;

/** Bytes as UTF-8. */
export const encode = (text: string) => encoder.encode(text);

/** Makes the module ready. There is one of it. */
export async function instantiate(wasm: Wasm): Promise<Core> {
  const source = wasm instanceof Response ? await wasm.arrayBuffer() : wasm;
  const made: object = await WebAssembly.instantiate(source as BufferSource);
  const instance = "instance" in made ? made.instance : made;
  return core((instance as WebAssembly.Instance).exports as Exports);
}

export type Core = ReturnType<typeof core>;

function core(wasm: Exports) {
  /** Puts bytes into the buffer, one after the other. Gives their lengths. */
  const put = (...parts: Uint8Array[]) => {
    const lengths = parts.map((part) => part.length);
    const length = lengths.reduce((sum, length) => sum + length, 0);
    let address = wasm.buffer(length);
    for (const part of parts) {
      new Uint8Array(wasm.memory.buffer).set(part, address);
      address += part.length;
    }
    return lengths;
  };
  const putTexts = (...texts: string[]) => put(...texts.map(encode));
  const bytes = (length: number) => new Uint8Array(wasm.memory.buffer, wasm.buffer(length), length);
  const take = (length: number) => new TextDecoder().decode(bytes(length));
  const clocks = () => [Date.now(), performance.now()] as const;
  let wakeAt = 0;

  return {
    ...wasm,
    /** SHA-256 in hexadecimal digits. */
    payloadHash(body: Uint8Array) {
      put(body);
      return take(wasm.payloadHash());
    },
    signCanonical(canonical: string, date: string, scope: string, secret: string) {
      const [ofCanonical, ofDate, ofScope] = putTexts(canonical, date, scope, secret);
      return take(wasm.signCanonical(ofCanonical, ofDate, ofScope));
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
      putTexts(errorType);
      wasm.answered(request, status, retryAfter, date, ...clocks());
    },
    tick() {
      wakeAt = wasm.tick(...clocks());
    },
    hidden: (envelope: number) => wasm.hidden(envelope, ...clocks()),
    /** How long to wait until the next tick; it may be for ever. */
    wait: () => Math.max(0, wakeAt - performance.now()),
    /** An event, what to add to its time, the next event, and so on. */
    batch: (request: number) => new Float64Array(bytes(wasm.batch(request)).slice().buffer),
    /** Gives whether the rules can be read. */
    setRules(rules: string) {
      putTexts(rules);
      return !!wasm.setRules();
    },
    begin(eventType: string) {
      putTexts(eventType);
      wasm.begin();
    },
    /** Takes a field of the event that begins. Gives whether it is to be sent. */
    field(isMetric: boolean, name: string, value: unknown) {
      const kind = value === null ? "null" : typeof value;
      const isOther = kind !== (isMetric ? "number" : "string");
      const [ofName] = putTexts(name, isOther ? kind : String(value));
      return !!wasm.field(+isMetric + 2 * +isOther, ofName) && value !== null;
    },
    /** The violations of the event; none for a valid one. */
    violations() {
      const parts = take(wasm.violations()).split("\x1f");
      const violations: Violation[] = [];
      for (let at = 0; at + 4 < parts.length; at += 4) {
        const [path, rule, expected, actual] = parts.slice(at);
        violations.push({ path: path.replace(LONG_NAME, "$1…"), rule, expected, actual });
      }
      return violations;
    },
  };
}
