// Events that this tab records and another tab sends.

import { byNumber } from "../queue/ledger.js";
import { say } from "../setup.js";
import { type Shared, tellTabs } from "./channel.js";
import { campaign, isLeader } from "./lock.js";

/** Milliseconds after which a tab that does not answer is taken for one that does not send, either. */
const SILENCE = 3000;
/** How late a timer may be before this tab was asleep itself, and has not heard yet what was answered. */
const LATE = 500;

/** When the tab that sends was heard last. */
let heardAt = 0;
let isWatching = false;

/** Hands events over to the tab that sends: these, or those that are not on disk. */
export function handOver(all = [...byNumber.values()].filter(({ isStored }) => !isStored)): void {
  if (isLeader) return;
  const events = all
    .filter(({ isOurs, isAccepted }) => isOurs && isAccepted)
    .map(
      ({ row, place, immediate, isStored }): Shared => ({
        row,
        place: isStored ? place : undefined,
        immediate,
      }),
    );
  if (!events.length) return;
  tellTabs({ events });
  if (!isWatching) watch();
}

/** The tab that sends lives. */
export function heardFromLeader(): void {
  heardAt = performance.now();
}

/** Asks the tab that sends whether it lives, as long as it has events of this one's; takes its place if not. */
function watch(): void {
  isWatching = true;
  const asked = performance.now();
  tellTabs({ ping: true });
  setTimeout(() => {
    isWatching = false;
    if (isLeader || !byNumber.size) return;
    const isSilent = heardAt < asked && performance.now() - asked < SILENCE + LATE;
    if (isSilent) {
      say("silentTab");
      campaign(true);
    } else watch();
  }, SILENCE);
}
