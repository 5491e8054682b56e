// The receipts that `record()` returned, until their events have ended.

import type { Delivery, DeliveryState, Receipt } from "./types.js";

/** Receipts are swept once there are this many more than after the last sweep. */
const MOST_HELD = 2000;
const ON_THE_WAY: DeliveryState[] = ["recorded", "stored", "sent"];

/** By the ids of their events. */
export const receipts = new Map<string, { deref(): Tracked | undefined }>();
let most = MOST_HELD;

/** A receipt that hears of its event once it is among the others. */
export class Tracked implements Receipt {
  state: DeliveryState = "recorded";
  #settled?: Promise<Delivery>;
  #last?: Delivery;
  #settle?: (delivery: Delivery) => void;

  constructor(readonly id: string) {}

  get settled(): Promise<Delivery> {
    this.#settled ??= new Promise((resolve) => {
      if (this.#last) return resolve(this.#last);
      this.#settle = resolve;
      // The page may have kept nothing but the promise.
      receipts.set(this.id, this);
    });
    return this.#settled;
  }

  deref(): Tracked {
    return this;
  }

  reach(delivery: Delivery): void {
    this.state = delivery.state;
    if (ON_THE_WAY.includes(delivery.state)) return;
    receipts.delete(this.id);
    this.#last = delivery;
    this.#settle?.(delivery);
  }

  /** A weak reference; a strong one while somebody awaits `settled`. */
  weak(): { deref(): Tracked | undefined } {
    return this.#settle ? this : new WeakRef(this);
  }
}

/** Forgets receipts that the page no longer uses. Runs whenever there are many more than after the last time. */
export function sweepReceipts(): void {
  if (receipts.size < most || !globalThis.WeakRef) return;
  for (const [id, held] of receipts) {
    const receipt = held.deref();
    if (!receipt) receipts.delete(id);
    else if (receipt === held) receipts.set(id, receipt.weak());
  }
  most = receipts.size + MOST_HELD;
}
