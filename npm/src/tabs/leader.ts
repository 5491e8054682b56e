// Which tab sends. The others hand over what they record, and hear how it ended.

import { core } from "../module/core.js";
import { isRow, left } from "../queue/disk.js";
import { byId, byNumber, DELIVERED, hold, isKnown, remember } from "../queue/ledger.js";
import { accept, endedElsewhere, load } from "../queue/outbox.js";
import { soon } from "../queue/turns.js";
import { type Message, tellTabs } from "./channel.js";
import { handOver } from "./handover.js";
import { campaign, isLeader, resign } from "./lock.js";

/** Milliseconds that events wait for those on disk to be read. */
const SCAN_PATIENCE = 1000;

/** Waits until this tab is the one that sends. */
export function stand(): void {
  if (core) campaign(lead);
}

async function lead(): Promise<void> {
  const machine = core;
  if (!machine) return;
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
  follow();
}

/** The core sends where this tab is the one that does. */
export function follow(): void {
  core?.outbox_set_leader(isLeader);
  soon();
}

/** A page that ends may do so after the one that sends has looked for what was left. */
export function hearOfLeft(key: string | null): void {
  if (!isLeader) return;
  for (const one of left(key)) {
    hear(typeof one === "string" ? { ended: [[one, DELIVERED]] } : { row: one });
  }
}

/** What another tab tells. */
export function hear({ row, now, isStored, ended, leads }: Message): void {
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
  if (leads) for (const held of byNumber.values()) if (!held.isStored) handOver(held);
  soon();
}
