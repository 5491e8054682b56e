import { configure, record } from "forebay";

performance.mark("forebay");
configure(JSON.parse(decodeURIComponent(location.hash.slice(1))));
record({ name: "Opened" });
