// The receipts that `record()` gave, until their events have come to an end.

import type { Delivery, DeliveryState, Receipt } from "./types.js";

/** That many receipts are held whether or not anybody still has them. */
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
      // Who waits may have kept nothing but the promise.
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

  /** What becomes undefined when nobody has it, unless someone waits. */
  weak(): { deref(): Tracked | undefined } {
    return this.#settle ? this : new WeakRef(this);
  }
}

/** Lets go of receipts that nobody has. They are looked through whenever there are many more than last time. */
export function sweepReceipts(): void {
  if (receipts.size < most || !globalThis.WeakRef) return;
  for (const [id, held] of receipts) {
    const receipt = held.deref();
    if (!receipt) receipts.delete(id);
    else if (receipt === held) receipts.set(id, receipt.weak());
  }
  most = receipts.size + MOST_HELD;
}
