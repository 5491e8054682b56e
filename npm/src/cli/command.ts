/** A word that may follow `npx forebay`. */
export interface Command {
  /** What it does, in half a line. */
  summary: string;
  /** What `--help` prints. */
  help: string;
  /**
   * @param words what follows its name
   * @throws UsageError
   */
  run(words: string[]): ExitCode | Promise<ExitCode>;
}

/** How the program ends. */
export enum ExitCode {
  Fine = 0,
  /** Something is not as it should be: an event, a change, a generated file. */
  Found = 1,
  /** Nothing could be found out: wrong usage, an unreadable file, a mistake in the schema. */
  Unusable = 2,
  /** `check`: nothing breaks, but something may. */
  Risky = 3,
}

/** What whoever typed the command has to put right; its message is all that is printed. */
export class UsageError extends Error {}
