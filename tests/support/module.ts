// The module that every page loads, in this process.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { instantiate } from "../../npm/src/module/core.ts";

const TARGET =
  process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL("../../target", import.meta.url));

// As it is before the package shortens the names of its exports, here and in the engine.
const file = readFileSync(join(TARGET, "sdk-wasm/forebay_wasm_bg/forebay_wasm_bg.wasm"));

export const core = await instantiate(await WebAssembly.compile(file));
