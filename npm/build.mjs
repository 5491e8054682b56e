// node npm/build.mjs <wasm> <violations> <tools>
//
// Builds npm/dist from npm/src, from the browser's WebAssembly modules, the one that every page loads and the
// one that says what is wrong with an event, and from what wasm-bindgen wrote into a folder for its web target:
// <tools>/forebay_schema_tools{.js,.d.ts,_bg.wasm}.
//
// For browsers the files of ENTRIES, which a page imports, and of CHUNKS, which follow by themselves; what
// is in one of them is in no other, so that a page has one client however many entries it loads. And all
// of it once more as a classic script. For Node node.js, a client for servers, and tools.js and cli.js, each
// with the glue in it, and the module of the tools and the parser of JavaScript beside them.

import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import binaryen from "binaryen";
import { build } from "esbuild";
import { minify } from "terser";

/** What `exports` of package.json has for browsers. */
const ENTRIES = ["index", "slim", "inline", "react", "testing", "amplify-v5", "segment"];
/** What it has for servers. */
const SERVER = "node";
/**
 * The files in src/ that they import, sooner or later: the client, the engine, the module as text, and what
 * not every page asks for. Each becomes a file of its own in dist/, without its folder.
 */
const CHUNKS = [
  "whole",
  "engine",
  "config/options",
  "auto-track",
  "config/mistakes",
  "others/others",
  "identity/identify",
  "module/violations",
];
/** Their names in dist/, by their paths. */
const NAMES = new Map(
  [...ENTRIES, ...CHUNKS].map((source) => [here(`src/${source}.ts`), nameOf(source)]),
);
/** In the first file, which has what others import of them: there is one client, and one class of errors. */
for (const source of ["client", "loading", "types"]) NAMES.set(here(`src/${source}.ts`), "index");

/**
 * Members of objects that only the package's own scripts see: neither a page, nor a disk, nor a tab of another
 * version. They get short names.
 */
const INTERNAL =
  "adopt adoptEndpointId asksForPrivacy byId byNumber credential ending evict explain forgetLeft isAccepted isLeader isOurs isRunning isStored keysOfLeft lately numberOf offer poolHeaders prepare remember retryAfter setAside setEnabled shed sharesSessions tellTabs trackSessions untilChanged untilLoaded deliver lose hold accept whenOpen withCore endedElsewhere".split(
    " ",
  );

/** What programs in Node are made of, where it does not lie in src/ under their names. */
const FOR_NODE = { cli: "cli/main", parser: "cli/migrate/parser" };

/** What browsers of the last years have, and the compiler uses: modules are written in no newer form. */
const { MutableGlobals, NontrappingFPToInt, BulkMemory, BulkMemoryOpt, SignExt } =
  binaryen.Features;
const FEATURES = MutableGlobals | NontrappingFPToInt | BulkMemory | BulkMemoryOpt | SignExt;

/**
 * For what takes no other modules than CommonJS, such as Jest, and reads neither `exports` nor what JavaScript has
 * got since 2018, such as webpack 4.
 */
const COMMON_JS = {
  format: "cjs",
  target: "es2018",
  supported: { "dynamic-import": false },
};

const dist = here("dist");
const [wasm, violations, toolsFolder] = process.argv.slice(2);
if (!toolsFolder) {
  console.error(
    "usage: node npm/build.mjs <wasm> <violations> <tools>, two modules and a folder of wasm-bindgen's",
  );
  process.exit(2);
}
const tools = resolve(toolsFolder, "forebay_schema_tools");

// What modules export is named twice in what travels, there and where it is called. Both sides get letters.
const modules = [wasm, violations].map((path) => binaryen.readBinary(readFileSync(path)));
const names = new Set(modules.flatMap((module) => functionsOf(module).map(({ name }) => name)));
const letters = Object.fromEntries(
  [...names].sort().map((name, at) => [name, String.fromCharCode((at < 26 ? 97 : 39) + at)]),
);
const exported = new RegExp(`^(${[...names].join("|")})$`);
INTERNAL.forEach((name, at) => {
  names.add(name);
  letters[name] = `_${String.fromCharCode((at < 26 ? 97 : 39) + at)}`;
});
const shortened = new RegExp(`^(${[...names].join("|")})$`);
const [whole, explaining] = modules.map(withLetters);

/** Modules as texts in modules of JavaScript, by the names that they are imported by. */
const texts = { "#module": asText(whole), "#violations": asText(explaining) };

const { version } = JSON.parse(readFileSync(here("package.json"), "utf8"));

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist);
for (const source of [...ENTRIES, ...CHUNKS]) {
  for (const [extension, form] of Object.entries({ ".js": {}, ".cjs": COMMON_JS })) {
    const plugins = [apart(source, extension)];
    await forBrowsers(nameOf(source) + extension, source, {
      external: ["react"],
      plugins,
      ...form,
    });
  }
}
await forBrowsers("forebay.script.js", "index", { format: "iife", globalName: "forebay" });
writeFileSync(join(dist, "forebay_wasm_bg.wasm"), whole);
for (const [extension, format] of Object.entries({ ".js": "esm", ".cjs": "cjs" })) {
  await build({
    ...common(SERVER + extension, SERVER),
    platform: "node",
    target: "node20.19",
    format,
    define: { VERSION: JSON.stringify(version) },
    mangleProps: exported,
    mangleCache: letters,
    plugins: [{ name: "texts", setup: withWholeTexts }],
  });
}
for (const entry of ["tools", "cli", "parser"]) {
  await build({
    ...common(`${entry}.js`, FOR_NODE[entry] ?? entry),
    platform: "node",
    target: "node20.19",
    alias: { "#tools": `${tools}.js` },
    plugins: entry === "cli" ? [{ name: "parser", setup: withoutParser }] : [],
    ...(entry === "parser" && { minify: true, banner: { js: parserLicense() } }),
  });
}
copyFileSync(`${tools}_bg.wasm`, join(dist, "forebay_schema_tools_bg.wasm"));

const node = {
  paths: { "#tools": [`${tools}.d.ts`] },
  // Without what only browsers have: the tools run in Node. The glue's own declarations ask for it.
  lib: ["es2023"],
  types: ["node"],
  typeRoots: [here("../node_modules/@types")],
};
check(ENTRIES, {});
check([SERVER], { ...node, lib: [...node.lib, "es2024.string", "dom", "dom.asynciterable"] });
forCommonJs();
check(["cli/main"], { ...node, emitDeclarationOnly: false, declaration: false, noEmit: true });
// Last: by this declaration xtask knows that the package is whole.
check(["tools"], { ...node, noEmitOnError: true });

/**
 * The same declarations for modules of CommonJS; and a folder for each entry, which is where those look who do not
 * read `exports`.
 */
function forCommonJs() {
  for (const file of readdirSync(dist, { recursive: true })) {
    if (!file.endsWith(".d.ts")) continue;
    const text = readFileSync(join(dist, file), "utf8");
    const renamed = text.replace(/(["'])(\.[^"']*)\.js\1/g, "$1$2.cjs$1");
    writeFileSync(join(dist, file.replace(/\.ts$/, ".cts")), renamed);
  }
  for (const entry of [...ENTRIES, SERVER].filter((entry) => entry !== "index")) {
    const file = (extension) => `../dist/${entry}.${extension}`;
    // Parcel reads it, and makes nothing that runs of what `require()` would load later.
    const alias = { [file("cjs")]: file("js") };
    const manifest = { main: file("cjs"), types: file("d.cts"), alias };
    mkdirSync(here(entry), { recursive: true });
    writeFileSync(here(`${entry}/package.json`), `${JSON.stringify(manifest, null, 2)}\n`);
  }
}

/** A path in this folder. */
function here(path) {
  return join(dirname(fileURLToPath(import.meta.url)), path);
}

/** Pages load the engine with the module in it, unless they give the module. */
function nameOf(source) {
  return { whole: "engine", engine: "engine-slim" }[source] ?? basename(source);
}

/** What is in a file of its own is in no other, but for the engine. */
function apart(source, extension) {
  return {
    name: "apart",
    setup({ onResolve }) {
      onResolve({ filter: /^\..*\.js$/ }, ({ path, resolveDir }) => {
        const imported = join(resolveDir, path).replace(/\.js$/, ".ts");
        const name = NAMES.get(imported);
        if (!name || name === nameOf(source) || (name === "engine-slim" && source === "whole"))
          return;
        return { path: `./${name}${extension}`, external: true };
      });
    },
  };
}

/** The functions that a module exports. */
function functionsOf(module) {
  return Array.from({ length: module.getNumExports() }, (_, at) =>
    binaryen.getExportInfo(module.getExportByIndex(at)),
  ).filter(({ kind }) => kind === binaryen.ExternalFunction);
}

/** A module that exports its memory, and its functions by their letters. */
function withLetters(module) {
  const functions = functionsOf(module);
  for (const name of [...functions.map(({ name }) => name), "__data_end", "__heap_base"]) {
    module.removeExport(name);
  }
  for (const { name, value } of functions) module.addFunctionExport(value, letters[name]);
  module.setFeatures(FEATURES);
  const bytes = module.emitBinary();
  // Throws where an engine does not take it: better here than in a page.
  new WebAssembly.Module(bytes);
  return bytes;
}

/**
 * Bytes as a text of ASCII characters, two for what is larger than 90; src/module/text.ts reads it. What a
 * server's compression makes of it is hardly larger than of the bytes themselves, and of base64 a quarter:
 * equal bytes are equal characters.
 */
function asText(bytes) {
  const character = (byte) =>
    ["", " ", "!"][Math.floor(byte / 91)] + String.fromCharCode((byte % 91) + 36);
  return Array.from(bytes, character).join("");
}

function withTexts({ onResolve, onLoad }) {
  onResolve({ filter: /^#/ }, ({ path }) => ({ path, namespace: "texts" }));
  onLoad({ filter: /./, namespace: "texts" }, ({ path }) => ({ contents: path, loader: "text" }));
}

/** The same without a name in their place. */
function withWholeTexts({ onResolve, onLoad }) {
  onResolve({ filter: /^#/ }, ({ path }) => ({ path, namespace: "texts" }));
  onLoad({ filter: /./, namespace: "texts" }, ({ path }) => ({
    contents: texts[path],
    loader: "text",
  }));
}

/** One command needs the parser, which is larger than all commands: it is loaded with that one. */
function withoutParser({ onResolve }) {
  onResolve({ filter: /^\.\/parser\.js$/ }, ({ path }) => ({ path, external: true }));
}

function parserLicense() {
  const folder = dirname(createRequire(import.meta.url).resolve("@babel/parser/package.json"));
  return `/*! @babel/parser\n\n${readFileSync(join(folder, "LICENSE"), "utf8").trim()}\n*/`;
}

/** Two minifiers, since what terser makes of esbuild's work is 5 % less after brotli. */
async function forBrowsers(file, source, options) {
  const { outfile, ...rest } = common(file, source);
  const { outputFiles } = await build({
    ...rest,
    minifySyntax: true,
    minifyWhitespace: true,
    target: "es2022",
    define: {
      VERSION: JSON.stringify(version),
      "Number.NaN": "NaN",
      "Number.POSITIVE_INFINITY": "Infinity",
    },
    mangleProps: shortened,
    mangleCache: letters,
    ...options,
    plugins: [{ name: "texts", setup: withTexts }, ...(options.plugins ?? [])],
    write: false,
  });
  const { code } = await minify(outputFiles[0].text, {
    ecma: options.format === "cjs" ? 2018 : 2022,
    module: options.format !== "iife",
    // Terser takes "use client" for one that means nothing.
    compress: { directives: false, inline: 1, passes: 3, sequences: false, unsafe_arrows: true },
  });
  // Only now: minifiers choose names by what there is most of.
  writeFileSync(
    outfile,
    code.replace(/"(#\w+)"/g, (_, name) => JSON.stringify(texts[name])),
  );
}

function common(file, source) {
  return {
    entryPoints: [here(`src/${source}.ts`)],
    outfile: join(dist, file),
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
        extends: here("tsconfig.json"),
        compilerOptions,
        files: [...modules.map((name) => `${name}.ts`), "text.d.ts"].map((name) =>
          here(`src/${name}`),
        ),
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
