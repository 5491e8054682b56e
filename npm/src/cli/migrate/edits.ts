// Changes to a text by places in it, so that all else stays as it is; and what they changed, as a unified diff.

/** What stands from `start` to `end` becomes `text`. */
export interface Edit {
  start: number;
  end: number;
  text: string;
}

/** Lines around a change that a diff shows. */
const CONTEXT = 3;

/** Makes the edits, which do not overlap. Of those at one place the first comes first. */
export function edited(text: string, edits: Edit[]): string {
  let made = "";
  let at = 0;
  for (const { start, end, text: put } of ordered(edits)) {
    made += text.slice(at, start) + put;
    at = Math.max(at, end);
  }
  return made + text.slice(at);
}

function ordered(edits: Edit[]): Edit[] {
  return edits.toSorted((a, b) => a.start - b.start || a.end - b.end);
}

/**
 * The difference that the edits make as `git apply` and `patch` take it, one line an element; nothing where there
 * is none.
 */
export function diff(path: string, text: string, edits: Edit[]): string[] {
  const before = lines(text);
  const after = lines(edited(text, edits));
  const hunks = joined(changes(before, after));
  if (hunks.length === 0) return [];
  // Git ends a name that has white space with a tab.
  const name = /\s/.test(path) ? `${path}\t` : path;
  const out = [`--- a/${name}`, `+++ b/${name}`];
  for (const hunk of hunks) {
    const from = Math.max(0, hunk[0].from - CONTEXT);
    const last = hunk[hunk.length - 1];
    const to = Math.min(before.length, last.to + CONTEXT);
    const shift = hunk[0].newFrom - hunk[0].from;
    const newTo = last.newTo + (to - last.to);
    out.push(`@@ -${range(from, to)} +${range(from + shift, newTo)} @@`);
    let at = from;
    const show = (sign: string, shown: string[]) => {
      for (const line of shown) {
        out.push(sign + line.replace(/\n$/, ""));
        if (!line.endsWith("\n")) out.push("\\ No newline at end of file");
      }
    };
    for (const change of hunk) {
      show(" ", before.slice(at, change.from));
      show("-", before.slice(change.from, change.to));
      show("+", after.slice(change.newFrom, change.newTo));
      at = change.to;
    }
    show(" ", before.slice(at, to));
  }
  return out;
}

/** A new file as a diff. */
export function creation(path: string, text: string): string[] {
  const added = lines(text);
  return [
    "--- /dev/null",
    `+++ b/${path}`,
    `@@ -0,0 +1,${added.length} @@`,
    ...added.map((line) => `+${line.replace(/\n$/, "")}`),
  ];
}

function range(from: number, to: number): string {
  return `${to > from ? from + 1 : from},${to - from}`;
}

/** Lines with their breaks. */
function lines(text: string): string[] {
  return text.match(/[^\n]*\n|[^\n]+$/g) ?? [];
}

interface Change {
  from: number;
  to: number;
  newFrom: number;
  newTo: number;
}

/** The runs of lines that differ. The texts differ in few places, so that the next equal line is near. */
function changes(before: string[], after: string[]): Change[] {
  const found: Change[] = [];
  let a = 0;
  let b = 0;
  while (a < before.length || b < after.length) {
    if (a < before.length && b < after.length && before[a] === after[b]) {
      a += 1;
      b += 1;
      continue;
    }
    const [to, newTo] = nextEqual(before, after, a, b);
    found.push({ from: a, to, newFrom: b, newTo });
    a = to;
    b = newTo;
  }
  return found;
}

function nextEqual(before: string[], after: string[], a: number, b: number): [number, number] {
  const most = before.length - a + (after.length - b);
  for (let distance = 1; distance <= most; distance += 1) {
    for (let skipped = 0; skipped <= distance; skipped += 1) {
      const x = a + skipped;
      const y = b + distance - skipped;
      if (x > before.length || y > after.length) continue;
      if (x === before.length && y === after.length) return [x, y];
      if (x < before.length && y < after.length && before[x] === after[y]) return [x, y];
    }
  }
  return [before.length, after.length];
}

/** Changes whose surroundings meet are shown as one. */
function joined(all: Change[]): Change[][] {
  const hunks: Change[][] = [];
  for (const change of all) {
    const last = hunks.at(-1);
    const end = last?.at(-1)?.to;
    if (last && end !== undefined && change.from - end <= 2 * CONTEXT) last.push(change);
    else hunks.push([change]);
  }
  return hunks;
}
