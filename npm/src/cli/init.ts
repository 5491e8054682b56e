import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Command, ExitCode, UsageError } from "./command.js";
import { CONFIG_FILE, defaultOutput, SCHEMA_FILE } from "./config.js";
import { STARTER_SCHEMA } from "./starter.js";
import { print } from "./terminal.js";

export const init: Command = {
  summary: "a schema to start with, and a configuration",
  help: `npx forebay init

Writes ${SCHEMA_FILE} and ${CONFIG_FILE} into this folder. A file that is there already
stays as it is.
`,
  async run(words) {
    parseArgs({ args: words, options: {} });
    const output = defaultOutput();
    const year = new Date().getFullYear();
    const config = {
      schema: SCHEMA_FILE,
      output,
      database: "forebay",
      first_year: year,
      last_year: year + 10,
    };
    const lines = [
      create(SCHEMA_FILE, STARTER_SCHEMA),
      create(CONFIG_FILE, `${JSON.stringify(config, undefined, 2)}\n`),
    ];
    await print(`${lines.join("\n")}

Next:
  1. Describe your events in ${SCHEMA_FILE}. An editor that knows JSON Schema helps you.
  2. Run \`npx forebay codegen\`.
  3. Pass \`schema\` to configure(), and record what the creators make, both from ${output}:

     record(signUpEvent({ email: "ada@example.com", plan: "free" }));
`);
    return ExitCode.Fine;
  },
};

function create(path: string, text: string): string {
  try {
    writeFileSync(path, text, { flag: "wx" });
    return `wrote ${path}`;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return `${path} is there already, and stays as it is`;
    throw new UsageError(`${path}: cannot be written: ${message}`);
  }
}
