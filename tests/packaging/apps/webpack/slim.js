import * as forebay from "forebay/slim";
import { config, page } from "./page.js";

const wasm = new URL("forebay/forebay_wasm_bg.wasm", import.meta.url);
forebay.configure(config, () => fetch(wasm));
page(forebay);
