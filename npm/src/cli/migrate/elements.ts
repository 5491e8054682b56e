import type { Observed } from "./events.js";
import type { Values } from "./values.js";

const ATTRIBUTE = /data-amplify-analytics-(name|attrs)\s*=\s*\{?\s*(["'`])(.*?)\2/g;
/** A text that only the running app knows. */
export const TEXT: Values = { known: [], complete: false, parameters: [] };

/** Events of elements, which their attributes name, in JSX and in templates. */
export function elementsOf(texts: Map<string, string>): Observed[] {
  const found: Observed[] = [];
  for (const [file, text] of texts) {
    if (!text.includes("data-amplify-analytics-name")) continue;
    const pairs = [...text.matchAll(ATTRIBUTE)];
    // Which attributes belong to which name depends on the element; each may have each.
    const attrs = pairs.flatMap(({ 1: kind, 3: value }) =>
      kind === "attrs" ? value.split(",").map((pair) => pair.split(":")[0].trim()) : [],
    );
    for (const { index, 1: kind, 3: name } of pairs) {
      if (kind !== "name" || name === "" || /[{$]/.test(name)) continue;
      found.push({
        name,
        file,
        line: text.slice(0, index).split("\n").length,
        column: 1,
        attributes: new Map(["type", "target", ...attrs].map((field) => [field, [TEXT]])),
        metrics: new Map(),
        open: [],
      });
    }
  }
  return found;
}
