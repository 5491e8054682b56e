// node npm/worker/build.mjs <edge> <wasm>
//
// Builds npm/worker/dist from the edge worker's modules in the folder <edge>, as `cargo xtask build edge` has left
// them, with the WebAssembly module <wasm> in place of the one there, from npm/worker/src, and from what infra/ has to
// deploy it with.

import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const [edge, wasm] = process.argv.slice(2);
if (!wasm) {
  console.error(
    "usage: node npm/worker/build.mjs <edge> <wasm>, the folder of the built worker and its module",
  );
  process.exit(2);
}
const dist = here("dist");
rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);

// One module and its WebAssembly, so that a configuration can name both.
await build({
  entryPoints: [resolve(edge, "worker.js")],
  outfile: join(dist, "worker.js"),
  bundle: true,
  format: "esm",
  target: "es2022",
  minifySyntax: true,
  minifyWhitespace: true,
  logLevel: "warning",
  plugins: [apart(/index_bg\.wasm$/, "./forebay.wasm")],
});
cpSync(wasm, join(dist, "forebay.wasm"));
cpSync(here("src/worker.d.ts"), join(dist, "worker.d.ts"));

await build({
  entryPoints: [here("src/main.ts")],
  outfile: join(dist, "cli.js"),
  bundle: true,
  format: "esm",
  platform: "node",
  target: "node20.19",
  logLevel: "warning",
  external: ["aws4fetch", "workerd"],
  plugins: [apart(/\/tools\.js$/, "forebay/tools")],
});
for (const file of ["page.html", "front.js"]) cpSync(here(`src/dev/${file}`), join(dist, file));
for (const folder of ["cloudflare", "self-hosted"]) {
  cpSync(here(`../../infra/${folder}`), join(dist, folder), { recursive: true });
}
try {
  const tsc = createRequire(import.meta.url).resolve("typescript/package.json");
  execFileSync(process.execPath, [join(dirname(tsc), "bin/tsc"), "-p", here("tsconfig.json")], {
    stdio: "inherit",
  });
} catch (error) {
  // tsc has said what is wrong.
  process.exit(error.status ?? 1);
}

/** A path in this folder. */
function here(path) {
  return join(dirname(fileURLToPath(import.meta.url)), path);
}

/** What is imported by such a path is not bundled, and is found at another. */
function apart(filter, path) {
  return {
    name: "apart",
    setup({ onResolve }) {
      onResolve({ filter }, () => ({ path, external: true }));
    },
  };
}
