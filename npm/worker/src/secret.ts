import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { type Command, ExitCode, UsageError } from "../../src/cli/command.js";
import { print } from "../../src/cli/terminal.js";

/** What each binding of the worker that holds a secret is made of. */
const MAKERS: Record<string, () => string> = {
  MASTER_SECRETS: masterSecrets,
  PII_SALT: random,
  METRICS_KEY: random,
  PARTITION_KEY_SECRET: random,
};

function random(): string {
  return randomBytes(32).toString("base64");
}

/** A value for the binding MASTER_SECRETS, of one new secret. */
export function masterSecrets(): string {
  return JSON.stringify([{ id: "1", secret: randomBytes(32).toString("base64") }]);
}

export const secret: Command = {
  summary: "prints a new secret for the worker",
  help: `npx forebay-worker secret BINDING

Prints a new value for a binding of the worker: ${Object.keys(MAKERS).join(", ")}. It goes to standard output alone, so that it can be
handed on without being seen:

  npx forebay-worker secret MASTER_SECRETS | npx wrangler secret put MASTER_SECRETS
`,
  async run(words) {
    const { positionals } = parseArgs({ args: words, allowPositionals: true, options: {} });
    const [binding, ...others] = positionals;
    if (!binding || others.length || !Object.hasOwn(MAKERS, binding)) {
      throw new UsageError(
        `name one of these bindings: ${Object.keys(MAKERS).join(", ")}\n\n${secret.help.trimEnd()}`,
      );
    }
    await print(`${MAKERS[binding]()}\n`);
    return ExitCode.Fine;
  },
};
