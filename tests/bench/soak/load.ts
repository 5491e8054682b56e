// Users that record events at a rate which does not wait for answers: what is late counts as late.

import { randomUUID, type UUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Credentials, guest, putEvents, type TestEvent } from "../../support/requests.ts";
import type { StackDescription } from "../../support/stack.ts";

/** Of so many events one is not valid. */
const INVALID_EACH = 50;
/** Most events of a request, as clients have it. */
const MOST = 100;
/** How often what is due is handed to its users, in milliseconds. */
const TICK_MS = 20;

interface Waiting {
  id: UUID;
  number: number;
  /** When it was to be recorded, by `performance.now()`. */
  due: number;
}

/** What became of the events. */
export class Load {
  /** When each was due that was answered 202, by its id. */
  readonly accepted = new Map<string, number>();
  /** From due to 202, in milliseconds. */
  readonly latencies: number[] = [];
  recorded = 0;
  invalid = 0;
  /** Requests that were not answered, or events that were not accepted, and are sent again. */
  again = 0;

  private constructor(
    private readonly place: StackDescription,
    private readonly users: { credentials: Credentials; endpoint: UUID; waiting: Waiting[] }[],
  ) {}

  static async start(place: StackDescription, users: number): Promise<Load> {
    const all = [];
    for (let user = 0; user < users; user++) {
      all.push({ credentials: await guest(place), endpoint: randomUUID(), waiting: [] });
    }
    return new Load(place, all);
  }

  /** Records `rate` events a second for so many seconds, and sends until all have their answers. */
  async run(rate: number, seconds: number): Promise<void> {
    let isOver = false;
    const senders = this.users.map(async (user) => {
      while (!isOver || user.waiting.length > 0) {
        if (user.waiting.length === 0) await sleep(TICK_MS);
        else if (!(await this.#send(user))) await sleep(200 + 800 * Math.random());
      }
    });
    const started = performance.now();
    const events = rate * seconds;
    while (this.recorded < events) {
      const now = performance.now();
      for (; this.recorded < Math.min(events, ((now - started) * rate) / 1000); this.recorded++) {
        const user = this.users[Math.floor(Math.random() * this.users.length)];
        const due = started + (this.recorded * 1000) / rate;
        user.waiting.push({ id: randomUUID(), number: this.recorded, due });
      }
      await sleep(TICK_MS);
    }
    isOver = true;
    await Promise.all(senders);
  }

  /** Sends what waits. Gives whether all of it has ended. */
  async #send({ credentials, endpoint, waiting }: (typeof this.users)[number]): Promise<boolean> {
    const batch = waiting.splice(0, MOST);
    const body = Object.fromEntries(batch.map(({ id, number }) => [id, event(number)]));
    let answers: Awaited<ReturnType<typeof putEvents>> = {};
    try {
      answers = await putEvents(this.place, credentials, body, endpoint);
    } catch {
      // Nobody answers, or not all: those without an answer are sent again.
    }
    const now = performance.now();
    const rest = batch.filter(({ id, due }) => {
      const status = answers[id]?.StatusCode;
      if (status === 202) {
        this.accepted.set(id, due);
        this.latencies.push(now - due);
      } else if (status === 400) this.invalid++;
      return status !== 202 && status !== 400;
    });
    this.again += rest.length;
    waiting.unshift(...rest);
    return rest.length === 0;
  }
}

function event(number: number): TestEvent {
  if (number % INVALID_EACH === 0) return { EventType: "SignUpEvent", Attributes: { email: "no" } };
  const started_at = new Date().toISOString();
  return number % 3
    ? {
        EventType: "SignUpEvent",
        Attributes: { email: `${number}@example.com`, plan: "pro" },
      }
    : {
        EventType: "PiecePlayedEvent",
        Attributes: { piece: `Opus ${number}`, completed: "true", started_at },
        Metrics: { minutes: 12.5, mistakes: number % 7 },
      };
}
