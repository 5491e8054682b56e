// Which tab sends. The others hand over what they record, and hear how it ended.

import { adoptEndpointId, endpointId } from "../identity/ids.js";
import { core, withCore } from "../module/core.js";
import { isRow, left } from "../queue/disk.js";
import { byId, byNumber, hold, lately, remember } from "../queue/ledger.js";
import { accept, endedElsewhere, load } from "../queue/outbox.js";
import { soon } from "../queue/turns.js";
import { type Ended, isJoined, type Message, type Shared, tellTabs } from "./channel.js";
import { handOver, heardFromLeader } from "./handover.js";
import { campaign, confirmed, isLeader, openLock, resign } from "./lock.js";

/** Milliseconds that events wait for those on disk to be read. */
const SCAN_PATIENCE = 1000;

openLock(lead, lose);

/** Waits until this tab is the one that sends; begins to, where it is and its core is new. */
export function stand(): void {
  if (!core) return;
  if (isLeader) lead();
  else campaign();
}

async function lead(): Promise<void> {
  tellTabs({ leads: true, endpoint: endpointId });
  // Events of an earlier visit go first, but a slow disk does not hold up the others for long.
  const late = setTimeout(follow, SCAN_PATIENCE);
  await load();
  clearTimeout(late);
  follow();
}

/** Another tab took this one for dead. */
function lose(): void {
  follow();
  stand();
}

/** Lets another tab send. */
export function stepDown(): void {
  resign();
  follow();
}

/** The core sends where this tab is the one that does. */
export function follow(): void {
  withCore((core) => core.outbox_set_leader(isLeader));
  soon();
}

/** Sends nothing until it is sure that no other tab has begun to in the meantime. */
export function doubt(): void {
  if (!isLeader || !isJoined()) return;
  withCore((core) => core.outbox_set_leader(false));
  confirmed().then(follow);
}

/** A page that ends may do so after the one that sends has looked for what was left. */
export function hearOfLeft(key: string | null): void {
  if (!isLeader) return;
  for (const one of left(key)) {
    if (typeof one === "string") hearEnded({ id: one, state: "delivered" });
    else take({ row: one, immediate: false });
  }
  soon();
}

/** Takes a message of another tab. */
export function hear({ events, ended, leads, ping, pong, endpoint }: Message): void {
  if (isLeader && ping) tellTabs({ pong: true, endpoint: endpointId });
  if (!isLeader && endpoint) adoptEndpointId(endpoint);
  if (ended || leads || pong) heardFromLeader();
  const over = isLeader && core ? (events ?? []).flatMap(take) : [];
  if (over.length) tellTabs({ ended: over });
  ended?.forEach(hearEnded);
  // It may have none of those that are not on disk, and it told nobody how others ended while it heard of no tab.
  if (leads) handOver([...byNumber.values()]);
  soon();
}

/** Takes an event of another tab's to send it. Gives how it ended, if it has. */
function take({ row, place, immediate }: Shared): Ended[] {
  const { id } = row ?? {};
  const ending = lately.get(id);
  if (ending) return [{ id, ...ending }];
  if (byId.has(id) || !isRow(row)) return [];
  const held = hold(row, false, immediate);
  held.place = place;
  held.isStored = !!place;
  accept(held);
  return [];
}

function hearEnded({ id, ...ending }: Ended): void {
  const held = byId.get(id);
  remember(id, ending);
  if (held) endedElsewhere(held, ending);
}
