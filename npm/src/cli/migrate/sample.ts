// A sample of stream records, as Kinesis or Firehose wrote them: objects on lines or one after the other, gzip or not.

import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import { createGunzip } from "node:zlib";
import { UsageError } from "../command.js";
import { unreadable } from "../files.js";

/** Most characters of a record. */
const MAX_RECORD = 1024 * 1024;

/** A JSON object of a sample, or what is no such object; `line` is where it begins, from 1. */
export type Found = { line: number; text: string } | { line: number; broken: string };

/** What a record of the stream has of its event. */
export interface StreamRecord {
  event_type: string;
  attributes: Record<string, unknown>;
  metrics: Record<string, unknown>;
}

/** @throws UsageError where the file cannot be read. */
export async function* objectsIn(path: string): AsyncGenerator<Found> {
  const splitter = new Splitter();
  const decoder = new TextDecoder();
  try {
    const packed = isGzip(path);
    const file = createReadStream(path);
    const bytes = packed ? file.pipe(createGunzip()) : file;
    // An error of the file ends what is made of it, too.
    file.on("error", (error) => bytes.destroy(error));
    for await (const chunk of bytes) yield* splitter.push(decoder.decode(chunk, { stream: true }));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (error instanceof UsageError) throw error;
    if (!code?.startsWith("Z_")) throw unreadable(path, error);
    yield {
      line: splitter.line,
      broken: `the gzip is damaged from here on: ${(error as Error).message}`,
    };
  }
  yield* splitter.end();
}

function isGzip(path: string): boolean {
  const start = Buffer.alloc(2);
  let file: number | undefined;
  try {
    file = openSync(path, "r");
    readSync(file, start, 0, 2, 0);
  } catch (error) {
    throw unreadable(path, error);
  } finally {
    if (file !== undefined) closeSync(file);
  }
  return start[0] === 0x1f && start[1] === 0x8b;
}

/** Takes a text apart into its outermost objects. */
class Splitter {
  line = 1;
  #kept = "";
  #start = 1;
  #depth = 0;
  #inText = false;
  #escaped = false;
  #strayed = false;

  *push(chunk: string): Generator<Found> {
    let from = this.#depth > 0 ? 0 : -1;
    for (let at = 0; at < chunk.length; at += 1) {
      const character = chunk[at];
      if (character === "\n") this.line += 1;
      if (this.#depth === 0) {
        if (character === "{") {
          from = at;
          this.#depth = 1;
          this.#start = this.line;
          this.#strayed = false;
        } else if (!/[\s,[\]\ufeff]/.test(character) && !this.#strayed) {
          this.#strayed = true;
          yield { line: this.line, broken: "no JSON object" };
        }
        continue;
      }
      if (this.#inText) {
        if (this.#escaped) this.#escaped = false;
        else if (character === "\\") this.#escaped = true;
        else if (character === '"') this.#inText = false;
        // No text goes over a line: the record is cut short, and the next one begins.
        else if (character === "\n") {
          this.#reset();
          from = -1;
          yield { line: this.#start, broken: "a record that is cut short" };
        }
        continue;
      }
      if (character === '"') this.#inText = true;
      else if (character === "{") this.#depth += 1;
      else if (character === "}") this.#depth -= 1;
      if (this.#depth > 0) continue;
      const text = this.#kept + chunk.slice(from, at + 1);
      from = -1;
      this.#kept = "";
      yield { line: this.#start, text };
    }
    if (from >= 0) this.#kept += chunk.slice(from);
    if (this.#kept.length <= MAX_RECORD) return;
    // The last line goes on in the next chunk.
    const end = this.#kept.lastIndexOf("\n") + 1;
    const rest = this.#kept.slice(end);
    this.#kept = this.#kept.slice(0, end);
    yield* this.#lines();
    if (end > 0) yield* this.push(rest);
  }

  *end(): Generator<Found> {
    if (this.#depth > 0) yield* this.#lines();
  }

  /** Where braces do not match, what has a line of its own is still a record. */
  *#lines(): Generator<Found> {
    const lines = this.#kept.split("\n");
    const start = this.#start;
    this.#reset();
    for (const [at, text] of lines.entries()) {
      if (text.trim() === "") continue;
      if (isObject(text)) yield { line: start + at, text };
      else yield { line: start + at, broken: "a record that is cut short" };
    }
  }

  #reset(): void {
    this.#kept = "";
    this.#depth = 0;
    this.#inText = false;
    this.#escaped = false;
  }
}

function isObject(text: string): boolean {
  try {
    return typeof JSON.parse(text) === "object";
  } catch {
    return false;
  }
}

/** Reads a record; nothing where it is none of the stream's. */
export function streamRecord(text: string): StreamRecord | undefined {
  try {
    const { event_type, attributes, metrics } = JSON.parse(text);
    if (typeof event_type !== "string" || event_type === "") return undefined;
    return { event_type, attributes: object(attributes), metrics: object(metrics) };
  } catch {
    return undefined;
  }
}

function object(value: unknown): Record<string, unknown> {
  return value !== null && typeof value === "object" ? (value as Record<string, unknown>) : {};
}
