import * as forebay from "forebay";
import { config, page } from "./page.js";

forebay.configure(config);
page(forebay);
