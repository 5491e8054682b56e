import { once } from "node:events";

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 } as const;

/** `text` in a colour, if standard output shows colours. */
export function paint(colour: keyof typeof CODES, text: string): string {
  const shows = process.stdout.isTTY && !process.env.NO_COLOR;
  return shows ? `\x1b[${CODES[colour]}m${text}\x1b[0m` : text;
}

/** Writes to standard output; resolves when there is room for more. */
export async function print(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, "drain");
}

/** Writes a line, or several, to standard error. */
export function printError(text: string): void {
  process.stderr.write(`${text}\n`);
}
