// Which tab sends. The others hand over what they record, and hear how it ended.

import { DELIVERED } from "../module/contract.js";
import { core } from "../module/core.js";
import { isRow, left } from "../queue/disk.js";
import { byId, byNumber, type Held, hold, isKnown, remember } from "../queue/ledger.js";
import { accept, endedElsewhere, load } from "../queue/outbox.js";
import { forgetAll } from "../reset.js";
import { soon } from "../send/turns.js";
import { campaign, type Message, resign, tellTabs } from "./channel.js";

/** Milliseconds that events wait for those on disk to be read. */
const SCAN_PATIENCE = 1000;

/** Whether this tab is the one that sends. */
export let isLeader = false;

/** Waits until it is. */
export function stand(): void {
  if (core && !isLeader) campaign(lead);
}

async function lead(): Promise<void> {
  const machine = core;
  if (!machine) return;
  isLeader = true;
  tellTabs({ leads: true });
  // What an earlier visit left goes first, but a slow disk holds nothing up for long.
  const late = setTimeout(follow, SCAN_PATIENCE);
  await load(machine);
  clearTimeout(late);
  follow();
}

/** Lets another tab send. */
export function stepDown(): void {
  resign();
  isLeader = false;
  follow();
}

/** The core sends where this tab is the one that does. */
export function follow(): void {
  core?.outbox_set_leader(isLeader);
  soon();
}

/** Hands an event over to the tab that sends. */
export function share({ row, isOurs, immediate, isAccepted, isStored }: Held): void {
  if (!isLeader && isOurs && isAccepted) tellTabs({ row, now: immediate, isStored });
}

/** A page that ends may do so after the one that sends has looked for what was left. */
export function hearOfLeft(key: string | null): void {
  if (!isLeader) return;
  for (const one of left(key)) {
    hear(typeof one === "string" ? { ended: [[one, DELIVERED]] } : { row: one });
  }
}

/** What another tab tells. */
export function hear({ row, now, isStored, ended, leads, forget }: Message): void {
  if (core && row && isLeader && !isKnown(row.id) && isRow(row)) {
    const held = hold(row, false, !!now);
    held.isStored = isStored;
    accept(core, held);
  }
  for (const [id, how, reason] of ended ?? []) {
    const held = byId.get(id);
    remember(id);
    if (held?.isAccepted) endedElsewhere(held, [how, reason]);
    else if (held) held.end = [how, reason];
  }
  // The tab that sent before may have had them, and they are not on disk.
  if (leads) for (const held of byNumber.values()) if (!held.isStored) share(held);
  if (forget) forgetAll(true);
  soon();
}
