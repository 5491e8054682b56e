import type { Held } from "../queue/ledger.js";
import { tellTabs } from "./channel.js";
import { isLeader } from "./lock.js";

/** Hands an event over to the tab that sends. */
export function handOver({ row, isOurs, immediate, isAccepted, isStored }: Held): void {
  if (!isLeader && isOurs && isAccepted) tellTabs({ row, now: immediate, isStored });
}
