// Python scripts of the tests, run where `cargo xtask test` has installed what they need.

import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { ROOT } from "./stack.ts";

/** The target folder. */
export const TARGET = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");

/**
 * What a script prints on standard output.
 *
 * @param script its path from `tests/`, e.g. `schema/read_spark.py`
 * @param args its arguments
 * @param input what it reads from standard input
 * @param environment the folder of its packages, below the target folder
 * @throws Error when it fails, with what it printed on standard error
 */
export async function python(
  script: string,
  args: string[] = [],
  input = "",
  environment = "python",
): Promise<string> {
  const program = join(TARGET, environment, "bin/python");
  if (!existsSync(program)) {
    throw new Error(
      "what the tests need of Python is not there: `cargo xtask test schema infra` installs it",
    );
  }
  const child = spawn(program, [join(ROOT, "tests", script), ...args], {
    env: { ...process.env, PYTHONUTF8: "1", PYTHONDONTWRITEBYTECODE: "1" },
  });
  const stopWithTests = () => child.kill("SIGKILL");
  process.once("exit", stopWithTests);
  // A script that ends before it has read all says why on standard error.
  child.stdin.on("error", () => {}).end(input);
  const code = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  const [output, errors, status] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    code,
  ]);
  process.off("exit", stopWithTests);
  if (status !== 0) throw new Error(`${script} ended with ${status}:\n${errors.trim()}`);
  return output;
}
