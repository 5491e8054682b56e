// Turns of the core: what came in during a task is told to it together, and what it asks for is done.

import { refusal } from "../identity/consent.js";
import { DELIVERED, DROPPED_TOO_MANY, ENDS, PER_ACTION, REJECTED } from "../module/contract.js";
import { type Core, withCore } from "../module/core.js";
import { type Ended, isAlone, tellTabs } from "../tabs/channel.js";
import { isLeader } from "../tabs/lock.js";
import { byNumber, type Ending, end } from "./ledger.js";

/** The longest wait that `setTimeout` takes, in milliseconds. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;
/** Milliseconds after which a tab that sends looks at its clock, so that it knows when it was asleep. */
const BEAT = 1000;
/** Milliseconds after which it may have been taken for dead: less than others wait for it. */
const ASLEEP = 2000;

/** Milliseconds after which a browser is not believed any more that it is offline. */
const OFFLINE_PATIENCE = 20_000;

/** Whether the page goes away: nothing can be waited for. */
export let isLeaving = false;
let lastEnvelope = 0;

let isDue = false;
let dueAt = Number.POSITIVE_INFINITY;
let timer: ReturnType<typeof setTimeout> | undefined;
let doubting: ReturnType<typeof setTimeout> | undefined;
let carryOut: (core: Core, action: number, number: number) => void;
let wakeUp: () => void;

/**
 * Says who does what the core asks for, but for ending events, where `number` is of a request or an identity;
 * and who looks whether this tab still is the one that sends, after it was asleep.
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

/** The core's action for an ending, which another tab may have told. */
export function actionFor({ state, reason }: Ending): number {
  const ends: readonly unknown[] = ENDS;
  const at = ends.indexOf(state === "dropped" ? reason : state);
  return at < 0 ? DROPPED_TOO_MANY : DELIVERED + at;
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
    // First, since what is due by itself may be too large to outlive the page.
    if (isLeaving) core.outbox_hidden(lastEnvelope);
    const wakeAt = core.outbox_tick();
    drain(core);
    const longest = isLeader && !isAlone && byNumber.size ? BEAT : LONGEST_TIMEOUT;
    const next = Math.min(wakeAt, now + longest);
    // One that comes too soon costs less than another one each time.
    if (timer && dueAt <= next) return;
    clearTimeout(timer);
    timer = setTimeout(timeIsUp, next - now);
    dueAt = next;
  });
}

/** Carries out what the core asks for. `isHeard`: another tab told what it gives. */
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
    // Another tab, or the answer, knows better why.
    const ending = held.ending ?? endingBy(action);
    if (action === REJECTED) ending.reason ??= held.reason;
    ended.push({ id: held.row.id, ...ending });
    end(held, ending);
  }
  if (ended.length && !isHeard) tellTabs({ ended });
}

/** Whether anything can be sent may have changed. */
export function network(): void {
  const isOffline = navigator.onLine === false;
  // `onLine` is a guess of the browser. After a while the engine tries all the same.
  clearTimeout(doubting);
  if (isOffline) doubting = setTimeout(() => setOnline(true), OFFLINE_PATIENCE);
  setOnline(!isOffline);
}

function setOnline(isOnline: boolean): void {
  withCore((core) => core.outbox_set_online(isOnline && !refusal()));
  soon();
}
