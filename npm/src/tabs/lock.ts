// The Web Lock that the leader tab holds.

import { isMissing, others } from "../others/load.js";
import { byNumber, type Held } from "../queue/ledger.js";
import { nameOf } from "../setup.js";
import { isJoined } from "./channel.js";

/** Whether this tab is the leader. */
export let isLeader = false;

/** Whether another tab was seen to be the leader. */
let isFollower = false;

/** Lets another tab have the lock. */
let release = () => {};
/** Ends waiting for it. */
let standing: AbortController | undefined;
let won: () => void;
let lost: () => void;

/**
 * Registers two functions: `whenWon` is called when this tab becomes the leader, at once if tabs cannot agree on one;
 * `whenLost` when another tab has taken its place.
 */
export function openLock(whenWon: typeof won, whenLost: typeof lost): void {
  won = whenWon;
  lost = whenLost;
}

/** Waits until this tab is the leader. `steal` takes the lock from a leader that does not answer. */
export function campaign(steal = false): void {
  standing?.abort();
  if (!isJoined()) {
    isLeader = true;
    won();
    return;
  }
  standing = new AbortController();
  const { signal } = standing;
  // The lock is held until this promise resolves: as long as the page lives.
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
 * Hands events over to the leader tab: these, or by default those that are not on disk. Does nothing before another
 * leader was seen: most pages are alone, and get the lock in a moment. A tab that cannot hand over sends them itself.
 */
export function handOver(events?: Held[]): void {
  if (isFollower && !isLeader) {
    if (isMissing) campaign(!!events?.length);
    else others().then(({ handOver }) => handOver(events));
  }
}

/** Hands all events over if another tab has the lock. */
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
