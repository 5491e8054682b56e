// npx forebay <command>

import { readFileSync } from "node:fs";
import { check } from "./check.js";
import { codegen } from "./codegen.js";
import { type Command, ExitCode, UsageError } from "./command.js";
import { ddl } from "./ddl.js";
import { docs } from "./docs.js";
import { init } from "./init.js";
import { print, printError } from "./terminal.js";
import { validate } from "./validate.js";

const COMMANDS: Record<string, Command> = { init, codegen, check, ddl, docs, validate };

const USAGE = `npx forebay <command>

${Object.entries(COMMANDS)
  .map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}`)
  .join("\n")}

  npx forebay <command> --help    its options
  npx forebay --version

Exit status: 0 fine, 1 mistakes found, 2 wrong usage or a schema that cannot be used,
3 risky changes (check).
`;

async function run([name, ...words]: string[]): Promise<ExitCode> {
  if (name === "--help" || name === "-h") {
    await print(USAGE);
    return ExitCode.Fine;
  }
  if (name === "--version") {
    await print(`${version()}\n`);
    return ExitCode.Fine;
  }
  if (name === undefined || !Object.hasOwn(COMMANDS, name)) {
    const mistake = name === undefined ? "a command is missing" : `there is no command ${name}`;
    throw new UsageError(`${mistake}\n\n${USAGE.trimEnd()}`);
  }
  const command = COMMANDS[name];
  if (words.includes("--help") || words.includes("-h")) {
    await print(command.help);
    return ExitCode.Fine;
  }
  try {
    return await command.run(words);
  } catch (error) {
    if (isWrongOption(error)) {
      throw new UsageError(`${error.message}\n\n${command.help.trimEnd()}`);
    }
    throw error;
  }
}

function version(): string {
  return JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).version;
}

/** What `parseArgs` throws. */
function isWrongOption(error: unknown): error is Error {
  return error instanceof Error && "code" in error && `${error.code}`.startsWith("ERR_PARSE_ARGS");
}

// `npx forebay docs | head` is no mistake.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit();
});

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  // Anything else is a mistake of this program, and its status must not say that all was looked at.
  printError(error instanceof UsageError ? error.message : String((error as Error).stack));
  process.exitCode = ExitCode.Unusable;
}
