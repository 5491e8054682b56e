// Turns of the core: it gets the inputs of a task together, and the engine does what it asks for.

import { refusal } from "../identity/consent.js";
import { DELIVERED, DROPPED_TOO_MANY, ENDS, PER_ACTION, REJECTED } from "../module/contract.js";
import { type Core, withCore } from "../module/core.js";
import { type Ended, isAlone, tellTabs } from "../tabs/channel.js";
import { isLeader } from "../tabs/lock.js";
import { byNumber, type Ending, end } from "./ledger.js";

/** The longest wait that `setTimeout` takes, in milliseconds. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;
/** The leader's timer runs at least this often, in milliseconds, to notice when the tab was asleep. */
const BEAT = 1000;
/** A timer that is later than this, in milliseconds, means that the tab may have lost the lead: others wait longer. */
const ASLEEP = 2000;

/** Milliseconds after which the engine tries to send although the browser says that it is offline. */
const OFFLINE_PATIENCE = 20_000;

/** Whether the page goes away in this task, so that nothing can be awaited. */
export let isLeaving = false;
let lastEnvelope = 0;

let isDue = false;
let dueAt = Number.POSITIVE_INFINITY;
let timer: ReturnType<typeof setTimeout> | undefined;
let doubting: ReturnType<typeof setTimeout> | undefined;
let carryOut: (core: Core, action: number, number: number) => void;
let wakeUp: () => void;

/**
 * Registers two functions: `by` does what the core asks for, except ending events; its `number` is that of a request or
 * an identity. `whenAwake` checks, after the tab was asleep, whether it still is the leader.
 */
export function openTurns(by: typeof carryOut, whenAwake: typeof wakeUp): void {
  carryOut = by;
  wakeUp = whenAwake;
}

/** How an event ended, by the core's action. */
function endingBy(action: number): Ending {
  const end = ENDS[action - DELIVERED];
  return action > REJECTED ? { state: "dropped", reason: end } : { state: end as Ending["state"] };
}

/** The core's action for an ending. */
export function actionFor({ state, reason }: Ending): number {
  const ends: readonly unknown[] = ENDS;
  const at = ends.indexOf(state === "dropped" ? reason : state);
  return at < 0 ? DROPPED_TOO_MANY : DELIVERED + at;
}

/** Gives the core a turn at the end of this task. */
export function soon(): void {
  if (isDue) return;
  isDue = true;
  queueMicrotask(turn);
}

/** The page goes away at the end of this task. `envelope`: bytes of a batch without events. */
export function lastTurn(envelope: number): void {
  isLeaving = true;
  lastEnvelope = envelope;
  setTimeout(() => {
    isLeaving = false;
  });
  turn();
}

function timeIsUp(): void {
  timer = undefined;
  turn();
}

function turn(): void {
  isDue = false;
  const now = performance.now();
  if (now > dueAt + ASLEEP) {
    dueAt = Number.POSITIVE_INFINITY;
    wakeUp();
  }
  withCore((core) => {
    // Before `outbox_tick`, whose batches may be too large for a keepalive request.
    if (isLeaving) core.outbox_hidden(lastEnvelope);
    const wakeAt = core.outbox_tick();
    drain(core);
    const longest = isLeader && !isAlone && byNumber.size ? BEAT : LONGEST_TIMEOUT;
    const next = Math.min(wakeAt, now + longest);
    // A timer that fires too early costs less than setting a new one in each turn.
    if (timer && dueAt <= next) return;
    clearTimeout(timer);
    timer = setTimeout(timeIsUp, next - now);
    dueAt = next;
  });
}

/** Does what the core asks for. `isHeard`: another tab has told how these events ended. */
export function drain(core: Core, isHeard = false): void {
  const ended: Ended[] = [];
  for (let next = core.outbox_poll(); next; next = core.outbox_poll()) {
    const action = Math.floor(next / PER_ACTION);
    const number = next % PER_ACTION;
    if (action < DELIVERED) {
      carryOut(core, action, number);
      continue;
    }
    const held = byNumber.get(number);
    if (!held) continue;
    // Another tab, or the endpoint's answer, knows the reason more exactly.
    const ending = held.ending ?? endingBy(action);
    if (action === REJECTED) ending.reason ??= held.reason;
    ended.push({ id: held.row.id, ...ending });
    end(held, ending);
  }
  if (ended.length && !isHeard) tellTabs({ ended });
}

/** The network may have come or gone. */
export function network(): void {
  const isOffline = navigator.onLine === false;
  // The browser may be wrong about `onLine`. After a while the engine tries all the same.
  clearTimeout(doubting);
  if (isOffline) doubting = setTimeout(() => setOnline(true), OFFLINE_PATIENCE);
  setOnline(!isOffline);
}

function setOnline(isOnline: boolean): void {
  withCore((core) => core.outbox_set_online(isOnline && !refusal()));
  soon();
}
