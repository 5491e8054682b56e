// A server that records events, and says on its output which of them are stored, until it is killed.
// node recorder.mjs '{"options": {..}, "count": 1000, "pause": 0}'

import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "forebay/node";

const { options, count, pause = 0, close = false } = JSON.parse(process.argv[2]);
const client = createClient(options);
const stored = [];
for (let n = 0; n < count; n++) {
  const attributes = { email: "ada@example.com", referrer: `number ${n}` };
  const recorded = client.record({ name: "SignUpEvent", attributes });
  stored.push(
    recorded.then(({ id, state }) => {
      process.stdout.write(`${state} ${id}\n`);
    }),
  );
  if (pause && n % 10 === 0) await sleep(pause);
}
await Promise.all(stored);
if (close) await client.close({ timeout: 2000 });
process.stdout.write(`done ${JSON.stringify(client.stats())}\n`);
// Without `pause` it ends by itself, where nothing of the client keeps it.
if (pause) await once(process.stdin.resume(), "end");
