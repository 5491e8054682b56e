// Many events of mixed sizes into sinks that throttle, take a half, break, hang and are down, and the oracle that issued
// their ids: each that was answered 202 is in every sink, and the books balance.

import assert from "node:assert/strict";
import { randomUUID, type UUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { type Samples, scrape, sum } from "../../support/metrics.ts";
import { guest, putEvents, type TestEvent } from "../../support/requests.ts";
import type { StackDescription } from "../../support/stack.ts";
import { until } from "../../support/until.ts";
import { EVENT_BRIDGE, FaultyService, FIREHOSE, KINESIS, PINPOINT } from "./faulty.ts";

/** Requests under way at a time. */
const SENDERS = 8;
/** Of so many events one is not valid. */
const INVALID_EACH = 10;

/** Events of mixed sizes. */
function event(number: number): TestEvent {
  const piece = `${number} ${"x".repeat((number * 37) % 90)}`;
  const started_at = new Date().toISOString();
  const attributes = { piece, completed: "true", started_at };
  return number % 3 || number % INVALID_EACH === 0
    ? {
        EventType: "SignUpEvent",
        Attributes: { email: `${number}${number % INVALID_EACH ? "@" : "#"}example.com` },
      }
    : {
        EventType: "PiecePlayedEvent",
        Attributes: attributes,
        Metrics: { minutes: 12.5, mistakes: number },
      };
}

/** A sink of the configuration. */
type SinkSettings = { name: string; type: string; [setting: string]: unknown };

/** Stand-ins for one sink of each kind. */
export class FaultySinks {
  private constructor(private readonly services: Map<string, FaultyService>) {}

  static async start(): Promise<FaultySinks> {
    const protocols = { kinesis: KINESIS, hose: FIREHOSE, bus: EVENT_BRIDGE, old: PINPOINT };
    const services = new Map<string, FaultyService>();
    for (const [name, protocol] of Object.entries(protocols)) {
      services.set(name, await FaultyService.start(protocol, services.size + 1));
    }
    return new FaultySinks(services);
  }

  url(name: string): string {
    return this.services.get(name)?.url as string;
  }

  /** `sinks` of the worker's configuration, beside Kinesis. */
  get sinks(): SinkSettings[] {
    const url = (name: string) => this.url(name);
    return [
      { name: "hose", type: "firehose", stream: "f", endpoint: url("hose"), required: true },
      { name: "bus", type: "event_bridge", endpoint: url("bus"), required: true },
      { name: "old", type: "pinpoint", app_id: "a", endpoint: url("old"), required: true },
    ];
  }

  /** The binding `SINK_KEYS`. */
  static readonly keys = { old: { access_key_id: "local", secret_access_key: "local" } };

  /**
   * Sends so many events until each is accepted or invalid, while one sink is down for `downMs`.
   *
   * @returns the ids that were answered 202, and how many answers of each outcome there were
   */
  async send(at: StackDescription, events: number, downMs: number) {
    const ending = new AbortController();
    const credentials = await guest(at);
    const answered: Record<string, number> = { accepted: 0, throttled: 0, failed: 0, invalid: 0 };
    const outcomes: Record<number, string> = { 202: "accepted", 400: "invalid", 429: "throttled" };
    const accepted: string[] = [];
    const waiting = Array.from({ length: events }, (_, number) => [randomUUID(), number] as const);
    let requests = 0;
    const sender = async () => {
      for (;;) {
        const sent = waiting.splice(0, 1 + ((requests++ * 31) % 100));
        if (!sent.length) return;
        const ids = new Map<string, number>(sent);
        const body = Object.fromEntries([...ids].map(([id, number]) => [id, event(number)]));
        const answers = await putEvents(at, credentials, body);
        for (const [id, { StatusCode }] of Object.entries(answers)) {
          answered[outcomes[StatusCode] ?? "failed"] += 1;
          if (StatusCode === 202) accepted.push(id);
          else if (StatusCode === 400) assert.equal(Number(ids.get(id)) % INVALID_EACH, 0);
          else waiting.push([id as UUID, ids.get(id) as number]);
        }
        // As clients do.
        if (Object.values(answers).some(({ StatusCode }) => StatusCode >= 429)) await sleep(200);
      }
    };
    const outage = async ({ signal }: AbortController) => {
      while (accepted.length < events / 3) await sleep(50, undefined, { signal });
      const service = this.services.get("hose") as FaultyService;
      service.isDown = true;
      await sleep(downMs, undefined, { signal });
      service.isDown = false;
    };
    try {
      await Promise.all([outage(ending), ...Array.from({ length: SENDERS }, sender)]);
    } finally {
      ending.abort();
    }
    assert.equal(accepted.length + answered.invalid, events);
    assert.equal(answered.invalid, events / INVALID_EACH);
    return { accepted, answered, requests };
  }

  /** Waits until every sink has all of the events. */
  async have(accepted: string[], timeout: number): Promise<void> {
    for (const [name, { stored }] of this.services) {
      await until(`all events in ${name}`, () => accepted.every((id) => stored.has(id)), {
        timeout,
      });
    }
  }

  /** Each sink has all of the events, and understood every call. Gives what went wrong with how many. */
  check(accepted: string[]): string[] {
    return [...this.services].map(([name, { stored, faults, mistake }]) => {
      assert.ifError(mistake);
      const missing = accepted.filter((id) => !stored.has(id));
      assert.deepEqual(missing.slice(0, 5), [], `${name} has not ${missing.length}`);
      return `${name}: ${JSON.stringify(faults)}`;
    });
  }

  /** The worker has counted the answers that it gave, and the sinks' acknowledgements, as there were. */
  async checkBooks(edge: string, key: string, answered: Record<string, number>): Promise<Samples> {
    const samples = await scrape(edge, key);
    for (const [outcome, count] of Object.entries(answered)) {
      assert.equal(sum(samples, "forebay_events_total", { outcome }), count, outcome);
    }
    assert.equal(
      sum(samples, "forebay_events_received_total"),
      Object.values(answered).reduce((sum, count) => sum + count),
    );
    for (const [sink, { acknowledged }] of this.services) {
      // Dead letters go to Kinesis, too.
      const names = sink === "kinesis" ? [sink, "dead_letters"] : [sink];
      const counts = names.map((sink) =>
        sum(samples, "forebay_sink_records_total", { sink, outcome: "accepted" }),
      );
      assert.equal(
        counts.reduce((sum, count) => sum + count),
        acknowledged,
        sink,
      );
    }
    return samples;
  }

  stop(): void {
    for (const service of this.services.values()) service.stop();
  }
}
