// Events made from a schema and a seed: valid ones, and ones that are wrong in ways that are known.
// What each of them breaks is worked out here from the schema's text alone.

/** An event in the form of `record()`, which is that of the wire. */
export interface Made {
  name: string;
  attributes: Record<string, string>;
  metrics: Record<string, number>;
  /** Path and rule of each violation, without an order. */
  breaks: string[];
}

/** A field as the schema file has it. */
export interface FieldSchema {
  type?: string | string[];
  enum?: (string | number | boolean | null)[];
  const?: string | number | boolean;
  format?: keyof typeof FORMATS;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
  "x-pii"?: "hash" | "mask" | "drop";
}

export interface EventSchema {
  properties?: Record<string, FieldSchema>;
  required?: string[];
  additionalProperties?: boolean;
  "x-event-name"?: string;
}

export interface SchemaFile {
  $defs: Record<string, EventSchema>;
}

/** Texts of each format, and texts that only look so. Masks of the latter differ from them. */
export const FORMATS = {
  email: [
    ["ada+news@example.co.uk", "ada@localhost", "a.b-c_d@xn--exmple-cua.com", "o'neil@example.com"],
    ["ada", "ada@", "@example.com", "å@example.com", '"ada l"@example.com', "ada@[127.0.0.1]"],
  ],
  uri: [
    ["https://example.com/a?b=c#d", "urn:isbn:0451450523", "http://[::1]:80/", "mailto:a@b.c"],
    ["/relative", "https://example.com/a b", "https://exämple.com", "1http://a", "http://[::g]/"],
  ],
  uuid: [
    ["f0e1d2c3-0000-4000-8000-00000000000a", "F0E1D2C3-0000-4000-8000-00000000000A"],
    ["{f0e1d2c3-0000-4000-8000-00000000000a}", "f0e1d2c3000040008000-00000000000a", "f0e1d2c3"],
  ],
  date: [
    ["2026-11-21", "0001-01-02", "9999-12-31", "2024-02-29"],
    ["2025-02-29", "2026-11-21Z", "21.11.2026", "0000-01-02", "2026-13-01", "2026-1-2"],
  ],
  "date-time": [
    [
      "2026-11-21T10:30:00Z",
      "2026-11-21T10:30:00.123456789+01:00",
      "1969-12-31T23:59:59.999-12:00",
    ],
    ["2026-11-21", "2026-11-21T10:30:00", "2026-11-21 at ten", "2016-12-31T23:59:60Z"],
  ],
} as const;

const TEXTS = [
  "",
  "a",
  "Malmö",
  'it\'s "quoted" \\ / <b> & $x',
  "日本語のテキスト",
  "👩‍🎤 e\u0301",
  "line\nbreak\ttab\u0001",
  "nul",
  "NULL",
  "true",
  "0",
];
const WHOLE = [0, -1, 7, 2 ** 31, -(2 ** 53) + 1, 2 ** 63 - 1024];
const NUMBERS = [0, -0, 0.1, -1.5e300, 5e-324, 1e21, 1.7976931348623157e308, 3];
const NO_WHOLE = [0.5, -1e-7, 2 ** 63, -1e19, 1e300];

/** A generator of numbers from 0 to 1 (mulberry32): the same for the same seed. */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const length = (text: string) => [...text].length;

/** What a field is, once the forms it may be written in are brought into one. */
class Field {
  readonly kind: "string" | "boolean" | "integer" | "number";
  readonly nullable: boolean;
  readonly choices: (string | number | boolean)[] | undefined;

  constructor(
    readonly name: string,
    readonly schema: FieldSchema,
    readonly required: boolean,
  ) {
    const choices = schema.const === undefined ? schema.enum : [schema.const];
    this.choices = choices?.filter((choice) => choice !== null);
    const types = schema.type === undefined ? [] : [schema.type].flat();
    const [kind = typeof this.choices?.[0]] = types.filter((type) => type !== "null");
    this.kind = kind as Field["kind"];
    this.nullable = types.includes("null") || (schema.enum ?? []).includes(null);
  }

  get isNumber(): boolean {
    return this.kind === "integer" || this.kind === "number";
  }

  get home(): "Attributes" | "Metrics" {
    return this.isNumber ? "Metrics" : "Attributes";
  }

  /** Values that fit, as the wire has them. */
  good(): (string | number)[] {
    const { format, minLength = 0, maxLength = 200 } = this.schema;
    if (this.choices) return this.choices.map((each) => (this.isNumber ? Number(each) : `${each}`));
    if (this.kind === "boolean") return ["true", "false"];
    if (!this.isNumber) {
      const texts = format ? FORMATS[format][0] : [...TEXTS, "å".repeat(maxLength)];
      const fits = (text: string) => length(text) >= minLength && length(text) <= maxLength;
      return texts.filter((text) => fits(text) && !(this.nullable && text === "null"));
    }
    const bounds = this.bounds().map(([rule, limit]) =>
      rule.startsWith("exclusive") ? limit + (rule.endsWith("Minimum") ? 0.001 : -0.001) : limit,
    );
    const candidates = [...bounds, ...(this.kind === "integer" ? WHOLE : NUMBERS)];
    return candidates.filter((number) => this.brokenBounds(number).length === 0);
  }

  private bounds(): [string, number][] {
    const rules = ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"] as const;
    return rules.flatMap((rule) => {
      const limit = this.schema[rule];
      return limit === undefined ? [] : [[rule, limit] as [string, number]];
    });
  }

  private brokenBounds(number: number): string[] {
    const isBroken: Record<string, (limit: number) => boolean> = {
      minimum: (limit) => number < limit,
      maximum: (limit) => number > limit,
      exclusiveMinimum: (limit) => number <= limit,
      exclusiveMaximum: (limit) => number >= limit,
    };
    const broken = this.bounds().filter(([rule, limit]) => isBroken[rule](limit));
    return broken.map(([rule]) => rule);
  }

  /** Values in the right map that do not fit, with the rules they break. */
  bad(): [string | number, string[]][] {
    const { format, minLength = 0, maxLength = 200 } = this.schema;
    const choice = this.choices?.length === 1 ? "const" : "enum";
    if (this.kind === "boolean") {
      const texts = ["TRUE", "1", "yes", ""].map((text): [string, string[]] => [text, ["type"]]);
      const other = this.choices ? [[String(!this.choices[0]), ["const"]]] : [];
      return [...texts, ...(other as [string, string[]][])];
    }
    if (this.isNumber) {
      const wrong = this.kind === "integer" ? NO_WHOLE : [];
      const typed = wrong.map((number): [number, string[]] => [number, ["type"]]);
      const limits = this.bounds().map(([, limit]) => limit);
      const beyond = [...limits, ...limits.flatMap((limit) => [limit - 1, limit + 1]), 1e6, -1e6];
      const rules = (number: number) => [
        ...(this.choices && !this.choices.includes(number) ? [choice] : []),
        ...this.brokenBounds(number),
      ];
      const ranged = beyond.map((number): [number, string[]] => [number, rules(number)]);
      return [...typed, ...ranged.filter(([, broken]) => broken.length > 0)];
    }
    const rules = (text: string, isOfFormat: boolean) => [
      ...(this.choices && !this.choices.includes(text) ? [choice] : []),
      ...(format && !isOfFormat ? ["format"] : []),
      ...(length(text) < minLength ? ["minLength"] : []),
      ...(length(text) > maxLength ? ["maxLength"] : []),
    ];
    const isEmpty = minLength > 0 && this.schema["x-pii"] !== "mask";
    const texts = ["ö".repeat(maxLength + 1), "x".repeat(1_000), ...(isEmpty ? [""] : [])];
    const wrong = format ? FORMATS[format][1] : [];
    const long =
      format === "email"
        ? [`${"a".repeat(60)}@${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(60)}`]
        : [];
    return [
      ...texts.map((text): [string, string[]] => [text, rules(text, false)]),
      ...long.map((text): [string, string[]] => [text, rules(text, true)]),
      ...(this.choices ? [["purple", rules("purple", true)] as [string, string[]]] : []),
      ...wrong.map((text): [string, string[]] => [text, rules(text, false)]),
    ];
  }
}

/** So many events of a schema. */
export function makeEvents(schema: SchemaFile, seed: number, count: number): Made[] {
  const next = random(seed);
  const pick = <T>(of: readonly T[]): T => of[Math.floor(next() * of.length)];
  const chance = (probability: number) => next() < probability;
  const types = Object.entries(schema.$defs).map(([key, definition]) => {
    const fields = Object.entries(definition.properties ?? {}).map(([name, field]) => {
      return new Field(name, field, (definition.required ?? []).includes(name));
    });
    return { name: definition["x-event-name"] ?? key, key, definition, fields };
  });

  const valid = (type: (typeof types)[number], density: number): Made => {
    const event: Made = { name: type.name, attributes: {}, metrics: {}, breaks: [] };
    for (const field of type.fields) {
      const needed = field.required && !field.nullable;
      if (!needed && !chance(density)) continue;
      if (field.nullable && chance(0.2)) event.attributes[field.name] = "null";
      else put(event, field.home, field.name, pick(field.good()));
    }
    if (type.definition.additionalProperties) {
      for (let more = Math.floor(next() * 5); more > 0; more--) {
        if (chance(0.5)) event.attributes[`more ${more} é"\\`] = pick(TEXTS);
        else event.metrics[`more.${more}`] = pick(NUMBERS);
      }
    }
    return event;
  };

  /** Breaks one thing of an event, unless this cannot be broken. */
  const spoil = (event: Made, type: (typeof types)[number]) => {
    const breaks = (map: string, name: string, rules: string[]) => {
      const short = length(name) > 50 ? `${[...name].slice(0, 50).join("")}…` : name;
      for (const rule of rules) event.breaks.push(`${map}.${short} ${rule}`);
    };
    const untouched = type.fields.filter(
      ({ name }) => !event.breaks.some((broken) => broken.split(" ")[0].endsWith(`.${name}`)),
    );
    const field = untouched.length > 0 ? pick(untouched) : undefined;
    const isOpen = type.definition.additionalProperties === true;
    const away = field?.isNumber ? "Attributes" : "Metrics";
    switch (
      pick(["value", "value", "value", "value", "away", "both", "missing", "unknown", "long"])
    ) {
      case "value": {
        const bad = untouched.flatMap((each) => {
          return each.bad().map(([value, rules]) => ({ field: each, value, rules }));
        });
        if (bad.length === 0) return;
        // By what is broken first, so that rules that few fields have come up as well.
        const some = pick([...new Set(bad.map(({ rules }) => rules.join()))]);
        const chosen = pick(bad.filter(({ rules }) => rules.join() === some));
        const { name, isNumber, home } = chosen.field;
        if (isNumber) delete event.attributes[name];
        put(event, home, name, chosen.value);
        return breaks(home, name, chosen.rules);
      }
      case "away": {
        if (!field) return;
        delete event[field.isNumber ? "metrics" : "attributes"][field.name];
        put(event, away, field.name, field.isNumber ? "5" : 5);
        return breaks(away, field.name, ["type"]);
      }
      case "both": {
        if (!field) return;
        if (field.isNumber) delete event.attributes[field.name];
        put(event, field.home, field.name, pick(field.good()));
        put(event, away, field.name, field.isNumber ? "5" : 5);
        return breaks(away, field.name, ["type"]);
      }
      case "missing": {
        const needed = untouched.filter((each) => each.required && !each.nullable);
        if (needed.length === 0) return;
        const missing = pick(needed);
        delete event.attributes[missing.name];
        delete event.metrics[missing.name];
        return breaks(missing.home, missing.name, ["required"]);
      }
      case "unknown": {
        const near = field ? [`${field.name}_`, field.name.toUpperCase()] : [];
        const known = type.fields.map(({ name }) => name);
        const names = ["__proto__x", "unknown", "ünknown", "with space", "", ...near];
        const name = pick(names.filter((each) => !known.includes(each)));
        const map = chance(0.5) ? "Attributes" : "Metrics";
        const lower = map === "Attributes" ? "attributes" : "metrics";
        if (name in event[lower]) return;
        put(event, map, name, map === "Attributes" ? pick(TEXTS) : pick(NUMBERS));
        return isOpen ? undefined : breaks(map, name, ["additionalProperties"]);
      }
      case "long": {
        const name = `${"é".repeat(50)}${event.breaks.length}`;
        const text = chance(0.5) ? "a" : "y".repeat(201);
        put(event, "Attributes", name, text);
        const tooLong = length(text) > 200 ? ["maxLength"] : [];
        return breaks(
          "Attributes",
          name,
          isOpen ? ["propertyNames", ...tooLong] : ["additionalProperties"],
        );
      }
    }
  };

  /** Gives an event too many metrics. What is dropped on the way would make them fewer. */
  const crowd = (event: Made, type: (typeof types)[number]) => {
    for (const { name, schema } of type.fields) {
      const isBroken = event.breaks.some((broken) => broken.startsWith(`Attributes.${name} `));
      if (schema["x-pii"] === "drop" && !isBroken) delete event.attributes[name];
    }
    for (let n = 0; n < 41; n++) event.metrics[`crowd${n}`] = n;
    event.breaks.push("Attributes maxProperties");
  };

  return Array.from({ length: count }, () => {
    const type = chance(0.15) ? pick(types) : pick(types.filter(({ fields }) => fields.length > 0));
    const event = valid(type, pick([0.1, 0.5, 1]));
    if (chance(0.4)) return event;
    if (chance(0.04)) {
      const name = pick([type.key.toLowerCase(), `${type.name} `, "Unknown", "é", "x".repeat(60)]);
      const isKnown = types.some((each) => each.name === name);
      return isKnown ? event : { ...event, name, breaks: ["EventType eventType"] };
    }
    for (let faults = pick([1, 1, 1, 2, 3, 5]); faults > 0; faults--) spoil(event, type);
    if (type.definition.additionalProperties && chance(0.1)) crowd(event, type);
    return event;
  });
}

function put(event: Made, map: "Attributes" | "Metrics", name: string, value: string | number) {
  if (map === "Attributes") event.attributes[name] = String(value);
  else event.metrics[name] = Number(value);
}
