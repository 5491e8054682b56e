// What other pages of this browser have for this one: tabs that are open, and what earlier visits left. A page
// that is alone, and finds nothing, never loads this.

export { load, takeEarly, takeLeft } from "./backlog.js";
export { setUp } from "./parts.js";
export { handOver, hear } from "./tabs.js";
