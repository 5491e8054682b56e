// Events made from a schema, signed by guests and sent at a rate that does not wait; at the end the lake is compared
// with what was accepted. Run as `cargo xtask load`, whose --help says what there is to choose.

import { parseArgs } from "node:util";
import { startStack } from "../support/stack.ts";
import { until } from "../support/until.ts";
import { books } from "./load/oracle.ts";
import { templates } from "./load/templates.ts";
import { type Place, Users } from "./load/users.ts";
import { FILES, machine, onMachine, percentile, write } from "./report.ts";

/** How long events are sent again after the last one was due, and how long the lake may take, in milliseconds. */
const [PATIENCE_MS, LAKE_MS] = [60_000, 120_000];

const { values: options } = parseArgs({
  options: {
    events: { type: "string", default: "10000" },
    rate: { type: "string", default: "200" },
    users: { type: "string", default: "50" },
    endpoint: { type: "string" },
    lake: { type: "string" },
    schema: { type: "string", default: "demo-react/forebay.schema.json" },
    region: { type: "string", default: "us-east-1" },
    "app-id": { type: "string", default: "f0e1d2c3b4a5968778695a4b3c2d1e0f" },
    "identity-pool": {
      type: "string",
      default: "us-east-1:f0e1d2c3-0000-4000-8000-000000000001",
    },
    ...FILES,
  },
});
const [events, rate, count] = [Number(options.events), Number(options.rate), Number(options.users)];

const finished = machine();
const event = await templates(options.schema);
const stack = options.endpoint ? undefined : await startStack({ schema: options.schema });
try {
  const place: Place = stack ?? {
    edge: String(options.endpoint).replace(/\/$/, ""),
    region: options.region,
    app_id: options["app-id"],
    identity_pool_id: options["identity-pool"],
  };
  const users = await Users.start(place, count);
  const started = performance.now();
  await users.run(rate, events, () => event(Math.random, Date.now()), PATIENCE_MS);
  const seconds = (performance.now() - started) / 1000;
  const lake = options.lake ?? stack?.lake;
  const found = lake === undefined ? undefined : await inLake(lake, users);
  await report(users, seconds, found);
} finally {
  await stack?.stop();
}

/** What the lake has once nothing is missing, or no more time is left. */
async function inLake(lake: string, { accepted }: Users) {
  await until("every accepted event in the lake", async () => !(await books(lake, accepted)).lost, {
    timeout: LAKE_MS,
  }).catch(() => {});
  return books(lake, accepted);
}

async function report(
  users: Users,
  seconds: number,
  found: Awaited<ReturnType<typeof inLake>> | undefined,
): Promise<void> {
  const { recorded, accepted, invalid, waiting, again, outcomes, latencies, waits } = users;
  const of = (values: number[]) => ({
    p50: percentile(values, 0.5),
    p99: percentile(values, 0.99),
    max: percentile(values, 1),
  });
  const on = finished();
  const result = {
    events,
    rate,
    users: count,
    seconds,
    recorded,
    accepted: accepted.size,
    invalid,
    unanswered: waiting,
    sent_again: again,
    outcomes,
    accepted_a_second: accepted.size / seconds,
    latency_ms: of(latencies),
    waited_ms: of(waits),
    lake: found,
  };
  const spread = ({ p50, p99, max }: ReturnType<typeof of>) => `p50 ${p50}, p99 ${p99}, max ${max}`;
  const statuses = Object.entries(outcomes).map(([status, times]) => `${status}: ${times}`);
  const lines: [string, string][] = [
    ["recorded", `${recorded} in ${seconds.toFixed(1)} s by ${count} users`],
    ["accepted", `${accepted.size}, ${result.accepted_a_second.toFixed(1)} a second of ${rate}`],
    ["invalid, unanswered", `${invalid}, ${waiting}`],
    ["answers", statuses.join(", ")],
    ["due to answer, ms", spread(result.latency_ms)],
    ["due to sent, ms", spread(result.waited_ms)],
    [
      "in the lake",
      found
        ? `${found.rows} rows; ${found.lost} accepted without a row, ${found.twice} with more than one`
        : "not looked at: --lake says where it is",
    ],
  ];
  for (const [what, says] of lines) console.log(`  ${what.padEnd(22)}${says}`);
  console.log(`  ${onMachine(on)}`);
  const bars = Object.entries(result.latency_ms).map(([name, value]) => ({ name, value }));
  await write(options, {
    bench: "load",
    machine: on,
    ...result,
    charts: [
      {
        title: "From when an event was due until it was accepted",
        unit: "milliseconds",
        better: "less",
        groups: [{ label: "", bars }],
      },
    ],
  });
  if (waiting > 0 || invalid > 0 || (found && (found.lost > 0 || found.twice > 0))) {
    process.exitCode = 1;
  }
}
