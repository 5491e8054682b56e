// Requests to the endpoint: composed, sent, and their answers told to the core.

import type { Settings } from "./config.js";
import type { Identities } from "./credentials.js";
import { wired } from "./events.js";
import {
  type Answer,
  compressed,
  escaped,
  type Form,
  sender,
  WORTH_COMPRESSING,
} from "./requests.js";
import type { Row, Store } from "./store.js";
import type { AnalyticsEvent } from "./types.js";
import { encode } from "./validator.js";
import type { Core } from "./wasm.js";

/** An event on its way. */
export interface Held {
  /** The core's number of it. */
  number: number;
  id: string;
  name: string;
  at: number;
  /** Its text; not where that is on disk, and not needed soon. */
  row?: Row;
  /** As it was recorded, until it is validated. */
  event?: AnalyticsEvent;
  isStored?: boolean;
  /** Whether this tab's books alone hold it, so that this tab tells of it. */
  isOurs: boolean;
  /** Whether the core has it. */
  isAccepted?: boolean;
  immediate: boolean;
  /** What was said about it last. */
  reason?: string;
  /** How it ended in another tab. */
  end?: [end: number, reason?: string];
}

/** What deliveries are made from, and whom they tell. */
export interface Stock {
  find(number: number): Held | undefined;
  /** The page goes away: nothing can be waited for. */
  isLeaving(): boolean;
  sent(held: Held): void;
  /** It is not on disk any more: someone deleted it. */
  gone(held: Held): void;
  /** The endpoint as it was described last, as JSON. */
  profile(): string;
  /** The core was told. */
  answered(): void;
}

export type Deliveries = ReturnType<typeof deliveries>;

/** Sends what the core says, as this endpoint; by the form of requests that another than Forebay's takes. */
export function deliveries(
  core: Core,
  settings: Settings,
  endpointId: string,
  identities: Identities,
  store: Store,
  form: Form | undefined,
  stock: Stock,
) {
  const { appId } = settings;
  const send = sender(core, settings, form);
  let isOver = false;

  /** Sends a request in this task, and tells the core what came of it. */
  function signed(
    request: number,
    method: string,
    path: string,
    body: Uint8Array<ArrayBuffer>,
    keepalive: boolean,
    offset: number,
    verdicts: (answer: Answer) => number[],
  ): void {
    if (isOver) return;
    const found = identities.credentials[core.who(request)];
    if (!found) {
      unanswered(request);
      return;
    }
    const whole = `/v1/apps/${escaped(appId)}/${path}`;
    send(method, whole, body, found, keepalive, offset).then((answer) => {
      if (isOver) return;
      const { status, type, retryAfter, date } = answer;
      core.answered(request, status, type, retryAfter, date, verdicts(answer));
      stock.answered();
    });
  }

  /** Nothing was sent. */
  function unanswered(request: number): void {
    core.answered(request, 0, "", Number.NaN, Number.NaN, []);
    stock.answered();
  }

  /** What an answer says about each of these events, as HTTP statuses. */
  function verdicts(helds: (Held | undefined)[], { body }: Answer): number[] {
    const items = body.Results?.[endpointId]?.EventsItemResponse;
    return helds.map((held) => {
      const { StatusCode, Message } = items?.[held?.id ?? ""] ?? {};
      if (held) held.reason = Message ?? body.Message ?? body.message;
      return StatusCode | 0;
    });
  }

  function envelope(events: string): Uint8Array<ArrayBuffer> {
    const id = JSON.stringify(endpointId);
    return encode(`{"BatchItem":{${id}:{"Endpoint":${stock.profile()},"Events":{${events}}}}}`);
  }

  return {
    /** Bytes of a batch without events. */
    overhead: () => envelope("").length,

    batch(request: number, keepalive: boolean): void {
      const numbers = core.batch(request);
      // Where the clock is corrected before this leaves, its times are wrong: signed by the same clock,
      // it is refused, and sent again with others.
      const offset = core.clockOffset();
      const helds: (Held | undefined)[] = [];
      const offsets: number[] = [];
      for (let at = 0; at < numbers.length; at += 2) {
        helds.push(stock.find(numbers[at]));
        offsets.push(numbers[at + 1]);
      }
      const rows = helds.map((held) => held?.row);
      const absent = helds.filter((held): held is Held => !!held && !held.row);

      const compose = () => {
        const events = rows.flatMap((row, at) => (row ? [wired(row, offsets[at])] : []));
        if (!events.length) {
          unanswered(request);
          return;
        }
        for (const [at, held] of helds.entries()) if (held && rows[at]) stock.sent(held);
        const body = envelope(events.join());
        const post = (body: Uint8Array<ArrayBuffer>) =>
          signed(request, "POST", "events", body, keepalive, offset, (answer) =>
            verdicts(helds, answer),
          );
        if (stock.isLeaving() || form || body.length < WORTH_COMPRESSING) post(body);
        else compressed(body).then(post, () => post(body));
      };

      if (stock.isLeaving() || !absent.length) {
        compose();
        return;
      }
      store
        .get(absent.map(({ id }) => id))
        .then((found) => {
          for (const [at, held] of absent.entries()) {
            rows[helds.indexOf(held)] = found[at];
            if (!found[at]) stock.gone(held);
          }
        })
        // Without a disk they are tried again later.
        .catch(() => {})
        .then(() => isOver || compose());
    },

    /** Sends the description of the endpoint. */
    endpoint(request: number): void {
      const path = `endpoints/${escaped(endpointId)}`;
      const body = encode(stock.profile());
      signed(request, "PUT", path, body, stock.isLeaving(), core.clockOffset(), () => []);
    },

    /** What was asked is not waited for any more. */
    stop(): void {
      isOver = true;
    },
  };
}
