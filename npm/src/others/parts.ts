// The parts of the engine that `others.js` works on. It gets them as arguments and imports none, since the engine's
// modules must hold their state once for a page.

import type { Recorded } from "../engine.js";
import type { Login } from "../identity/sign-in.js";
import type { Core } from "../module/core.js";
import type { Place, Row } from "../queue/disk.js";
import type { Ending, Held } from "../queue/ledger.js";
import type { Credentials } from "../send/requests.js";
import type { Message } from "../tabs/channel.js";

export interface Parts {
  /** Gives a function that says later whether the same core still runs and nothing was forgotten. */
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
  /** Hands an event from disk to the core: see `queue/outbox.ts`. */
  offer(held: Held): boolean | undefined;
  shed(held: Held): void;
  endedElsewhere(held: Held, ending: Ending): void;
  setAside(rows: number): void;

  /** The keys under which other pages left rows in localStorage; `adopt` takes those that were read. */
  keysOfLeft(): string[];
  adopt(key: string): void;
  put(row: Row): Place;
  whenOpen(): Promise<void>;
  begin(): IDBTransaction;
  /** Deletes what other pages left in localStorage, if it is on disk by now. */
  forgetLeft(): void;

  /** Counts events that the core takes for lost, and that another tab has sent. */
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
