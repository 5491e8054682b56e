// npx forebay <command>

import { readFileSync } from "node:fs";
import { check } from "./check.js";
import { codegen } from "./codegen.js";
import { ddl } from "./ddl.js";
import { docs } from "./docs.js";
import { init } from "./init.js";
import { migrate } from "./migrate/migrate.js";
import { run } from "./program.js";
import { validate } from "./validate.js";

await run({
  name: "npx forebay",
  version: JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).version,
  commands: { init, codegen, check, ddl, docs, validate, migrate },
  notes: `Exit status: 0 fine, 1 mistakes found, 2 wrong usage or a schema that cannot be used,
3 risky changes (check).
`,
});
