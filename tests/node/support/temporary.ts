import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A folder that is removed when the tests of a file have ended. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "forebay-node-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
