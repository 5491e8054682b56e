import { write } from "./files.js";
import { print } from "./terminal.js";

/** Prints a text, or writes it to the file that `--out` names. */
export async function deliver(text: string, out: string | undefined): Promise<void> {
  if (out === undefined) return print(text);
  write(out, text);
  await print(`wrote ${out}\n`);
}
