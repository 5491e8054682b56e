// node npm/build.mjs <folder>
//
// Builds npm/dist from npm/src and from what wasm-bindgen wrote into <folder> for its web target:
// forebay_wasm.js, forebay_wasm.d.ts and forebay_wasm_bg.wasm.
//
// One file a way of loading, with names that stay: index.js and react.js are what a page imports,
// engine.js (with the glue in it) and the WebAssembly module follow by themselves.

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const folder = process.argv[2];
if (!folder) {
  console.error("usage: node npm/build.mjs <folder with the output of wasm-bindgen>");
  process.exit(2);
}
const glue = resolve(folder, "forebay_wasm");

rmSync(dist, { recursive: true, force: true });
for (const entry of ["index", "react", "engine"]) {
  await build({
    entryPoints: [join(here, `src/${entry}.ts`)],
    outfile: join(dist, `${entry}.js`),
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    alias: { "#wasm": `${glue}.js` },
    external: ["react", "./index.js", "./engine.js"],
    logLevel: "warning",
  });
}
copyFileSync(`${glue}_bg.wasm`, join(dist, "forebay_wasm_bg.wasm"));
declare();

/** Checks the types, and writes the declarations of what a page imports. */
function declare() {
  const temporary = mkdtempSync(join(tmpdir(), "forebay-"));
  try {
    const config = join(temporary, "tsconfig.json");
    writeFileSync(
      config,
      JSON.stringify({
        extends: join(here, "tsconfig.json"),
        compilerOptions: { paths: { "#wasm": [`${glue}.d.ts`] } },
        files: [join(here, "src/index.ts"), join(here, "src/react.ts")],
        include: [],
      }),
    );
    const tsc = createRequire(import.meta.url).resolve("typescript/package.json");
    execFileSync(process.execPath, [join(dirname(tsc), "bin/tsc"), "-p", config], {
      stdio: "inherit",
    });
  } catch (error) {
    // tsc has said what is wrong.
    process.exit(error.status ?? 1);
  } finally {
    rmSync(temporary, { recursive: true });
  }
}
