import { parseArgs } from "node:util";
import { catalogue } from "../tools.js";
import { type Command, ExitCode } from "./command.js";
import { readConfig } from "./config.js";
import { withSchema } from "./files.js";
import { deliver } from "./output.js";

export const docs: Command = {
  summary: "a catalogue of the events, in Markdown",
  help: `npx forebay docs [--out FILE]

Prints a catalogue of the events for your wiki, in Markdown.

  --schema FILE   (default: forebay.schema.json)
  --out FILE      write it there
`,
  async run(words) {
    const { values } = parseArgs({
      args: words,
      options: { schema: { type: "string" }, out: { type: "string" } },
    });
    const { out, ...options } = values;
    await deliver(withSchema(readConfig(options).schema, catalogue), out);
    return ExitCode.Fine;
  },
};
