// The tabs of this browser that have the same application open.

import type { Row } from "../queue/disk.js";
import { nameOf } from "../setup.js";

/** What tabs tell each other. */
export interface Message {
  /** For the tab that sends: an event to be sent, whether at once, and whether it is on disk. */
  row?: Row;
  now?: boolean;
  isStored?: boolean;
  /** From the tab that sends: events that ended, by their actions, and why. */
  ended?: [id: string, end: number, reason?: string][];
  /** Another tab sends from now on. */
  leads?: boolean;
  /** Everything was deleted. */
  forget?: boolean;
}

let channel: BroadcastChannel | undefined;

/** Lets another tab send. */
export let resign = () => {};

export function joinTabs(hear: (message: Message) => void): void {
  if (!navigator.locks || !globalThis.BroadcastChannel) return;
  channel = new BroadcastChannel(nameOf(""));
  channel.onmessage = ({ data }) => hear(data);
}

export function tellTabs(message: Message): void {
  channel?.postMessage(message);
}

/** Calls `won` once this tab is the one that sends; at once where tabs cannot agree. */
export function campaign(won: () => void): void {
  if (!channel) {
    won();
    return;
  }
  // Held as long as the page lives: the promise is open until then.
  const lead = () =>
    new Promise<void>((resolve) => {
      resign = resolve;
      won();
    });
  navigator.locks.request(nameOf(""), lead).catch(won);
}
