// Turns of the core: what came in during a task is told to it together, and what it asks for is done.

import { refusal } from "../identity/consent.js";
import { type Core, clocks, core } from "../module/core.js";
import { type Ended, tellTabs } from "../tabs/channel.js";
import { byNumber, DELIVERED, end } from "./ledger.js";

/** What `setTimeout` can hold. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

/** Whether the page goes away: nothing can be waited for. */
export let isLeaving = false;

let isDue = false;
let timer: ReturnType<typeof setTimeout>;
let carryOut: (core: Core, action: number, number: number) => void;

/** Says who does what the core asks for, but for ending events: `number` is of a request or an identity. */
export function openTurns(by: typeof carryOut): void {
  carryOut = by;
}

/** Lets the core act on what came in during this task. */
export function soon(): void {
  if (isDue) return;
  isDue = true;
  queueMicrotask(turn);
}

/** The page goes away at the end of this task. `envelope`: bytes of a batch without events. */
export function lastTurn(envelope: number): void {
  isLeaving = true;
  setTimeout(() => {
    isLeaving = false;
  });
  // First, since what is due by itself may be too large to outlive the page.
  core?.outbox_hidden(envelope, ...clocks());
  turn();
}

function turn(): void {
  isDue = false;
  if (!core) return;
  const wakeAt = core.outbox_tick(...clocks());
  drain(core);
  clearTimeout(timer);
  const wait = Math.max(0, wakeAt - performance.now());
  timer = setTimeout(turn, Math.min(wait, LONGEST_TIMEOUT));
}

/** Carries out what the core asks for. `isHeard`: another tab told what it gives. */
export function drain(core: Core, isHeard = false): void {
  const ended: Ended[] = [];
  for (let next = core.outbox_poll(); next; next = core.outbox_poll()) {
    const action = Math.floor(next / 2 ** 32);
    const number = next % 2 ** 32;
    const held = action < DELIVERED ? undefined : byNumber.get(number);
    if (held) ended.push([held.row.id, action, end(held, action)]);
    else if (action < DELIVERED) carryOut(core, action, number);
  }
  if (ended.length && !isHeard) tellTabs({ ended });
}

/** Whether anything can be sent may have changed. */
export function network(): void {
  core?.outbox_set_online(navigator.onLine && !refusal());
  soon();
}
