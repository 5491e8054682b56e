// npx forebay-worker <command>

import { readFileSync } from "node:fs";
import { run } from "../../src/cli/program.js";
import { dev } from "./dev/command.js";
import { init } from "./init.js";
import { replay } from "./replay.js";
import { secret } from "./secret.js";
import { send } from "./send.js";

await run({
  name: "npx forebay-worker",
  version: JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).version,
  commands: { dev, init, replay, secret, send },
  notes:
    "Exit status: 0 fine, 1 an event was not accepted (send, replay), 2 wrong usage or a mistake in a file.\n",
});
