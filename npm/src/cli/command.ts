/** A command of `npx forebay`. */
export interface Command {
  /** What it does, in half a line. */
  summary: string;
  /** What `--help` prints. */
  help: string;
  /**
   * @param words the arguments after its name
   * @throws UsageError
   */
  run(words: string[]): ExitCode | Promise<ExitCode>;
}

/** How the program ends. */
export enum ExitCode {
  Fine = 0,
  /** Something was found: an event that is not valid, a breaking change, a generated file that is out of date. */
  Found = 1,
  /** The check could not run: wrong usage, an unreadable file, a mistake in the schema. */
  Unusable = 2,
  /** `check`: nothing breaks, but something may. */
  Risky = 3,
}

/** A mistake of the user; only its message is printed. */
export class UsageError extends Error {}
