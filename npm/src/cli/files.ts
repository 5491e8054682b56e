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

/** The error for a file that cannot be read. */
export function unreadable(path: string, error: unknown): UsageError {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === "ENOENT") return new UsageError(`${path}: there is no such file`);
  if (code === "ERR_ENCODING_INVALID_ENCODED_DATA") return new UsageError(`${path}: not UTF-8`);
  return new UsageError(`${path}: ${message}`);
}

/**
 * Writes a text to a file, atomically, and keeps the file's mode. Makes the folder if there is none.
 *
 * @throws UsageError that names it
 */
export function write(path: string, text: string): void {
  // Writes the file that a symbolic link leads to; the link stays.
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
 * Calls `use` with the text of a schema file.
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

/** The mistakes in schema files, in a form that editors and terminals turn into links. */
export function mistakes(
  error: SchemaError,
  pathOf: (file: SchemaMistake["file"]) => string,
): UsageError {
  const lines = error.mistakes.map((mistake) => {
    const { file, line, column, message } = mistake;
    // Options are not in a file: they come from several places, and the message names the place.
    return file === "options" ? message : `${pathOf(file)}:${line}:${column}: ${said(mistake)}`;
  });
  return new UsageError(lines.join("\n"));
}
