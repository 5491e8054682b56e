// The receipts of a client, until their events have ended.

import type { Delivery, DeliveryState, Receipt } from "../types.js";

/** What `record()` resolves with. */
export interface NodeReceipt extends Receipt {
  /**
   * The last step on the event's way: `delivered`, `invalid`, `rejected` or `dropped`. Never rejects. It is pending as
   * long as the event waits, also when the client is closed and the event stays in the spool.
   */
  readonly settled: Promise<Delivery>;
}

/** Unused receipts are swept whenever there are this many more than after the last sweep. */
const SWEEP = 2000;

class Tracked implements NodeReceipt {
  state: DeliveryState = "recorded";
  #last?: Delivery;
  #settled?: Promise<Delivery>;
  #settle?: (delivery: Delivery) => void;

  constructor(
    readonly id: string,
    readonly hold: (receipt: Tracked) => void,
  ) {}

  get settled(): Promise<Delivery> {
    this.#settled ??= new Promise((resolve) => {
      if (this.#last) return resolve(this.#last);
      this.#settle = resolve;
      // The caller may have kept nothing but the promise.
      this.hold(this);
    });
    return this.#settled;
  }

  reach(delivery: Delivery): void {
    this.state = delivery.state;
    if (["recorded", "stored", "sent"].includes(delivery.state)) return;
    this.#last = delivery;
    this.#settle?.(delivery);
  }
}

/** By the ids of their events. */
export class Receipts {
  readonly #weak = new Map<string, WeakRef<Tracked>>();
  /** Receipts whose `settled` somebody awaits. */
  readonly #held = new Map<string, Tracked>();
  #most = SWEEP;

  /** `whenAwaited` is called when somebody awaits an event's end. */
  constructor(private readonly whenAwaited: () => void) {}

  /** Whether somebody awaits an event's end. */
  get areAwaited(): boolean {
    return this.#held.size > 0;
  }

  /** The receipt of the event with this id, if it has not ended and somebody has it. */
  get(id: string): NodeReceipt | undefined {
    return this.#of(id);
  }

  make(id: string): NodeReceipt {
    const receipt = new Tracked(id, () => {
      this.#held.set(id, receipt);
      this.whenAwaited();
    });
    this.#weak.set(id, new WeakRef(receipt));
    if (this.#weak.size > this.#most) this.#sweep();
    return receipt;
  }

  reach(delivery: Delivery): void {
    this.#of(delivery.id)?.reach(delivery);
    if (["recorded", "stored", "sent"].includes(delivery.state)) return;
    this.#weak.delete(delivery.id);
    this.#held.delete(delivery.id);
  }

  #of(id: string): Tracked | undefined {
    return this.#held.get(id) ?? this.#weak.get(id)?.deref();
  }

  #sweep(): void {
    for (const [id, receipt] of this.#weak) if (!receipt.deref()) this.#weak.delete(id);
    this.#most = this.#weak.size + SWEEP;
  }
}
