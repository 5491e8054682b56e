import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { type Command, ExitCode, UsageError } from "../../src/cli/command.js";
import { paint, print, printError } from "../../src/cli/terminal.js";
import { type Answer, asked } from "./ask.js";
import {
  type DeadLetter,
  deadLetter,
  type PlainEvent,
  plainEvent,
  withoutRedacted,
} from "./dead-letter.js";
import { DEV_KEY, DEV_PORT } from "./places.js";

/** Most events of one request, and most bytes: the worker takes 500, and 4 MB. */
const MAX_EVENTS = 500;
const MAX_BYTES = 3_500_000;
/** How often an event is sent that the worker could not store yet, and the first wait, in milliseconds. */
const MAX_TRIES = 6;
const FIRST_WAIT_MS = 500;
/** The longest wait, whatever the worker asks for: what is not taken then is told, and may be sent another time. */
const LONGEST_WAIT_MS = 60_000;
/** How many reasons of refusals are printed. */
const MAX_REASONS = 20;

export const replay: Command = {
  summary: "sends the events of dead letters again",
  help: `npx forebay-worker replay FILE [options]

Sends the events of dead letters through the worker once more, by POST /v1/events. FILE has one dead letter a
line (NDJSON); - is standard input. An event keeps its id where that is a UUID; any other gets an id that
follows from its content, so that a file may be sent twice. Prints how many were accepted and refused, and why.

  --endpoint URL        the worker (http://127.0.0.1:${DEV_PORT})
  --without-redacted    also sends events from which a rule for personal data has removed or changed members,
                        without those members
  --dry-run             sends nothing; says how many it would send

FOREBAY_KEY holds a bearer key of SERVER_KEYS that may send events of these types.

For example:
  npx forebay-worker replay dead-letters.ndjson --endpoint https://events.example.com
`,
  async run(words) {
    const { values, positionals } = parseArgs({
      args: words,
      allowPositionals: true,
      options: {
        endpoint: { type: "string" },
        "without-redacted": { type: "boolean" },
        "dry-run": { type: "boolean" },
      },
    });
    const [file, ...others] = positionals;
    if (!file || others.length) {
      throw new UsageError(`name one file, or - for standard input\n\n${replay.help.trimEnd()}`);
    }
    const endpoint = (values.endpoint ?? `http://127.0.0.1:${DEV_PORT}`).replace(/\/$/, "");
    if (!/^https?:\/\//.test(endpoint) || !URL.canParse(endpoint)) {
      throw new UsageError(`--endpoint is not an http or https URL: ${endpoint}`);
    }
    const key = process.env.FOREBAY_KEY ?? (values.endpoint ? undefined : DEV_KEY);
    if (!key)
      throw new UsageError("FOREBAY_KEY is not set: a bearer key of the worker's SERVER_KEYS");
    const run = new Replay(endpoint, key, values["dry-run"] ?? false);
    await run.file(file, values["without-redacted"] ?? false);
    await print(run.report());
    return run.isFine ? ExitCode.Fine : ExitCode.Found;
  },
};

/** What became of the letters, so far. */
class Replay {
  #counts = {
    letters: 0,
    accepted: 0,
    refused: 0,
    unsent: 0,
    incomplete: 0,
    skipped: 0,
    unreadable: 0,
  };
  /** How many events were refused, by what the worker said. */
  #reasons = new Map<string, number>();
  /** Whether the worker has answered before: then a missing answer is a failure on the way, not a wrong URL. */
  #isThere = false;
  /** What waits to be sent, by application. */
  #waiting = new Map<string, { events: PlainEvent[]; bytes: number }>();

  constructor(
    readonly endpoint: string,
    readonly key: string,
    readonly isDryRun: boolean,
  ) {}

  /** Whether nothing is left to do. Letters without an event that could be sent do not count. */
  get isFine(): boolean {
    const { refused, unsent, incomplete, unreadable } = this.#counts;
    return refused + unsent + incomplete + unreadable === 0;
  }

  /** Sends what the letters of a file hold. */
  async file(path: string, isWithoutRedacted: boolean): Promise<void> {
    for await (const [number, line] of lines(path)) {
      if (!line.trim()) continue;
      this.#counts.letters++;
      const letter = deadLetter(line);
      if (!letter) {
        if (!this.#counts.unreadable++) printError(`${path}:${number}: is no dead letter`);
        continue;
      }
      const isWhole = letter.redacted.length === 0;
      if (!letter.event) this.#counts.skipped++;
      else if (!isWhole && (!isWithoutRedacted || letter.redacted.includes("*")))
        this.#counts.incomplete++;
      else await this.#add(isWhole ? letter : withoutRedacted(letter));
    }
    for (const app of this.#waiting.keys()) await this.#send(app);
  }

  report(): string {
    const { letters, accepted, refused, unsent, incomplete, skipped, unreadable } = this.#counts;
    const done = this.isDryRun ? "would be sent" : "accepted";
    const counts = [
      paint("green", `${accepted} ${done}`),
      refused ? paint("red", `${refused} refused again`) : "",
      unsent ? paint("red", `${unsent} not stored: send the file again later`) : "",
      incomplete
        ? paint(
            "yellow",
            `${incomplete} incomplete: personal data was taken out (--without-redacted)`,
          )
        : "",
      skipped ? `${skipped} skipped: they hold no event` : "",
      unreadable ? paint("red", `${unreadable} unreadable`) : "",
    ];
    const reasons = [...this.#reasons].sort(([, a], [, b]) => b - a);
    const shown = reasons.slice(0, MAX_REASONS).map(([reason, count]) => `  ${count}  ${reason}\n`);
    const more = reasons.length - shown.length;
    if (more > 0) shown.push(`  and ${more} other reasons\n`);
    return `${letters} dead letter${letters === 1 ? "" : "s"}: ${counts.filter(Boolean).join(", ")}\n${shown.join("")}`;
  }

  async #add(letter: DeadLetter): Promise<void> {
    const event = plainEvent(letter);
    const bytes = Buffer.byteLength(JSON.stringify(event)) + 1;
    const app = letter.app_id;
    const batch = this.#waiting.get(app) ?? { events: [], bytes: 0 };
    if (batch.events.length === MAX_EVENTS || batch.bytes + bytes > MAX_BYTES) {
      await this.#send(app);
      return this.#add(letter);
    }
    batch.events.push(event);
    batch.bytes += bytes;
    this.#waiting.set(app, batch);
  }

  /** Sends what waits for an application, and again what the worker could not store. */
  async #send(app: string): Promise<void> {
    let { events } = this.#waiting.get(app) ?? { events: [] };
    this.#waiting.delete(app);
    if (this.isDryRun) {
      this.#counts.accepted += events.length;
      return;
    }
    for (let tries = 1; events.length; tries++) {
      const { statuses, retryAfter } = await this.#post(app, events);
      const again: PlainEvent[] = [];
      statuses.forEach(({ status, message }, at) => {
        if (status === 202) this.#counts.accepted++;
        else if (status === 429 || status >= 500) again.push(events[at]);
        else {
          this.#counts.refused++;
          this.#reasons.set(message, (this.#reasons.get(message) ?? 0) + 1);
        }
      });
      if (again.length && tries === MAX_TRIES) {
        this.#counts.unsent += again.length;
        return;
      }
      events = again;
      if (events.length) {
        const asked = Math.max(FIRST_WAIT_MS * 2 ** (tries - 1), 1000 * retryAfter);
        const wait = Math.min(asked, LONGEST_WAIT_MS);
        if (wait >= 5000) printError(`the worker asks to wait: ${wait / 1000} s`);
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
  }

  /** The worker's answer to each event. */
  async #post(
    app: string,
    events: PlainEvent[],
  ): Promise<{ statuses: { status: number; message: string }[]; retryAfter: number }> {
    const failed = (status: number, message: string, retryAfter = 0) => ({
      statuses: events.map(() => ({ status, message })),
      retryAfter,
    });
    let answer: Answer;
    try {
      answer = await asked(`${this.endpoint}/v1/events?app=${encodeURIComponent(app)}`, {
        method: "POST",
        headers: { authorization: `Bearer ${this.key}`, "content-type": "application/x-ndjson" },
        body: events.map((event) => `${JSON.stringify(event)}\n`).join(""),
      });
    } catch (error) {
      if (!this.#isThere) throw error;
      return failed(503, (error as Error).message);
    }
    this.#isThere = true;
    const { results } = answer.body;
    const retryAfter = Number(answer.headers.get("retry-after")) || 0;
    if (Array.isArray(results) && results.length === events.length) {
      return { statuses: results, retryAfter };
    }
    // The whole request was refused: a wrong key, or no memory for it now.
    const { status } = answer;
    const message = answer.body.Message ?? answer.body.message ?? "without a message";
    if (status === 429 || status >= 500) return failed(status, message, retryAfter);
    const refusal = `the worker answered ${status}: ${message}`;
    // Later, it is this application that is refused, and what was taken has to be told.
    if (this.#counts.accepted + this.#counts.refused === 0) throw new UsageError(refusal);
    return failed(status, refusal);
  }
}

/** The lines of a file, each with its number. */
async function* lines(path: string): AsyncGenerator<[number, string]> {
  const input = path === "-" ? process.stdin : createReadStream(path);
  const failed = new Promise<never>((_, reject) => {
    input.once("error", ({ message }: Error) => reject(new UsageError(`${path}: ${message}`)));
  });
  failed.catch(() => {});
  const read = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })[
    Symbol.asyncIterator
  ]();
  for (let number = 1; ; number++) {
    const next = await Promise.race([read.next(), failed]);
    if (next.done) return;
    // PowerShell writes a mark of the byte order first.
    yield [number, number === 1 ? next.value.replace(/^\ufeff/, "") : next.value];
  }
}
