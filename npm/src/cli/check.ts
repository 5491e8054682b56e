import { parseArgs } from "node:util";
import { type Change, type ChangeClass, compare, SchemaError } from "../tools.js";
import { type Command, ExitCode, UsageError } from "./command.js";
import { mistakes, read } from "./files.js";
import { paint, print } from "./terminal.js";

const EXIT_CODES: Record<ChangeClass, ExitCode> = {
  safe: ExitCode.Fine,
  risky: ExitCode.Risky,
  breaking: ExitCode.Found,
};

const COLOURS = { safe: "green", risky: "yellow", breaking: "red" } as const;

export const check: Command = {
  summary: "what a new version of the schema breaks, and for whom",
  help: `npx forebay check OLD NEW

Compares two versions of a schema file, and classes every change as safe, risky or breaking:
for producers (pages that still run the old version), for consumers of the stream, and for
the lake and its queries.

  --json          print it for programs

Exit status: 0 safe, 3 risky, 1 breaking, 2 where a file cannot be used.
`,
  async run(words) {
    const { values, positionals } = parseArgs({
      args: words,
      options: { json: { type: "boolean" } },
      allowPositionals: true,
    });
    const [before, after, ...more] = positionals;
    if (after === undefined || more.length > 0) {
      throw new UsageError(`name two files, the old version and the new one\n\n${check.help}`);
    }
    const comparison = comparisonOf(before, after);
    await print(
      values.json
        ? `${JSON.stringify(comparison, undefined, 2)}\n`
        : comparison.changes.length > 0
          ? table(comparison.changes)
          : "nothing has changed\n",
    );
    return EXIT_CODES[comparison.class];
  },
};

function comparisonOf(before: string, after: string) {
  const texts = [read(before), read(after)] as const;
  try {
    return compare(...texts);
  } catch (error) {
    if (!(error instanceof SchemaError)) throw error;
    throw mistakes(error, (file) => (file === "old" ? before : after));
  }
}

function table(changes: Change[]): string {
  const cell = (value: ChangeClass) => paint(COLOURS[value], value.padEnd(11));
  const rows = changes.map(({ path, change, producers, consumers, lake, advice }) => {
    const lines = [`${cell(producers)}${cell(consumers)}${cell(lake)}${path}: ${change}`];
    if (advice) lines.push(`${" ".repeat(33)}${paint("dim", advice)}`);
    return lines.join("\n");
  });
  const head = ["producers", "consumers", "lake", "change"].map((name) => name.padEnd(11)).join("");
  return `${[paint("bold", head.trimEnd()), ...rows].join("\n")}\n`;
}
