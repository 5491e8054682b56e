// What tabs of this browser that have the same application open tell each other.

import type { Row } from "../queue/disk.js";
import { nameOf } from "../setup.js";

/** How an event ended: the number of the core's `Action`, and why. */
export type Ended = [id: string, end: number, reason?: string];

/** What tabs tell each other. */
export interface Message {
  /** For the tab that sends: an event to be sent, whether at once, and whether it is on disk. */
  row?: Row;
  now?: boolean;
  isStored?: boolean;
  /** From the tab that sends: events that ended. */
  ended?: Ended[];
  /** Another tab sends from now on. */
  leads?: boolean;
  /** Everything was deleted. */
  forget?: boolean;
}

let channel: BroadcastChannel | undefined;

/** Whether tabs can agree on which of them sends. */
export const isJoined = () => !!channel;

export function joinTabs(hear: (message: Message) => void): void {
  if (!navigator.locks || !globalThis.BroadcastChannel) return;
  channel = new BroadcastChannel(nameOf(""));
  channel.onmessage = ({ data }) => hear(data);
}

export function tellTabs(message: Message): void {
  channel?.postMessage(message);
}
