// The edge worker as its operator has it: whether it is well, what its sinks took, and dead letters that are sent again.

import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { HttpError } from "./http.mjs";

/** How long an answer is waited for, in milliseconds. */
const TIMEOUT_MS = 2000;
/** Whether a path names a member of an event that a form can mend. */
const MEMBER = /^(Attributes|Metrics)\.(.+)$/s;

/**
 * @typedef {{ name: string, filter?: object }} Sink
 * @typedef {{ dead_letter_id: string, event: any }} DeadLetter As docs/edge-worker.md has it.
 */

export class Edge {
  #url;
  #app;
  #sinks;
  #key;
  #replay;

  /**
   * @param {{ edge: string, app_id: string, sinks?: Sink[] }} stack
   * @param {string | undefined} key what opens its metrics, and sends events of every type
   * @param {string | undefined} replay the program that is `npx forebay-worker replay`
   */
  constructor({ edge, app_id, sinks = [] }, key, replay) {
    this.#url = edge;
    this.#app = app_id;
    this.#sinks = sinks;
    this.#key = key;
    this.#replay = replay;
  }

  /** Whether it answers, and how fast. */
  async health() {
    const started = performance.now();
    try {
      const answer = await this.#ask("/healthz");
      await answer.arrayBuffer();
      return answer.ok
        ? { state: "up", latency_ms: performance.now() - started }
        : { state: "down", detail: `answers ${answer.status}` };
    } catch {
      return { state: "down", detail: "nothing answers at its address" };
    }
  }

  /**
   * Reads from `/metrics` what each sink got since the worker started: accepted records, their bytes, and records that
   * were not accepted. Gives nothing where the metrics cannot be read.
   */
  async sinks() {
    if (!this.#key) return undefined;
    const answer = await this.#ask("/metrics").catch(() => undefined);
    if (!answer?.ok) return undefined;
    const samples = parsed(await answer.text());
    /** @param {string} name @param {string} sink @param {(outcome: string) => boolean} [wanted] */
    const sum = (name, sink, wanted = () => true) =>
      samples
        .filter((sample) => sample.name === name && sample.labels.sink === sink)
        .filter(({ labels }) => wanted(labels.outcome ?? ""))
        .reduce((sum, { value }) => sum + value, 0);
    const all = [{ name: "kinesis" }, ...this.#sinks, { name: "dead_letters" }];
    return all.map((/** @type {Sink} */ { name, filter }) => ({
      name,
      filter,
      records: sum("forebay_sink_records_total", name, (outcome) => outcome === "accepted"),
      bytes: sum("forebay_sink_bytes_total", name, (outcome) => outcome === "accepted"),
      failed: sum("forebay_sink_records_total", name, (outcome) => outcome !== "accepted"),
      left_alone: sum("forebay_sink_breaker_state", name) === 2,
    }));
  }

  /**
   * Sends one plain event that nobody has validated, as a server would.
   * @param {object} event
   * @returns {Promise<{ status: number, message: string }>} the worker's answer to it
   */
  async send(event) {
    if (!this.#key) throw new HttpError(404, "this server sends nothing");
    const answer = await this.#ask(`/v1/events?app=${this.#app}`, JSON.stringify(event));
    const { results, Message: message } = await answer.json();
    return results?.[0] ?? { status: answer.status, message };
  }

  /**
   * Sends the event of a dead letter again.
   * @param {DeadLetter} letter
   * @param {Record<string, unknown>} changes what its members are to be, by their paths; `""` takes one out
   * @returns what was run, what it said, and the event as it was sent
   */
  async replay(letter, changes) {
    if (!this.#replay || !this.#key) throw new HttpError(404, "this server replays nothing");
    const event = changed(letter.event, changes);
    const words = ["-", "--endpoint", this.#url];
    const child = spawn(process.execPath, [this.#replay, ...words], {
      env: { ...process.env, FOREBAY_KEY: this.#key, NO_COLOR: "1" },
      timeout: 10_000,
    });
    child.stdin.end(`${JSON.stringify({ ...letter, event })}\n`);
    const ended = new Promise((done) => child.once("close", done));
    const [output, errors, code] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      ended,
    ]);
    const command = ["npx forebay-worker replay", ...words].join(" ");
    return { command, output: (output + errors).trim(), accepted: code === 0, event };
  }

  /** @param {string} path @param {string} [body] */
  #ask(path, body) {
    return fetch(this.#url + path, {
      method: body === undefined ? "GET" : "POST",
      body,
      headers: {
        ...(this.#key && { authorization: `Bearer ${this.#key}` }),
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  }
}

/** @param {DeadLetter["event"]} original @param {Record<string, unknown>} changes */
function changed(original, changes) {
  const event = structuredClone(original);
  for (const [path, value] of Object.entries(changes)) {
    const [, parent, name] = MEMBER.exec(path) ?? [];
    const members = parent && event?.[parent];
    if (!members || !name || typeof value !== "string") {
      throw new HttpError(400, `there is no ${path} to change to a text`);
    }
    delete members[name];
    if (value !== "") members[name] = parent === "Metrics" ? Number(value) : value;
  }
  return event;
}

/** The samples of a text in the format of OpenMetrics. @param {string} text */
function parsed(text) {
  return [...text.matchAll(/^(\w+)\{(.*)\} (\d+)$/gm)].map(([, name, labels = "", value]) => ({
    name,
    labels: Object.fromEntries(
      [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, text]) => [label, text]),
    ),
    value: Number(value),
  }));
}
