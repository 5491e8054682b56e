// The script `others.js`: open tabs, and events of earlier visits. A page that is alone and finds no events never loads
// it.

export { load, takeEarly, takeLeft } from "./backlog.js";
export { setUp } from "./parts.js";
export { handOver, hear } from "./tabs.js";
