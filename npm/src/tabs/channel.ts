// What the tabs of one application tell each other. They may have loaded different versions of this package, so
// messages hold names and none of the core's numbers.

import { keptConsent } from "../identity/consent.js";
import { keptEndpointId } from "../identity/ids.js";
import type { Place, Row } from "../queue/disk.js";
import type { Ending } from "../queue/ledger.js";
import type { Credentials } from "../send/requests.js";
import { nameOf } from "../setup.js";

/** How an event ended, by its id. */
export type Ended = Ending & { id: string };

/** An event for the leader tab. */
export interface Shared {
  row: Row;
  /** Where it is on disk, if it is there. */
  place?: Place;
  immediate: boolean;
}

/** A broadcast. A tab ignores members that it does not know. */
export interface Message {
  /** For the leader tab: events to send. */
  events?: Shared[];
  /** From the leader tab: events that have ended. */
  ended?: Ended[];
  /** The tab that says this is the leader from now on. */
  leads?: boolean;
  /**
   * For tabs that share no storage, such as workers: with `leads` and `pong` the leader's endpoint id, with `ping` the
   * one that is kept. With `forget` the new one.
   */
  endpoint?: string | null;
  /** The consent that is kept, for the same tabs. */
  enabled?: string | null;
  /** Asks whether the leader tab lives; `pong` is its answer. */
  ping?: boolean;
  pong?: boolean;
  /** An identity whose credentials the leader tab needs, from a tab in which that user signed in. */
  lacks?: string;
  /** Credentials of an identity, for the leader tab. */
  lent?: { identity: string; credentials: Credentials };
  /** Everything was deleted. */
  forget?: boolean;
}

/** Goes up whenever a tab of another version would misread a message. */
const VERSION = 1;

let channel: BroadcastChannel | undefined;
/** Whether no other tab was heard so far: then there is nobody to tell how events ended. */
export let isAlone = true;

/** Whether tabs can agree on a leader. */
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
