// Users that record events at a rate which does not wait for answers: what is late counts as late.

import { randomUUID, type UUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Credentials, guest, putEvents, type TestEvent } from "../../support/requests.ts";
import type { StackDescription } from "../../support/stack.ts";

/** Most events of a request, as clients have it. */
const MOST = 100;
/** How often what is due is handed to its users, in milliseconds. */
const TICK_MS = 20;
/** Guests that ask for credentials at a time. */
const ARRIVING = 20;
/** So long before they end credentials are asked for again, in milliseconds. */
const MARGIN_MS = 300_000;

/** Where events are sent, and as whom. */
export type Place = Pick<StackDescription, "edge" | "region" | "app_id" | "identity_pool_id">;

interface Waiting {
  id: UUID;
  event: TestEvent;
  /** When it was to be recorded, by `performance.now()`. */
  due: number;
}

interface User {
  credentials: Credentials;
  endpoint: UUID;
  waiting: Waiting[];
}

/** What became of the events. */
export class Users {
  /** When each was due that was answered 202, by its id. */
  readonly accepted = new Map<string, number>();
  /** From due to 202, in milliseconds. */
  readonly latencies: number[] = [];
  /** Of those, from due until the request was sent: what the schedule itself was late, or the user was busy. */
  readonly waits: number[] = [];
  recorded = 0;
  invalid = 0;
  /** Requests that were not answered, or events that were not accepted, and are sent again. */
  again = 0;
  /** How often each status was an event's answer; `none` where there was no answer. */
  readonly outcomes: Record<string, number> = {};

  private constructor(
    private readonly place: Place,
    private readonly users: User[],
  ) {}

  /** So many guests, each with credentials of its own. */
  static async start(place: Place, count: number): Promise<Users> {
    const users: User[] = [];
    while (users.length < count) {
      const some = Array.from({ length: Math.min(ARRIVING, count - users.length) }, async () => ({
        credentials: await guest(place),
        endpoint: randomUUID(),
        waiting: [],
      }));
      users.push(...(await Promise.all(some)));
    }
    return new Users(place, users);
  }

  /** How many events have no answer for good. */
  get waiting(): number {
    return this.recorded - this.accepted.size - this.invalid;
  }

  /**
   * Records `rate` events a second until there are so many, and sends until all have their answers, or for so many
   * milliseconds after the last. `event` makes the one of a number.
   */
  async run(
    rate: number,
    events: number,
    event: (number: number) => TestEvent,
    patience = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    const started = performance.now();
    const deadline = started + (events * 1000) / rate + patience;
    let isOver = false;
    const senders = this.users.map(async (user) => {
      while ((!isOver || user.waiting.length > 0) && performance.now() < deadline) {
        if (user.waiting.length === 0) await sleep(TICK_MS);
        else if (!(await this.#send(user))) await sleep(200 + 800 * Math.random());
      }
    });
    while (this.recorded < events) {
      const now = performance.now();
      for (; this.recorded < Math.min(events, ((now - started) * rate) / 1000); this.recorded++) {
        const user = this.users[Math.floor(Math.random() * this.users.length)];
        const due = started + (this.recorded * 1000) / rate;
        user.waiting.push({ id: randomUUID(), event: event(this.recorded), due });
      }
      await sleep(TICK_MS);
    }
    isOver = true;
    await Promise.all(senders);
  }

  /** Sends what waits. Gives whether all of it has ended. */
  async #send(user: User): Promise<boolean> {
    const { endpoint, waiting } = user;
    const batch = waiting.splice(0, MOST);
    const body = Object.fromEntries(batch.map(({ id, event }) => [id, event]));
    let answers: Awaited<ReturnType<typeof putEvents>> = {};
    const sent = performance.now();
    try {
      if (user.credentials.expiration * 1000 - Date.now() < MARGIN_MS) {
        user.credentials = await guest(this.place);
      }
      answers = await putEvents(this.place, user.credentials, body, endpoint);
    } catch {
      // Nobody answers, or not all: those without an answer are sent again.
    }
    const now = performance.now();
    const rest = batch.filter(({ id, due }) => {
      const status = answers[id]?.StatusCode;
      const outcome = String(status ?? "none");
      this.outcomes[outcome] = (this.outcomes[outcome] ?? 0) + 1;
      if (status === 202) {
        this.accepted.set(id, due);
        this.latencies.push(now - due);
        this.waits.push(sent - due);
      } else if (status === 400) this.invalid++;
      return status !== 202 && status !== 400;
    });
    this.again += rest.length;
    waiting.unshift(...rest);
    return rest.length === 0;
  }
}
