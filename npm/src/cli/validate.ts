import { createReadStream } from "node:fs";
import { parseArgs } from "node:util";
import { Validator, type Verdict } from "../tools.js";
import { type Command, ExitCode, UsageError } from "./command.js";
import { readConfig } from "./config.js";
import { unreadable, withSchema } from "./files.js";
import { lines } from "./lines.js";
import { print, printError } from "./terminal.js";

type Mistaken = Exclude<Verdict, { ok: true }>;

export const validate: Command = {
  summary: "events in a file, line by line, against the schema",
  help: `npx forebay validate FILE

Reads events as NDJSON, one JSON object a line: as record() takes them ({"name", "attributes",
"metrics"}), as PutEvents has them ({"EventType", ..}), or as the stream holds them. FILE may be
- for standard input. Values are described and never printed.

  --schema FILE   (default: forebay.schema.json)
  --json          print a JSON object for each line that is not valid

Exit status: 0 all are valid, 1 some are not, 2 where a file cannot be used.
`,
  async run(words) {
    const { values, positionals } = parseArgs({
      args: words,
      options: { schema: { type: "string" }, json: { type: "boolean" } },
      allowPositionals: true,
    });
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) {
      throw new UsageError(`name one file of events, or - for standard input\n\n${validate.help}`);
    }
    const { json, ...options } = values;
    const validator = withSchema(readConfig(options).schema, (schema) => new Validator(schema));
    const source = file === "-" ? process.stdin : createReadStream(file);
    const name = file === "-" ? "stdin" : file;
    const counts = { events: 0, wrong: 0 };
    try {
      for await (const { number, text } of lines(source)) {
        const verdict =
          typeof text === "string" ? validator.check(text) : { malformed: text.unreadable };
        counts.events += 1;
        if ("ok" in verdict) continue;
        counts.wrong += 1;
        const told = { line: number, ...verdict };
        await print(json ? `${JSON.stringify(told)}\n` : describe(`${name}:${number}`, verdict));
      }
    } catch (error) {
      throw error instanceof Error && "syscall" in error ? unreadable(file, error) : error;
    }
    printError(`${count(counts.events, "event")}, ${counts.wrong} not valid`);
    return counts.wrong > 0 ? ExitCode.Found : ExitCode.Fine;
  },
};

function describe(where: string, verdict: Mistaken): string {
  if ("malformed" in verdict) return `${where}: ${verdict.malformed}\n`;
  return verdict.violations
    .map(({ path, expected, actual }) => `${where}: ${path}: expected ${expected}, got ${actual}\n`)
    .join("");
}

function count(number: number, name: string): string {
  return `${number} ${name}${number === 1 ? "" : "s"}`;
}
