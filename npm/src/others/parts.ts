// What of the engine this script works on. The engine's modules hold what they hold once for a page, so that a
// script of its own is given them, and imports none.

import type { Recorded } from "../engine.js";
import type { Login } from "../identity/sign-in.js";
import type { Core } from "../module/core.js";
import type { Place, Row } from "../queue/disk.js";
import type { Ending, Held } from "../queue/ledger.js";
import type { Credentials } from "../send/requests.js";
import type { Message } from "../tabs/channel.js";

export interface Parts {
  /** Gives what tells later whether all is as it was: the same core, and nothing forgotten. */
  untilChanged(): () => boolean;
  withCore<T>(use: (core: Core) => T): T | undefined;
  soon(): void;
  say(what: "silentTab"): void;

  byNumber: Map<number, Held>;
  byId: Map<string, Held>;
  lately: Map<string, Ending>;
  hold(row: Row, isOurs: boolean, immediate?: boolean): Held;
  evict(held: Held): void;
  remember(id: string, ending: Ending): void;
  numberOf(identity: string): number;
  logins: Map<string, Login>;
  got(number: number, given: Credentials, now: number): boolean;

  record(recorded: Recorded): void;
  accept(held: Held): void;
  /** Hands an event from disk to the core; see there. */
  offer(held: Held): boolean | undefined;
  shed(held: Held): void;
  endedElsewhere(held: Held, ending: Ending): void;
  setAside(rows: number): void;

  /** Keys of what other pages left in localStorage, and `adopt` those that were read. */
  keysOfLeft(): string[];
  adopt(key: string): void;
  put(row: Row): Place;
  whenOpen(): Promise<void>;
  begin(): IDBTransaction;
  /** What other pages left may be on disk by now. */
  forgetLeft(): void;

  /** So many events that the core takes for lost were sent by another tab. */
  sentElsewhere(events: number): void;
  tellTabs(message: Message): void;
  isLeader(): boolean;
  isRunning(): boolean;
  steal(): void;
  adoptEndpointId(id: string): void;
}

export let parts: Parts;

export function setUp(theParts: Parts): void {
  parts = theParts;
}
