import { existsSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { type Command, ExitCode, UsageError } from "./command.js";
import { CONFIG_FILE } from "./config.js";
import { print } from "./terminal.js";

const SCHEMA_FILE = "forebay.schema.json";

/** Events that nearly every product has. */
const STARTER = {
  $schema: "./node_modules/forebay/schema.json",
  title: "Events of our product",
  "x-version": 1,
  $defs: {
    SignUpEvent: {
      title: "Signed up",
      description: "Someone created an account.",
      type: "object",
      properties: {
        email: {
          description: "The address the account was created with.",
          type: "string",
          format: "email",
        },
        plan: { description: "The plan that was chosen.", enum: ["free", "pro", "team"] },
        referrer: {
          description: "Where they say they heard of us; null when they would not say.",
          type: ["string", "null"],
          maxLength: 100,
        },
      },
      required: ["email", "plan"],
    },
    SignInEvent: {
      title: "Signed in",
      description: "Someone came back to their account.",
      type: "object",
      properties: {
        email: {
          description: "The address of the account.",
          type: "string",
          format: "email",
        },
        method: { enum: ["password", "magic_link", "single_sign_on"] },
        attempts: {
          description: "How often they tried until it worked.",
          type: "integer",
          minimum: 1,
        },
      },
      required: ["email", "method"],
    },
  },
};

export const init: Command = {
  summary: "a schema to start with, and a configuration",
  help: `npx forebay init

Writes ${SCHEMA_FILE} and ${CONFIG_FILE} into this folder. A file that is there already
stays as it is.
`,
  async run(words) {
    parseArgs({ args: words, options: {} });
    const output = existsSync("src") ? "src/forebay.gen.ts" : "forebay.gen.ts";
    const year = new Date().getFullYear();
    const config = {
      schema: SCHEMA_FILE,
      output,
      database: "forebay",
      location: "s3://your-bucket/lake",
      first_year: year,
      last_year: year + 10,
    };
    const lines = [create(SCHEMA_FILE, STARTER), create(CONFIG_FILE, config)];
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

function create(path: string, content: object): string {
  try {
    writeFileSync(path, `${JSON.stringify(content, undefined, 2)}\n`, { flag: "wx" });
    return `wrote ${path}`;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "EEXIST") return `${path} is there already, and stays as it is`;
    throw new UsageError(`${path}: cannot be written: ${message}`);
  }
}
