// What tabs of this browser that have the same application open tell each other. They may have loaded different
// versions of this package: messages hold names, and no numbers of the core's.

import { keptConsent } from "../identity/consent.js";
import { keptEndpointId } from "../identity/ids.js";
import type { Place, Row } from "../queue/disk.js";
import type { Ending } from "../queue/ledger.js";
import type { Credentials } from "../send/requests.js";
import { nameOf } from "../setup.js";

/** How an event ended, by its id. */
export type Ended = Ending & { id: string };

/** An event for the tab that sends. */
export interface Shared {
  row: Row;
  /** Where it is on disk, if it is there. */
  place?: Place;
  immediate: boolean;
}

/** What tabs tell each other. A tab passes over members that it does not know. */
export interface Message {
  /** For the tab that sends. */
  events?: Shared[];
  /** From the tab that sends. */
  ended?: Ended[];
  /** Another tab sends from now on. */
  leads?: boolean;
  /**
   * With `leads` and `pong` the endpoint id of the tab that sends, and with `ping` the one that is kept: for tabs that
   * share no storage, such as workers. With `forget` the newcomer's.
   */
  endpoint?: string | null;
  /** What was said of consent last, as it is kept: for the same. */
  enabled?: string | null;
  /** Whether the tab that sends is alive, and that it is. */
  ping?: boolean;
  pong?: boolean;
  /** An identity whose credentials the tab that sends does not have: for a tab in which that user signed in. */
  lacks?: string;
  /** Credentials of an identity, for the tab that sends. */
  lent?: { identity: string; credentials: Credentials };
  /** Everything was deleted. */
  forget?: boolean;
}

/** Goes up where a tab of another version would take a message for something that it does not say. */
const VERSION = 1;

let channel: BroadcastChannel | undefined;
/** Whether no other tab was heard, so that there is nobody to tell how events ended. */
export let isAlone = true;

/** Whether tabs can agree on which of them sends. */
export const isJoined = () => !!channel;

export function joinTabs(hear: (message: Message) => void): void {
  try {
    if (!navigator.locks) return;
    channel = new BroadcastChannel(nameOf(""));
    channel.onmessage = ({ data }) => {
      isAlone = false;
      if (data?.version === VERSION) hear(data);
    };
    tellTabs({ ping: true, endpoint: keptEndpointId(), enabled: keptConsent() });
  } catch {
    // A page whose storage is blocked may not have one.
    channel = undefined;
  }
}

export function tellTabs(message: Message): void {
  // A tab that hands events over is not alone, though nobody may have answered yet.
  if (message.events) isAlone = false;
  if (!isAlone || !message.ended) channel?.postMessage({ version: VERSION, ...message });
}
