import { existsSync } from "node:fs";
import { SCHEMA_FILE } from "../../src/cli/config.js";
import { withSchema } from "../../src/cli/files.js";
import { STARTER_SCHEMA } from "../../src/cli/starter.js";
import { compile } from "../../src/tools.js";

/**
 * The schema file and its text; the starter's text, without a file, where none is named and none is in this folder.
 *
 * @throws UsageError with the mistakes in it
 */
export function readSchema(named: string | undefined): { path?: string; text: string } {
  if (named === undefined && !existsSync(SCHEMA_FILE)) return { text: STARTER_SCHEMA };
  const path = named ?? SCHEMA_FILE;
  return { path, text: usableSchema(path) };
}

/**
 * The text of a schema file.
 *
 * @throws UsageError with the mistakes in it
 */
export function usableSchema(path: string): string {
  return withSchema(path, (text) => {
    compile(text);
    return text;
  });
}
