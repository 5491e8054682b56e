// What the worker has written to its streams, kept to be looked at. The oldest is dropped where there is too much.

/** How many of each kind are kept. */
const KEPT = 1_000;

/** A valid event: what the stream got. */
export interface Good {
  event_id: string;
  event_type: string;
  app_id: string;
  /** When it came, in ISO 8601. */
  received: string;
  /** The whole record, as a consumer of the stream reads it. */
  record: unknown;
}

/** An event or an endpoint that was refused: what the dead letters got. */
export interface Bad {
  /** Empty for an endpoint. */
  event_id: string;
  event_type: string;
  app_id: string;
  received: string;
  reasons: { path: string; rule: string; expected: string; actual: string }[];
  /** As it was sent, without personal data. */
  event: unknown;
  /** The whole dead letter, as `npx forebay-worker replay` takes it. */
  letter: unknown;
}

/** A whole request that was refused. */
export interface Refusal {
  operation: string;
  status: number;
  /** AWS's name of the error. */
  error: string;
  received: string;
}

export class Collected {
  good: Good[] = [];
  bad: Bad[] = [];
  refused: Refusal[] = [];
  #counts = { good: 0, bad: 0, refused: 0 };
  /** Grows with each change, so that a page knows when to ask for the lists. */
  #changes = 0;

  /** How many there were, those included that are no longer kept. */
  get counts() {
    return { ...this.#counts, changes: this.#changes };
  }

  /** Takes a record of the events' stream. */
  takeRecord(text: string): Good {
    // biome-ignore lint/suspicious/noExplicitAny: the worker wrote it.
    const record = JSON.parse(text) as any;
    const good = {
      event_id: String(record.forebay?.event_id ?? ""),
      event_type: String(record.event_type),
      app_id: String(record.application?.app_id ?? ""),
      received: new Date().toISOString(),
      record,
    };
    this.#take("good", good);
    return good;
  }

  /** Takes a record of the dead letters' stream. */
  takeDeadLetter(text: string): Bad {
    const letter = JSON.parse(text);
    const { app_id, reasons } = letter;
    const bad = {
      event_id: letter.event_id ?? "",
      event_type: letter.event_type ?? "",
      app_id,
      received: new Date().toISOString(),
      reasons,
      event: letter.event ?? letter.endpoint,
      letter,
    };
    this.#take("bad", bad);
    return bad;
  }

  takeRefusal(refusal: Refusal): void {
    this.#take("refused", refusal);
  }

  reset(): void {
    [this.good, this.bad, this.refused] = [[], [], []];
    this.#counts = { good: 0, bad: 0, refused: 0 };
    this.#changes++;
  }

  #take<K extends "good" | "bad" | "refused">(kind: K, item: this[K][number]): void {
    const list = this[kind] as (typeof item)[];
    list.push(item);
    if (list.length > KEPT) list.shift();
    this.#counts[kind]++;
    this.#changes++;
  }
}
