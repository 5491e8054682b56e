// Which tab sends. The others hand over what they record, and hear how it ended.

import { endpointId } from "../identity/ids.js";
import { core, withCore } from "../module/core.js";
import { load } from "../queue/outbox.js";
import { soon } from "../queue/turns.js";
import { isJoined, tellTabs } from "./channel.js";
import { campaign, confirmed, followOther, isLeader, openLock, resign } from "./lock.js";

/** Milliseconds that events wait for those on disk to be read. */
const SCAN_PATIENCE = 1000;

openLock(lead, lose);

/** Waits until this tab is the leader. If it is already, and its core is new, begins to send. */
export function stand(): void {
  if (!core) return;
  if (isLeader) lead();
  else {
    campaign();
    confirmed().then(followOther);
  }
}

async function lead(): Promise<void> {
  tellTabs({ leads: true, endpoint: endpointId });
  // Events of an earlier visit go first, but a slow disk does not hold up the others for long.
  const late = setTimeout(follow, SCAN_PATIENCE);
  await load();
  clearTimeout(late);
  follow();
}

/** Another tab has taken this leader's place. */
function lose(): void {
  follow();
  stand();
}

/** Lets another tab send. */
export function stepDown(): void {
  resign();
  follow();
}

/** Lets the core send if this tab is the leader. */
export function follow(): void {
  withCore((core) => core.outbox_set_leader(isLeader));
  soon();
}

/** Sends nothing until it is sure that no other tab has become the leader meanwhile. */
export function doubt(): void {
  if (!isLeader || !isJoined()) return;
  withCore((core) => core.outbox_set_leader(false));
  confirmed().then(follow);
}
