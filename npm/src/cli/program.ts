// What the programs of both packages have in common: they run one of several commands, and say what is wrong with the
// command line.

import { type Command, ExitCode, UsageError } from "./command.js";
import { print, printError } from "./terminal.js";

/** A program of several commands. */
export interface Program {
  /** The name as it is typed, e.g. `npx forebay`. */
  name: string;
  version: string;
  commands: Record<string, Command>;
  /** The text of `--help` below the list of commands. */
  notes: string;
}

/** Runs what the command line asks for, and sets the exit status of the process. */
export async function run(program: Program): Promise<void> {
  // `npx forebay docs | head` is no mistake.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
  try {
    process.exitCode = await dispatch(program, process.argv.slice(2));
  } catch (error) {
    // Any other error is a mistake of this program, and its exit status must not say that the check ran.
    printError(error instanceof UsageError ? error.message : String((error as Error).stack));
    process.exitCode = ExitCode.Unusable;
  }
}

async function dispatch(program: Program, [name, ...words]: string[]): Promise<ExitCode> {
  const { commands } = program;
  if (name === "--help" || name === "-h") {
    await print(usage(program));
    return ExitCode.Fine;
  }
  if (name === "--version") {
    await print(`${program.version}\n`);
    return ExitCode.Fine;
  }
  if (name === undefined || !Object.hasOwn(commands, name)) {
    const mistake = name === undefined ? "a command is missing" : `there is no command ${name}`;
    throw new UsageError(`${mistake}\n\n${usage(program).trimEnd()}`);
  }
  const command = commands[name];
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

function usage({ name, commands, notes }: Program): string {
  const lines = Object.entries(commands).map(
    ([command, { summary }]) => `  ${command.padEnd(10)}${summary}`,
  );
  return `${name} <command>

${lines.join("\n")}

  ${name} <command> --help    its options
  ${name} --version

${notes}`;
}

/** What `parseArgs` throws. */
function isWrongOption(error: unknown): error is Error {
  return error instanceof Error && "code" in error && `${error.code}`.startsWith("ERR_PARSE_ARGS");
}
