// The components of Vue, Svelte and Astro: which of their text is a program. It stays at its place in a text of the same
// length in which all else is blank, so that places agree.

/** As HTML has it: all up to the closing tag is the script. */
const SCRIPTS = /(<script\b(?:"[^"]*"|'[^']*'|[^>"'])*>)([\s\S]*?)<\/script\s*>/gi;
const FRONTMATTER = /^\s*---[\s\S]*?\n---/;
/** Most characters of a call in the markup of a component. */
const LONGEST_CALL = 5000;

/** The scripts of a component. */
export function scriptsAlone(path: string, text: string): string {
  const blank = (part: string) => part.replace(/[^\r\n]/g, " ");
  const first = frontmatter(path, text);
  let alone = first.replace("---", "   ").replace(/---$/, "   ");
  for (const { index, 1: tag, 2: script } of text.matchAll(SCRIPTS)) {
    if (index < first.length) continue;
    alone += blank(text.slice(alone.length, index + tag.length)) + script;
  }
  return alone + blank(text.slice(alone.length));
}

/** What of an Astro component runs where the page is made; empty for any other file. */
export function frontmatter(path: string, text: string): string {
  return path.endsWith(".astro") ? (FRONTMATTER.exec(text)?.[0] ?? "") : "";
}

/** Whether `<T>` may begin an element in the scripts of a component. */
export function mayHaveJsx(path: string, text: string): boolean {
  return !path.endsWith(".astro") && !/<script\b[^>]*\blang=["']?(ts|typescript)\b/i.test(text);
}

/**
 * The scripts of a component, and of its markup the calls of what they declare, such as
 * `on:click={() => record(..)}`.
 *
 * @param alone the scripts
 * @param names what the scripts declare
 * @param isProgram whether a text can be parsed
 */
export function withCalls(
  text: string,
  alone: string,
  names: Set<string>,
  isProgram: (text: string) => boolean,
): string {
  let whole = alone;
  const put = (start: number, end: number, what: string) => {
    whole = whole.slice(0, start) + what + whole.slice(end);
  };
  let after = 0;
  const heads = text.matchAll(/(?<![\w$.])([A-Za-z_$][\w$]*)(?:\??\.\w+)*\s*\(/g);
  for (const { index, 0: head, 1: name } of heads) {
    if (index < after || alone[index] !== " " || !names.has(name)) continue;
    const end = closing(text, index + head.length - 1);
    if (end === undefined || !isProgram(text.slice(index, end))) continue;
    put(index, end, text.slice(index, end));
    for (const at of [index - 1, end]) if (whole[at] === " ") put(at, at + 1, ";");
    after = end;
  }
  return whole;
}

/** Where the bracket that is opened here is closed; nothing where it is not. */
function closing(text: string, open: number): number | undefined {
  let depth = 0;
  let quote = "";
  for (let at = open; at < Math.min(text.length, open + LONGEST_CALL); at++) {
    const letter = text[at];
    if (quote !== "") {
      if (letter === "\\") at++;
      else if (letter === quote) quote = "";
    } else if (/["'`]/.test(letter)) quote = letter;
    else if (letter === "(") depth++;
    else if (letter === ")" && --depth === 0) return at + 1;
  }
  return undefined;
}
