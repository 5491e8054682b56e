// The peer, bundled with its libraries, which come from the npm registry once and stay in target/apps.

import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { ROOT } from "../../support/stack.ts";

/** The libraries, at the versions that the numbers are of. */
export const LIBRARIES = {
  ajv: "8.20.0",
  "ajv-formats": "3.0.1",
  aws4fetch: "1.0.20",
  "ua-parser-js": "2.0.10",
};
const FOLDER = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target", "apps/bench-edge");

/**
 * Builds the peer for a schema.
 *
 * @returns the text of its one module
 */
export async function buildPeer(schemaFile: string): Promise<string> {
  await mkdir(FOLDER, { recursive: true });
  const wanted = JSON.stringify({ private: true, type: "module", dependencies: LIBRARIES });
  const installed = join(FOLDER, "node_modules/.installed");
  if ((await readFile(installed, "utf8").catch(() => "")) !== wanted) {
    await writeFile(join(FOLDER, "package.json"), wanted);
    await promisify(execFile)("npm", ["install", "--no-audit", "--no-fund"], { cwd: FOLDER });
    await writeFile(installed, wanted);
  }
  await writeFile(join(FOLDER, "validators.js"), await validators(schemaFile));
  const peer = fileURLToPath(new URL("./peer.js", import.meta.url));
  await writeFile(join(FOLDER, "peer.js"), await readFile(peer, "utf8"));
  const { outputFiles } = await build({
    entryPoints: [join(FOLDER, "peer.js")],
    bundle: true,
    format: "esm",
    target: "es2022",
    minify: true,
    write: false,
    logLevel: "warning",
  });
  return outputFiles[0].text;
}

/** Ajv's code for each event type, compiled ahead: a worker may not make code. */
async function validators(schemaFile: string): Promise<string> {
  const require = createRequire(join(FOLDER, "package.json"));
  const { Ajv2020 } = require("ajv/dist/2020");
  const { default: standalone } = require("ajv/dist/standalone");
  const { default: addFormats } = require("ajv-formats");
  const { $defs } = JSON.parse(await readFile(schemaFile, "utf8"));
  // As many mistakes as there are, as the edge worker tells them.
  const ajv = new Ajv2020({ allErrors: true, strict: false, code: { source: true, esm: true } });
  addFormats(ajv);
  for (const [name, definition] of Object.entries($defs)) ajv.addSchema(definition, name);
  const names = Object.keys($defs);
  const code = standalone(ajv, Object.fromEntries(names.map((name) => [name, name])));
  return `${code}\nexport default { ${names.join(", ")} };\n`;
}
