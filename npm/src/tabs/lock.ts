// The lock that the tab holds which sends.

import { isMissing, others } from "../others/load.js";
import { byNumber, type Held } from "../queue/ledger.js";
import { nameOf } from "../setup.js";
import { isJoined } from "./channel.js";

/** Whether this tab is the one that sends. */
export let isLeader = false;

/** Whether another tab was seen to be. */
let isFollower = false;

/** Lets another tab have the lock. */
let release = () => {};
/** Ends waiting for it. */
let standing: AbortController | undefined;
let won: () => void;
let lost: () => void;

/**
 * Says who hears that this tab is the one that sends, at once where tabs cannot agree, and that another tab took
 * that from it.
 */
export function openLock(whenWon: typeof won, whenLost: typeof lost): void {
  won = whenWon;
  lost = whenLost;
}

/** Waits until this tab is the one that sends. `steal`: takes that from a tab that does not answer. */
export function campaign(steal = false): void {
  standing?.abort();
  if (!isJoined()) {
    isLeader = true;
    won();
    return;
  }
  standing = new AbortController();
  const { signal } = standing;
  // Held as long as the page lives: the promise is open until then.
  const hold = () =>
    new Promise<void>((resolve) => {
      release = resolve;
      isLeader = true;
      won();
    });
  navigator.locks.request(nameOf(""), steal ? { steal } : { signal }, hold).catch(() => {
    if (signal.aborted) return;
    const wasLeader = isLeader;
    isLeader = !wasLeader;
    if (wasLeader) lost();
    else won();
  });
}

/**
 * Hands events over to the tab that sends: these, or those that are not on disk. Not before it is known that there
 * is one: most pages are alone, and have the lock in a moment. A tab that cannot hand over sends them itself.
 */
export function handOver(events?: Held[]): void {
  if (isFollower && !isLeader) {
    if (isMissing) campaign(!!events?.length);
    else others().then(({ handOver }) => handOver(events));
  }
}

/** Hands all over, if it is another tab that has the lock. */
export function followOther(): void {
  isFollower = !isLeader;
  handOver([...byNumber.values()]);
}

export function resign(): void {
  standing?.abort();
  release();
  isLeader = false;
}

/** Resolves once this tab knows whether the lock was stolen from it. */
export async function confirmed(): Promise<void> {
  // The lock manager answers in order: news of a stolen lock comes before this answer.
  await navigator.locks?.query().catch(() => {});
}
