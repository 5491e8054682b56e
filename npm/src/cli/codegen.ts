import { existsSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { parseArgs } from "node:util";
import { typescript } from "../tools.js";
import { type Command, ExitCode, UsageError } from "./command.js";
import { type Config, readConfig } from "./config.js";
import { read, withSchema, write } from "./files.js";
import { paint, print, printError } from "./terminal.js";

export const codegen: Command = {
  summary: "TypeScript from the schema",
  help: `npx forebay codegen [--check | --watch]

Writes a type and a creator for each event, and the compact rules for configure({ schema }).
The same schema gives the same file, and a file that is right already is not touched.

  --schema FILE   (default: forebay.schema.json)
  --output FILE   (default: src/forebay.gen.ts, or forebay.gen.ts where there is no src)
  --check         write nothing; exit with 1 where the file is not what would be written
  --watch         write it again whenever the schema changes, until Ctrl-C
`,
  async run(words) {
    const { values } = parseArgs({
      args: words,
      options: {
        schema: { type: "string" },
        output: { type: "string" },
        check: { type: "boolean" },
        watch: { type: "boolean" },
      },
    });
    const { check, watch, ...options } = values;
    if (check && watch) throw new UsageError("--check and --watch do not go together");
    const config = readConfig(options);
    if (check) return compare(config);
    if (watch) return follow(config);
    await print(generate(config));
    return ExitCode.Fine;
  },
};

/** Writes the file if it has to change; says what it did. */
function generate({ schema, output }: Config): string {
  const code = withSchema(schema, typescript);
  if (existsSync(output) && read(output) === code) return `${output} is up to date\n`;
  write(output, code);
  return `wrote ${output}\n`;
}

async function compare({ schema, output }: Config): Promise<ExitCode> {
  const code = withSchema(schema, typescript);
  // Git may check files out with the line breaks of Windows.
  const fits = existsSync(output) && read(output).replaceAll("\r\n", "\n") === code;
  if (fits) {
    await print(`${output} is up to date\n`);
    return ExitCode.Fine;
  }
  printError(`${output} is not what ${schema} says: run \`npx forebay codegen\`, and commit it`);
  return ExitCode.Found;
}

/** Generates now and after every change, until the program is told to end. */
async function follow(config: Config): Promise<ExitCode> {
  const { schema } = config;
  // Fails at once if there is no schema file.
  read(schema);
  let seen: string | undefined;
  const update = () => {
    // Editors may empty or replace a file before it has its new content. The watcher reports that, too; the next report
    // comes with the content.
    const text = existsSync(schema) ? read(schema) : "";
    if (text === "" || text === seen) return;
    seen = text;
    process.stdout.write(generate(config));
  };
  const attempt = () => {
    try {
      update();
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      printError(error.message);
    }
  };
  // Watches the folder: a watcher of the file would not see a file that replaces it.
  const watcher = watch(dirname(schema), (_, name) => {
    if (name === null || name === basename(schema)) attempt();
  });
  attempt();
  await print(paint("dim", `watching ${schema}; Ctrl-C ends it\n`));
  return new Promise((resolve, reject) => {
    watcher.on("error", (error) => reject(new UsageError(`${schema}: ${error.message}`)));
    for (const signal of ["SIGINT", "SIGTERM"]) {
      process.once(signal, () => {
        watcher.close();
        resolve(ExitCode.Fine);
      });
    }
  });
}
