// What the WebAssembly modules and their page agree on. This file is generated from sdk-wasm/src and
// core/src/outbox: change those, and then run `WRITE=1 cargo test --package forebay-sdk-wasm`.

/** Most events in a request. */
export const MAX_BATCH_EVENTS = 100;
/** Numbers of identities are below this. */
export const MAX_IDENTITIES = 64;
/** Milliseconds after which a request counts as unanswered. */
export const REQUEST_TIMEOUT_MS = 60000;
/** `outbox_poll` gives an action times this, plus the number that belongs to it. */
export const PER_ACTION = 4294967296;
/** Of `outbox_books`: events recorded, loaded or handed over. */
export const BOOK_RECORDED = 0;
/** Of `outbox_books`: events that wait, on disk alone too, or are under way. */
export const BOOK_QUEUED = 1;
/** Of `outbox_books`: events that ended as the first of `ENDS`; the others follow in their order. */
export const BOOK_ENDED = 2;
/** Of `outbox_books`: events that ended as `DROPPED_LOST`. */
export const BOOK_LOST = 7;
/** For `validator_field`: the field is a metric, not an attribute. */
export const METRIC = 1;
/** For `validator_field`, added: the value is of another type than the field's. */
export const OTHER_TYPE = 2;

// What `outbox_poll` asks for, or tells.

/**
 * Send the events of the request with this number, signed for its identity, and call
 * `outbox_answered`.
 */
export const SEND_BATCH = 1;
/** The same by a keepalive request, which outlives the page. */
export const SEND_LAST_BATCH = 2;
/**
 * Send the last description of the endpoint by UpdateEndpoint as the request with this number,
 * and call `outbox_answered`.
 */
export const SEND_ENDPOINT = 3;
/**
 * Get new credentials for the identity with this number, and call `outbox_got_credentials` or
 * `outbox_no_credentials`.
 */
export const GET_CREDENTIALS = 4;
/**
 * Read from disk again, the oldest first, call `outbox_load` until it does not take an event of the
 * identity with this number, and then `outbox_loaded`.
 */
export const LOAD = 5;
/**
 * The event with this number was accepted: the stream has it. After this and all actions below, forget the event,
 * on disk too.
 */
export const DELIVERED = 6;
/** The endpoint refused the event for good. */
export const REJECTED = 7;
/** The event was dropped, because the outbox held as many as it may. */
export const DROPPED_TOO_MANY = 8;
/** The event was dropped, because the outbox held as many bytes as it may. */
export const DROPPED_TOO_LARGE = 9;
/** The event was dropped, because it was older than `Config::max_age_ms`. */
export const DROPPED_TOO_OLD = 10;
/**
 * The event was dropped, because it waited on disk alone, and is no longer there. It is only counted: nobody knows
 * which event it was.
 */
export const DROPPED_LOST = 11;

/** How events end, by their actions from `DELIVERED` on. From the third on: why they are dropped. */
export const ENDS = [
  "delivered",
  "rejected",
  "too many events are waiting",
  "too many bytes are waiting",
  "too old",
  "not on disk any more",
] as const;

/** What both modules export. */
export interface Validator {
  memory: WebAssembly.Memory;
  /** Makes the buffer `length` bytes long. Gives its address, which is valid until the next call into the module. */
  page_buffer(length: number): number;
  /**
   * Takes the compact rules of a schema from the buffer. Gives whether their form is known; if not, only the limits of
   * the wire hold, as before.
   */
  validator_set_rules(): number;
  /** Begins to validate an event, whose type is in the buffer. */
  validator_begin(): void;
  /**
   * Takes one attribute or metric of the event: its name, of so many bytes, and its text are in the buffer. `given` is
   * the sum of those of `METRIC` and `OTHER_TYPE` that apply. The text of a value of another type is the name of
   * that type. Gives whether the field may leave the browser.
   */
  validator_field(given: number, name: number): number;
}

/** What the module exports that every page loads. */
export interface Core extends Validator {
  /** Ends the event. Gives whether it is valid. */
  validator_is_valid(): number;
  /** Sets the time for all calls until the next one of this: `wall` is `Date.now()`, `monotonic` is `performance.now()`. */
  outbox_now(wall: number, monotonic: number): void;
  /**
   * Empties the outbox. `entropy` is a random number; the other arguments are members of the core's
   * `outbox::Config`.
   */
  outbox_start(
    entropy: number,
    batchEvents: number,
    queueEvents: number,
    queueBytes: number,
    maxAge: number,
    interval: number,
    dropNewest: boolean,
    clockOffset: number,
  ): void;
  /**
   * Takes a valid event. `immediate`: it and all that wait leave without waiting for the pace. Gives whether it is
   * taken. An event of an identity whose number is `MAX_IDENTITIES` or more is not taken and not counted: it
   * stays on disk until an outbox is started that has a number for its identity.
   */
  outbox_record(event: number, bytes: number, who: number, at: number, immediate: boolean): number;
  /**
   * Takes an event from disk, the oldest first; its number is new to this outbox. Events that come before the first
   * `outbox_loaded` go before all others. Gives whether it is taken into memory. If not, it waits on disk alone,
   * and its number means nothing any more. There are two reasons: enough events of its identity wait in memory (it
   * is counted), or there is no room for its identity, as with `outbox_record` (it is not counted).
   */
  outbox_load(event: number, bytes: number, who: number, at: number): number;
  /** The disk has been read. If events waited on disk alone and none of them came, they are lost. */
  outbox_loaded(): void;
  /**
   * An event is on disk. Gives whether it is evicted: it waits on disk alone from now on, and its number means
   * nothing any more. It is if other events of its identity were evicted, or if too many of them wait in memory.
   * The oldest stay: they are sent next.
   */
  outbox_evict(event: number): number;
  outbox_ended_elsewhere(event: number, end: number): void;
  /** Sends all events that wait without waiting for the pace; a back-off still holds. */
  outbox_flush(): void;
  /** A new description of the endpoint waits to be sent; it replaces one that waited before. */
  outbox_update_endpoint(): void;
  /**
   * Sets the identity that the endpoint belongs to from now on. A description of the endpoint waits as long as there
   * is no room for that identity.
   */
  outbox_set_current(who: number): void;
  /** Sets whether this outbox is the leader's, which sends. Requests in flight go on either way. */
  outbox_set_leader(leader: boolean): void;
  /** Sets whether there is a network. When it comes back, delays end, except those that the endpoint asked for. */
  outbox_set_online(online: boolean): void;
  /** There are credentials of an identity, good for so many milliseconds. */
  outbox_got_credentials(who: number, lifetime: number): void;
  /**
   * There are no credentials of an identity. If the pool said when to ask again, that is in so many milliseconds;
   * else NaN.
   */
  outbox_no_credentials(who: number, retryAfter: number): void;
  /**
   * `outbox_answered`, with the members of the core's `outbox::Answer`. The buffer has the statuses of so many
   * `events`, and then `error_type`.
   */
  outbox_answered(
    request: number,
    status: number,
    hasMessageBody: boolean,
    events: number,
    retryAfter: number,
    date: number,
  ): void;
  /**
   * Time has passed, or there was an input: gives up late requests, and sends what is due. Gives when to call this
   * next, in monotonic milliseconds; infinity if nothing is due without another input.
   */
  outbox_tick(): number;
  /**
   * The page is going away or hidden: sends the newest events that fit. `envelope` is the bytes of
   * a batch without events.
   */
  outbox_hidden(envelope: number): void;
  outbox_poll(): number;
  /**
   * Puts what a request takes into the buffer, as 64-bit floating-point numbers: the number of its identity, 1 if it
   * describes the endpoint and else 0, and `outbox_clock_offset`; where it is a batch, then each event's number and
   * what is to be added to its times. Gives their length in bytes.
   */
  outbox_request(request: number): number;
  /** The clock offset as it is known, in milliseconds. */
  outbox_clock_offset(): number;
  /** One number of `outbox_books`: `BOOK_RECORDED`, `BOOK_QUEUED`, or one from `BOOK_ENDED` on. */
  outbox_books(at: number): number;
}

/** What the module exports that says what is wrong with an event. */
export interface Explainer extends Validator {
  /** Ends the event. Puts its violations into the buffer, as a JSON array, and gives its length. */
  validator_violations(): number;
}
