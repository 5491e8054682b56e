import { configure, record } from "forebay";

configure(JSON.parse(decodeURIComponent(location.hash.slice(1))));
record({ name: "Opened" });
performance.mark("recorded");
