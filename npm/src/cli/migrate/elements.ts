// Events of elements, which their attributes name, in JSX and in templates.

import { TEST } from "./calls.js";
import type { Observed } from "./events.js";
import type { Sources } from "./sources.js";
import type { Left } from "./survey.js";
import type { Values } from "./values.js";

/** What the names of these attributes begin with, unless auto-track says otherwise. */
export const PREFIX = "data-amplify-analytics-";
/** A text that only the running app knows. */
export const TEXT: Values = { known: [], complete: false, parameters: [] };

/** What `autoTrack` is told of these events. */
export interface Tracking {
  /** What the names of attributes begin with. */
  prefixes: Set<string>;
  /** What each event has besides. */
  attributes: Map<string, Values[]>;
  open: string[];
}

/** An attribute of an element; `text` where it is known. */
interface Attribute {
  kind: "name" | "attrs";
  text?: string;
  line: number;
  column: number;
}

/** The events, and the elements whose events have a name that only the running app knows. */
export function elementsOf(
  { texts, templates }: Sources,
  tracking: Tracking,
): { observed: Observed[]; unnamed: Omit<Left, "what" | "advice">[] } {
  const observed: Observed[] = [];
  const unnamed: Omit<Left, "what" | "advice">[] = [];
  for (const [file, text] of [...texts, ...templates]) {
    if (TEST.test(file)) continue;
    const found = [...tracking.prefixes].flatMap((prefix) => attributesIn(text, prefix));
    // Which attributes belong to which name depends on the element; each may have each.
    const attrs = found.filter(({ kind }) => kind === "attrs");
    const fields = attrs.flatMap(({ text = "" }) =>
      text === "" ? [] : text.split(",").map((pair) => pair.split(":")[0].trim()),
    );
    const open = attrs
      .filter(({ text }) => text === undefined)
      .map(({ line }) => `${file}:${line}`);
    for (const { kind, text: name, line, column } of found) {
      if (kind !== "name" || name === "") continue;
      if (name === undefined) unnamed.push({ file, line, column });
      else {
        const own = ["type", "target", ...fields].map((field): [string, Values[]] => [
          field,
          [TEXT],
        ]);
        observed.push({
          ...{ name, file, line, column, metrics: new Map() },
          attributes: new Map([...tracking.attributes, ...own]),
          open: [...open, ...tracking.open],
        });
      }
    }
  }
  return { observed, unnamed };
}

function attributesIn(text: string, prefix: string): Attribute[] {
  if (!text.includes(`${prefix}name`)) return [];
  const escaped = prefix.replace(/[^\w-]/g, "\\$&");
  // What stands before it says in Vue and Angular that the value is an expression: `:`, `v-bind:`, `[attr.`.
  const attributes = new RegExp(
    `([:.]?)(?<![\\w-])${escaped}(name|attrs)\\]?\\s*=\\s*(?:(\\{?)\\s*(["'\`])(.*?)\\4|\\{)`,
    "g",
  );
  return [...text.matchAll(attributes)].map(({ index, 1: bound, 2: kind, 5: value }) => {
    const lines = text.slice(0, index + bound.length).split("\n");
    const literal = bound === "" ? value : /^\s*(["'`])(.*)\1\s*$/.exec(value ?? "")?.[2];
    return {
      kind: kind as Attribute["kind"],
      text: literal === undefined || /[{$]/.test(literal) ? undefined : literal,
      line: lines.length,
      column: (lines.at(-1) ?? "").length + 1,
    };
  });
}
