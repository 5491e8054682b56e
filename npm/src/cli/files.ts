import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { SchemaError, type SchemaMistake, said } from "../tools.js";
import { UsageError } from "./command.js";

/**
 * The text of a file.
 *
 * @throws UsageError that names it
 */
export function read(path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    throw unreadable(path, error);
  }
}

/** What to say where a file cannot be read. */
export function unreadable(path: string, error: unknown): UsageError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return new UsageError(`${path}: there is no such file`);
  if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return new UsageError(`${path}: not UTF-8`);
  return new UsageError(`${path}: ${message}`);
}

/**
 * Puts a text into a file, which never holds half of it, and keeps its mode. Makes the folder where there is none.
 *
 * @throws UsageError that names it
 */
export function write(path: string, text: string): void {
  // What a symbolic link leads to is written, and the link stays.
  const target = existsSync(path) ? realpathSync(path) : path;
  const draft = join(dirname(target), `.${basename(target)}.${process.pid}`);
  try {
    mkdirSync(dirname(target), { recursive: true });
    const there = statSync(target, { throwIfNoEntry: false });
    if (there?.isDirectory()) throw new Error("it is a folder");
    writeFileSync(draft, text);
    if (there) chmodSync(draft, there.mode);
    renameSync(draft, target);
  } catch (error) {
    if (existsSync(draft)) rmSync(draft, { force: true });
    throw new UsageError(`${path}: cannot be written: ${(error as Error).message}`);
  }
}

/**
 * Does something with the text of a schema file.
 *
 * @throws UsageError with a line `file:line:column: what` for each mistake in it
 */
export function withSchema<T>(path: string, use: (schema: string) => T): T {
  const text = read(path);
  try {
    return use(text);
  } catch (error) {
    throw error instanceof SchemaError ? mistakes(error, () => path) : error;
  }
}

/** The mistakes in schema files, in the form that editors and terminals make links of. */
export function mistakes(
  error: SchemaError,
  pathOf: (file: SchemaMistake["file"]) => string,
): UsageError {
  const lines = error.mistakes.map((mistake) => {
    const { file, line, column, message } = mistake;
    // The options are no file: they come from several places, and the message names the one.
    return file === "options" ? message : `${pathOf(file)}:${line}:${column}: ${said(mistake)}`;
  });
  return new UsageError(lines.join("\n"));
}
