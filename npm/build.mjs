// node npm/build.mjs <wasm> <tools>
//
// Builds npm/dist from npm/src, the browser's module <wasm>, and what wasm-bindgen wrote into a folder
// for its web target: <tools>/forebay_schema_tools{.js,.d.ts,_bg.wasm}.
//
// For browsers one file a way of loading, with names that stay: index.js and react.js are what a page
// imports, engine.js and the WebAssembly module follow by themselves. For Node
// tools.js and cli.js, each with the glue in it, and the module of the tools beside them.

import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "dist");
const [wasm, toolsFolder] = process.argv.slice(2);
if (!toolsFolder) {
  console.error("usage: node npm/build.mjs <wasm> <tools>, a module and a folder of wasm-bindgen's");
  process.exit(2);
}
const tools = resolve(toolsFolder, "forebay_schema_tools");

rmSync(dist, { recursive: true, force: true });
for (const entry of ["index", "react", "engine"]) {
  await build({
    ...common(entry),
    minify: true,
    target: "es2022",
    external: ["react", "./index.js", "./engine.js"],
  });
}
copyFileSync(wasm, join(dist, "forebay_wasm_bg.wasm"));
for (const entry of ["tools", "cli"]) {
  await build({
    ...common(entry, entry === "cli" ? "cli/main" : entry),
    platform: "node",
    target: "node20.19",
    alias: { "#tools": `${tools}.js` },
  });
}
copyFileSync(`${tools}_bg.wasm`, join(dist, "forebay_schema_tools_bg.wasm"));

const node = {
  paths: { "#tools": [`${tools}.d.ts`] },
  // Without what only browsers have: the tools run in Node. The glue's own declarations ask for it.
  lib: ["es2023"],
  types: ["node"],
  typeRoots: [join(here, "../node_modules/@types")],
};
check(["index", "react"], {});
check(["tools"], node);
check(["cli/main"], { ...node, emitDeclarationOnly: false, declaration: false, noEmit: true });

function common(entry, source = entry) {
  return {
    entryPoints: [join(here, `src/${source}.ts`)],
    outfile: join(dist, `${entry}.js`),
    bundle: true,
    format: "esm",
    logLevel: "warning",
  };
}

/** Checks the types of these modules, and writes their declarations unless told otherwise. */
function check(modules, compilerOptions) {
  const temporary = mkdtempSync(join(tmpdir(), "forebay-"));
  try {
    const config = join(temporary, "tsconfig.json");
    writeFileSync(
      config,
      JSON.stringify({
        extends: join(here, "tsconfig.json"),
        compilerOptions,
        files: modules.map((name) => join(here, `src/${name}.ts`)),
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
