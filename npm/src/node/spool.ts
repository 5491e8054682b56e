// Events on disk: a folder of append-only files, the segments. An event that was appended survives the process.
//
// A line of a segment is `<bytes> <crc32> <text>\n`, so that damage costs only the line that it is in. Beside a
// segment, a file `.ended` has lines of the same form with the offsets of events that have ended. When all events of a
// segment have ended, it is deleted.
//
// Each process writes segments of its own, `<process>-<number>.log`, and listens on a socket `<process>.sock` as long
// as it lives. Another process takes over the segments of one that no longer answers, by renaming them: only one
// process can rename a file.

import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import {
  type FileHandle,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  stat,
  unlink,
} from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join, relative, resolve } from "node:path";
import { crc32 } from "node:zlib";

/** A segment is closed when it has this many bytes. */
const SEGMENT_BYTES = 1_000_000;
/** Most bytes of one write. */
const WRITE_BYTES = 256_000;
/** Most bytes of a socket's path that all systems with such sockets allow. */
const MOST_PATH_BYTES = 103;
const APPEND = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND;
/** Only the user who runs the server can read the folder and its files. */
const [FILE_MODE, FOLDER_MODE] = [0o600, 0o700];

interface Segment {
  path: string;
  /** Bytes that are known to be written whole. */
  size: number;
  /** Events in it that have not ended. */
  open: number;
  /** Whether it is closed: nothing more is written to it. */
  sealed: boolean;
  /** Whether another process has written it, and this one has not read it yet. */
  isFound: boolean;
}

/** Where an event is. */
export interface Place {
  segment: Segment;
  offset: number;
}

/** What was read from a part of a segment. */
export interface Reading {
  found: { text: string; place: Place }[];
  /** How many lines are damaged. */
  damaged: number;
  /** Whether this process has written it. */
  isOwn: boolean;
}

interface Pending {
  text: string;
  bytes: number;
  done: (place: Place | undefined) => void;
}

export interface SpoolOptions {
  folder: string;
  /** Most bytes of all segments of this process. */
  bytes: number;
  /** Whether an event counts as stored only once the disk itself has it. */
  sync: boolean;
  /** Called with what goes wrong, without anything of the events. */
  failed: (why: string) => void;
}

export class Spool {
  /** Bytes that wait to be written. */
  pendingBytes = 0;
  readonly #folder: string;
  readonly #run = Date.now().toString(36).padStart(9, "0") + randomBytes(5).toString("hex");
  #opened?: Promise<void>;
  #server?: Server;
  #count = 0;
  #bytes = 0;
  #pending: Pending[] = [];
  #writing?: Promise<void>;
  #current?: { segment: Segment; handle: FileHandle };
  /** What to read next: segments, each with the offset from which on its events are on disk alone. */
  #unread: { segment: Segment; from: number }[] = [];

  constructor(readonly options: SpoolOptions) {
    this.#folder = resolve(options.folder);
  }

  /** Whether events are on disk alone. */
  get hasUnread(): boolean {
    return this.#unread.length > 0;
  }

  /** Takes over what earlier processes left, once. */
  open(): Promise<void> {
    this.#opened ??= this.#open().catch((error) => {
      // The next call tries again.
      this.#opened = undefined;
      throw error;
    });
    return this.#opened;
  }

  /**
   * Calls `done` with the event's place when the disk has it, and with nothing if the write failed. `done` must decide
   * at once: it keeps the event in memory, or calls `leave()` so that `read()` gives it later.
   */
  append(text: string, done: (place: Place | undefined) => void): void {
    const bytes = Buffer.byteLength(text);
    this.#pending.push({ text, bytes, done });
    this.pendingBytes += bytes;
    this.#writing ??= this.#write();
  }

  /** Resolves when all that was appended is on disk, or its write has failed. */
  async written(): Promise<void> {
    while (this.#writing) await this.#writing;
  }

  /** Leaves the event at this place to `read()`. */
  leave({ segment, offset }: Place): void {
    const last = this.#unread.at(-1);
    if (last?.segment !== segment) this.#unread.push({ segment, from: offset });
  }

  /** Reads the next events that are on disk alone, in the order in which they were recorded. */
  async read(): Promise<Reading> {
    const next = this.#unread.shift();
    if (!next) return { found: [], damaged: 0, isOwn: true };
    const { segment, from } = next;
    const { isFound } = segment;
    // Events that are written after this are in memory, or are left for the next read.
    const end = isFound ? Number.POSITIVE_INFINITY : segment.size;
    try {
      const ended = endedOf((await this.#read(`${segment.path}.ended`)).lines);
      const { lines, damaged } = await this.#read(segment.path);
      const found = lines.filter(
        ({ offset }) => offset >= from && offset < end && !ended.has(offset),
      );
      if (isFound) {
        segment.isFound = false;
        segment.open = found.length;
        if (found.length === 0) await this.#remove(segment);
      }
      const placed = found.map(({ text, offset }) => ({ text, place: { segment, offset } }));
      return { found: placed, damaged, isOwn: !isFound };
    } catch (error) {
      this.options.failed(`a segment cannot be read (${codeOf(error)})`);
      return { found: [], damaged: 0, isOwn: !isFound };
    }
  }

  /** Marks the events at these places as ended. */
  async end(places: Place[]): Promise<void> {
    const bySegment = new Map<Segment, number[]>();
    for (const { segment, offset } of places) {
      const offsets = bySegment.get(segment);
      if (offsets) offsets.push(offset);
      else bySegment.set(segment, [offset]);
      segment.open--;
    }
    for (const [segment, offsets] of bySegment) {
      if (segment.open > 0 || (await this.#isBusy(segment))) {
        await this.#note(segment, framed(JSON.stringify(offsets)));
      } else await this.#remove(segment);
    }
  }

  /** Closes the spool; events that have not ended stay in the folder. */
  async close(): Promise<void> {
    await this.written();
    const current = this.#current;
    if (current) {
      await this.#seal();
      if (current.segment.open === 0) await this.#remove(current.segment);
    }
    if (!this.#server) return;
    this.#server.close();
    await unlink(join(this.#folder, `${this.#run}.sock`)).catch(() => {});
  }

  async #open(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: FOLDER_MODE });
    await this.#listen();
    const files = (await readdir(this.#folder)).sort();
    const runs = new Map<string, string[]>();
    for (const file of files) {
      const run = /^([0-9a-z]{19})(-\d+\.log(\.ended)?|\.sock)$/.exec(file)?.[1];
      if (run && run !== this.#run) runs.set(run, [...(runs.get(run) ?? []), file]);
    }
    for (const [run, own] of runs) {
      if (await isAlive(this.#short(`${run}.sock`))) continue;
      for (const file of own) {
        if (file.endsWith(".log")) await this.#adopt(join(this.#folder, file));
        else await unlink(join(this.#folder, file)).catch(() => {});
      }
    }
  }

  /** Listens on the socket that says that this process lives. It gets its name only when it listens already. */
  async #listen(): Promise<void> {
    if (this.#server) return;
    const path = this.#short(`${this.#run}.new`);
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((listening, failed) => {
      // `exclusive`: not shared with other processes of a `cluster`.
      server.once("error", failed).listen({ path, exclusive: true }, listening);
    });
    server.unref();
    await rename(path, join(this.#folder, `${this.#run}.sock`));
    this.#server = server;
  }

  /** A path for a socket that is short enough. */
  #short(file: string): string {
    const path = join(this.#folder, file);
    const paths = [path, relative(process.cwd(), path)];
    const short = paths.find((path) => Buffer.byteLength(path) <= MOST_PATH_BYTES);
    if (!short) throw Object.assign(new Error(), { code: "the path of the folder is too long" });
    return short;
  }

  async #adopt(path: string): Promise<void> {
    const segment = this.#segment();
    try {
      segment.size = (await stat(path)).size;
      await rename(path, segment.path);
    } catch {
      // Another process was faster.
      return;
    }
    await rename(`${path}.ended`, `${segment.path}.ended`).catch(() => {});
    segment.sealed = true;
    segment.isFound = true;
    this.#bytes += segment.size;
    this.#unread.push({ segment, from: 0 });
  }

  #segment(): Segment {
    const name = `${this.#run}-${String(this.#count++).padStart(6, "0")}.log`;
    return { path: join(this.#folder, name), size: 0, open: 0, sealed: false, isFound: false };
  }

  /** Writes all that is pending, many events at a time. */
  async #write(): Promise<void> {
    // Waits, so that all events of one task are one write.
    await this.open().catch(() => {});
    while (this.#pending.length > 0) {
      let bytes = 0;
      let count = 0;
      do bytes += this.#pending[count++].bytes;
      while (count < this.#pending.length && bytes < WRITE_BYTES);
      const some = this.#pending.splice(0, count);
      const lines = some.map(({ text }) => framed(text));
      const segment = await this.#append(lines).catch((error) => {
        this.options.failed(`the spool takes nothing (${codeOf(error)})`);
        return undefined;
      });
      this.pendingBytes -= bytes;
      for (const [index, { done }] of some.entries()) {
        if (segment) {
          const place = { segment, offset: segment.size };
          segment.size += lines[index].length;
          done(place);
        } else done(undefined);
      }
    }
    this.#writing = undefined;
  }

  /** Appends lines to the current segment, or to a new one, behind its `size`. Gives the segment. */
  async #append(lines: Buffer[]): Promise<Segment> {
    await this.open();
    const bytes = lines.reduce((sum, { length }) => sum + length, 0);
    if (this.#bytes + bytes > this.options.bytes)
      throw Object.assign(new Error(), { code: "full" });
    if (this.#current && this.#current.segment.size > SEGMENT_BYTES) await this.#seal();
    this.#current ??= await this.#begin();
    const { segment, handle } = this.#current;
    // Before anything is awaited, so that nobody deletes the segment meanwhile.
    segment.open += lines.length;
    try {
      const { bytesWritten } = await handle.write(Buffer.concat(lines));
      if (bytesWritten < bytes) throw Object.assign(new Error(), { code: "ENOSPC" });
      if (this.options.sync) await handle.datasync();
    } catch (error) {
      segment.open -= lines.length;
      // A part that was written must not be read later.
      await handle.truncate(segment.size).catch(() => {});
      await this.#seal();
      if (segment.open === 0) await this.#remove(segment);
      throw error;
    }
    this.#bytes += bytes;
    return segment;
  }

  async #begin() {
    const segment = this.#segment();
    return { segment, handle: await open(segment.path, APPEND, FILE_MODE) };
  }

  /** Closes the current segment. */
  async #seal(): Promise<void> {
    const current = this.#current;
    if (!current) return;
    this.#current = undefined;
    current.segment.sealed = true;
    await current.handle.close().catch(() => {});
  }

  /** Whether more may be written to a segment. If nothing is being written to it, it is closed. */
  async #isBusy(segment: Segment): Promise<boolean> {
    if (segment.sealed) return false;
    if (this.#writing || this.#current?.segment !== segment) return true;
    await this.#seal();
    return segment.open > 0;
  }

  /** Notes a line in the segment's `.ended`. If this fails, the events are sent again under their ids. */
  async #note(segment: Segment, line: Buffer): Promise<void> {
    const handle = await open(`${segment.path}.ended`, APPEND, FILE_MODE).catch(() => undefined);
    await handle?.write(line).catch(() => {});
    await handle?.close().catch(() => {});
  }

  async #remove(segment: Segment): Promise<void> {
    this.#bytes -= segment.size;
    segment.size = 0;
    // First the events: `.ended` means nothing without them.
    await unlink(segment.path).catch(() => {});
    await unlink(`${segment.path}.ended`).catch(() => {});
  }

  /** The undamaged lines of a file, and how many are damaged; none if there is no file. */
  async #read(path: string): Promise<{ lines: Line[]; damaged: number }> {
    const bytes = await readFile(path).catch((error) => {
      if (codeOf(error) === "ENOENT") return Buffer.alloc(0);
      throw error;
    });
    const lines: Line[] = [];
    let damaged = 0;
    // An unfinished last line was never stored.
    for (let offset = 0, end = 0; ; offset = end + 1) {
      end = bytes.indexOf(10, offset);
      if (end < 0) return { lines, damaged };
      const text = unframed(bytes.subarray(offset, end));
      if (text !== undefined) lines.push({ offset, text });
      else if (end > offset) damaged++;
    }
  }
}

/** A line of a file, and where it begins. */
interface Line {
  offset: number;
  text: string;
}

/** The offsets of events that have ended. */
function endedOf(lines: Line[]): Set<number> {
  return new Set(lines.flatMap(({ text }) => JSON.parse(text) as number[]));
}

function framed(text: string): Buffer {
  const bytes = Buffer.from(text);
  const head = `${bytes.length} ${crc32(bytes).toString(16).padStart(8, "0")} `;
  return Buffer.concat([Buffer.from(head), bytes, Buffer.from("\n")]);
}

function unframed(line: Buffer): string | undefined {
  const head = /^(\d{1,9}) ([0-9a-f]{8}) /.exec(line.toString("latin1", 0, 20));
  if (!head) return undefined;
  const bytes = line.subarray(head[0].length);
  const isWhole = bytes.length === Number(head[1]) && crc32(bytes) === Number.parseInt(head[2], 16);
  return isWhole ? bytes.toString() : undefined;
}

/** Whether a process listens at a socket. Anything but a clear no counts as yes. */
function isAlive(path: string): Promise<boolean> {
  return new Promise((answer) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      answer(true);
    });
    socket.once("error", (error) => answer(!["ECONNREFUSED", "ENOENT"].includes(codeOf(error))));
  });
}

const codeOf = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code ?? (error as Error).name;
