// kill -9, ten times, at random moments, while 20,000 events come in: rows = events.

import assert from "node:assert/strict";
import { randomInt, randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { kinesisClient } from "../support/kinesis.ts";
import { type Row, rows } from "../support/lake.ts";
import { until } from "../support/until.ts";
import {
  checkpoints,
  type Event,
  flushes,
  putEvents,
  REGION,
  startKinesis,
  startLake,
  untilRead,
} from "./lake-process.ts";

const EVENTS = 20_000;
const KILLS = 10;
/** Events that are sent a second time, as a client does whose answer was lost. */
const SENT_TWICE = 400;
/** How long after its first batch the lake is killed at the latest, in milliseconds. */
const LONGEST_LIFE = 300;
/**
 * Records of a batch. Small, so that it writes most of the time and many a kill comes between two
 * writes; different in each life, so that a cut that was not written down would come out elsewhere.
 */
const BATCH = [60, 100] as const;
const CLIENTS = 50;
const DAY = 86_400_000;

test(`${KILLS} kills during ${EVENTS} events: every event is one row, every value as sent`, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "forebay-lake-"));
  const kinesis = await startKinesis(["events:2"]);
  const client = kinesisClient({ kinesis: kinesis.url, region: REGION });
  const options = { kinesis: kinesis.url, stream: "events", lake: folder };
  try {
    const events = Array.from({ length: EVENTS }, (_, number) => event(number));
    const moments: number[] = [];
    let inFlush = 0;
    for (let kill = 0; kill < KILLS; kill++) {
      const share = events.slice((kill * EVENTS) / KILLS, ((kill + 1) * EVENTS) / KILLS);
      const lake = startLake({ ...options, maxRows: randomInt(...BATCH) });
      const sent = putEvents(client, "events", share);
      await until("the first batch", () => flushes(lake).length > 0);
      moments.push(randomInt(LONGEST_LIFE));
      await sleep(moments[kill]);
      assert.equal(await lake.end("SIGKILL"), null, lake.log());
      await sent;
      const states = Object.values(await checkpoints(folder));
      inFlush += states.filter((state) => state.pending).length;
    }
    t.diagnostic(
      `killed ${moments.join(", ")} ms after the first batch; ${inFlush} cuts under way`,
    );
    assert.ok(inFlush > 0, "no kill met a flush: nothing was tried");

    const again = Array.from({ length: SENT_TWICE }, () => events[randomInt(EVENTS)]);
    await putEvents(client, "events", again);
    const lake = startLake({ ...options, maxRows: randomInt(...BATCH) });
    const counts = await untilRead(folder, EVENTS + SENT_TWICE, 120_000);
    assert.equal(await lake.end("SIGTERM"), 0, lake.log());
    assert.deepEqual(counts, {
      records: EVENTS + SENT_TWICE,
      rows: EVENTS,
      rejected: 0,
      duplicates: SENT_TWICE,
      missing: 0,
    });

    const found = [
      ...(await rows(folder, "sign_in_event")),
      ...(await rows(folder, "piece_played_event")),
    ];
    assert.equal(found.length, EVENTS);
    const byId = new Map(found.map((row) => [row.event_id, row]));
    assert.equal(byId.size, EVENTS, "an id is there twice");
    for (const event of events) {
      const row = byId.get(event.event_id);
      assert.ok(row, `${event.event_id} is not there`);
      assert.deepEqual(picked(row, event), expected(event));
    }
  } finally {
    client.destroy();
    await kinesis.end("SIGKILL");
    await rm(folder, { recursive: true });
  }
});

/** Half sign-ins, half pieces, over two days, from some clients. */
function event(number: number): Event {
  const common = {
    event_id: randomUUID(),
    client_id: `client-${number % CLIENTS}`,
    event_timestamp: Date.now() - (number % 4 > 1 ? DAY : 0) - number,
  };
  if (number % 2 === 0) {
    const attributes = {
      email: `person.${number}@example.com`,
      id: randomUUID(),
      is_test_user: String(number % 4 === 0),
      user_type: ["student", "teacher", "admin"][number % 3],
    };
    return { ...common, event_type: "SignInEvent", attributes };
  }
  return {
    ...common,
    event_type: "PiecePlayedEvent",
    attributes: {
      piece: `Étude nº ${number}`,
      completed: String(number % 3 === 0),
      started_at: new Date(common.event_timestamp - 60_000).toISOString(),
    },
    metrics: { minutes: number / 64 + 0.5, mistakes: number },
  };
}

/** What the row of an event must hold. */
function expected(event: Event): Row {
  const { event_id, event_type, client_id, attributes = {}, metrics = {} } = event;
  const timestamp = Number(event.event_timestamp);
  const day = new Date(timestamp).toISOString();
  const common = {
    event_id,
    event_type,
    client_id,
    event_timestamp: day,
    session_start_timestamp: new Date(timestamp - 1_000).toISOString(),
    country: "SE",
    day: BigInt(day.slice(8, 10)),
  };
  if (event_type === "SignInEvent") {
    return { ...common, ...attributes, is_test_user: attributes.is_test_user === "true" };
  }
  return {
    ...common,
    ...attributes,
    completed: attributes.completed === "true",
    minutes: metrics.minutes,
    mistakes: BigInt(metrics.mistakes),
  };
}

/** The columns of a row that `expected` has. */
function picked(row: Row, event: Event): Row {
  const names = Object.keys(expected(event));
  return Object.fromEntries(names.map((name) => [name, row[name]]));
}
