// The lock that the tab holds which sends.

import { nameOf } from "../setup.js";
import { isJoined } from "./channel.js";

/** Whether this tab is the one that sends. */
export let isLeader = false;

/** Lets another tab have the lock. */
let release = () => {};

/** Calls `won` once this tab is the one that sends; at once where tabs cannot agree. */
export function campaign(won: () => void): void {
  if (isLeader) return;
  const lead = () => {
    isLeader = true;
    won();
  };
  if (!isJoined()) {
    lead();
    return;
  }
  // Held as long as the page lives: the promise is open until then.
  const hold = () =>
    new Promise<void>((resolve) => {
      release = resolve;
      lead();
    });
  navigator.locks.request(nameOf(""), hold).catch(lead);
}

export function resign(): void {
  release();
  isLeader = false;
}
