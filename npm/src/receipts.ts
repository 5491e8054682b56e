// The receipts that `record()` gave, until their events have come to an end.

import type { Delivery, DeliveryState, Receipt } from "./types.js";

/** That many receipts are held whether or not anybody still has them. */
const MOST_HELD = 2000;
const ON_THE_WAY: DeliveryState[] = ["recorded", "stored", "sent"];

const receipts = new Map<string, { deref(): Tracked | undefined }>();
let most = MOST_HELD;

class Tracked implements Receipt {
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

/** A receipt of no event that anybody keeps. */
export function receiptOf(id: string): Tracked {
  return new Tracked(id);
}

/** Tells the receipt what becomes of its event. */
export function track(receipt: Tracked): void {
  receipts.set(receipt.id, receipt);
}

export function tellReceipt(delivery: Delivery): void {
  receipts.get(delivery.id)?.deref()?.reach(delivery);
}

/** Lets go of receipts that nobody has. Cheap: they are looked through when there are twice as many as last time. */
export function sweepReceipts(): void {
  if (receipts.size < most || !globalThis.WeakRef) return;
  for (const [id, held] of receipts) {
    const receipt = held.deref();
    if (!receipt) receipts.delete(id);
    else if (receipt === held) receipts.set(id, receipt.weak());
  }
  most = Math.max(MOST_HELD, receipts.size * 2);
}
