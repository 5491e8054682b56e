import type { Row } from "./store.js";

/** What tabs tell each other. */
export interface Message {
  /** For the tab that sends: an event to be sent, whether at once, and whether it is on disk. */
  row?: Row;
  now?: boolean;
  isStored?: boolean;
  /** From the tab that sends: events that ended, by the numbers of the core's `Action`, and why. */
  ended?: [id: string, end: number, reason?: string][];
  /** Another tab sends from now on. */
  leads?: boolean;
  /** Everything was deleted. */
  forget?: boolean;
}

/** The tabs of this browser that have the same application open. */
export interface Tabs {
  tell(message: Message): void;
  /** Calls `won` once this tab is the one that sends; at once where tabs cannot agree. */
  campaign(won: () => void): void;
  /** Lets another tab send. */
  resign(): void;
}

export function joinTabs(name: string, hear: (message: Message) => void): Tabs {
  const { locks } = navigator;
  const channel = locks && globalThis.BroadcastChannel && new BroadcastChannel(name);
  if (channel) channel.onmessage = ({ data }) => hear(data);
  let resign = () => {};
  return {
    tell(message) {
      channel?.postMessage(message);
    },
    campaign(won) {
      if (!channel) return won();
      // Held as long as the page lives: the promise is open until then.
      const lead = () =>
        new Promise<void>((resolve) => {
          resign = resolve;
          won();
        });
      locks.request(name, lead).catch(won);
    },
    resign: () => resign(),
  };
}
