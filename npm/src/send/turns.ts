// Turns of the core: what came in during a task is told to it together, and what it asks for is done.

import { refusal } from "../identity/consent.js";
import { renew } from "../identity/credentials.js";
import {
  DELIVERED,
  GET_CREDENTIALS,
  LOAD,
  PER_ACTION,
  SEND_ENDPOINT,
  SEND_LAST_BATCH,
} from "../module/contract.js";
import { type Core, clocks, core } from "../module/core.js";
import { byNumber, end } from "../queue/ledger.js";
import { load } from "../queue/outbox.js";
import { type Message, tellTabs } from "../tabs/channel.js";
import { overhead, sendBatch, sendEndpoint } from "./deliveries.js";

/** What `setTimeout` can hold. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

/** Whether the page goes away: nothing can be waited for. */
export let isLeaving = false;

let isDue = false;
let timer: ReturnType<typeof setTimeout>;

/** Lets the core act on what came in during this task. */
export function soon(): void {
  if (isDue) return;
  isDue = true;
  queueMicrotask(turn);
}

/** The page goes away at the end of this task. */
export function lastTurn(): void {
  isLeaving = true;
  setTimeout(() => {
    isLeaving = false;
  });
  turn();
}

function turn(): void {
  isDue = false;
  if (!core) return;
  // First, since what is due by itself may be too large to outlive the page.
  if (isLeaving) core.outbox_hidden(overhead(), ...clocks());
  const wakeAt = core.outbox_tick(...clocks());
  drain(core);
  clearTimeout(timer);
  const wait = Math.max(0, wakeAt - performance.now());
  timer = setTimeout(turn, Math.min(wait, LONGEST_TIMEOUT));
}

/** Carries out what the core asks for. `isHeard`: another tab told what it gives. */
export function drain(core: Core, isHeard = false): void {
  const ended: Message["ended"] = [];
  for (let next = core.outbox_poll(); next; next = core.outbox_poll()) {
    const action = Math.floor(next / PER_ACTION);
    const number = next % PER_ACTION;
    if (action >= DELIVERED) {
      const held = byNumber.get(number);
      if (held) ended.push([held.row.id, action, end(held, action)]);
    } else if (action === GET_CREDENTIALS) {
      renew(core, number);
    } else if (action === LOAD) {
      load(core, number);
    } else if (action === SEND_ENDPOINT) {
      sendEndpoint(core, number);
    } else {
      sendBatch(core, number, action === SEND_LAST_BATCH);
    }
  }
  if (ended.length && !isHeard) tellTabs({ ended });
}

/** Whether anything can be sent may have changed. */
export function network(): void {
  core?.outbox_set_online(navigator.onLine && !refusal());
  soon();
}
