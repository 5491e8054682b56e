import * as forebay from "forebay/inline";
import { config, page } from "./page.js";

forebay.configure(config);
page(forebay);
