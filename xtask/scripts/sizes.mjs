// node sizes.mjs FILE..
//
// Prints one line of JSON a file: {"path","raw","gzip","brotli"}, in bytes. Compressed as a web
// server does that compresses ahead of time: brotli -q 11 with a window of 22 bits, gzip -9.
//
// node sizes.mjs --schema FILE
//
// Prints one line of JSON about what generated code adds to an app's own download, in bytes after
// brotli: {"file","by_events","fixed","per_event"}. `file` is for this schema file, `by_events` for
// schemas of so many made-up events, and the last two are the line through the least and the most of
// them. Needs the built package.

import { readFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const words = process.argv.slice(2);
if (words[0] === "--schema") {
  console.log(JSON.stringify(await schemaSizes(readFileSync(words[1], "utf8"))));
} else {
  for (const path of words) {
    const bytes = readFileSync(path);
    const gzip = gzipSync(bytes, { level: 9 }).length;
    console.log(JSON.stringify({ path, raw: bytes.length, gzip, brotli: brotli(bytes) }));
  }
}

function brotli(bytes) {
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_LGWIN]: 22,
    [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  return brotliCompressSync(bytes, { params }).length;
}

async function schemaSizes(schema) {
  const { build } = await import("esbuild");
  const { typescript } = await import("../../npm/dist/tools.js");
  const size = async (text) => {
    // Every creator counts, also those that an app does not use and its bundler leaves out.
    const { outputFiles } = await build({
      stdin: { contents: typescript(text), loader: "ts" },
      bundle: true,
      minify: true,
      format: "esm",
      external: ["forebay"],
      write: false,
    });
    return brotli(outputFiles[0].contents);
  };
  const counts = [1, 10, 50];
  const sizes = [];
  for (const count of counts) sizes.push(await size(madeUp(count)));
  const perEvent = (sizes.at(-1) - sizes[0]) / (counts.at(-1) - counts[0]);
  return {
    file: await size(schema),
    by_events: Object.fromEntries(counts.map((count, n) => [count, sizes[n]])),
    fixed: Math.round(sizes[0] - perEvent),
    per_event: Math.round(perEvent),
  };
}

/**
 * A schema of `count` events, up to 60. Each has two fields that many events have, and three of its
 * own, which compress less well.
 */
function madeUp(count) {
  const things = "account invoice lesson message order playlist project comment team report".split(
    " ",
  );
  const deeds = "Created Opened Shared Renamed Archived Searched Exported".split(" ");
  const shared = {
    account_id: { type: "string", format: "uuid" },
    is_first_time: { type: "boolean" },
    source: { enum: ["search", "menu", "notification", "link"] },
  };
  const own = (thing, n) => [
    [`${thing}_title`, { type: "string", minLength: 1, maxLength: 40 + ((7 * n) % 90) }],
    [`${thing}_count`, { type: "integer", minimum: 0, maximum: 10 * ((13 * n) % 70) + 10 }],
    [`${deeds[n % deeds.length].toLowerCase()}_at`, { type: "string", format: "date-time" }],
    [`minutes_in_${thing}`, { type: "number", minimum: 0 }],
    [`${thing}_kind`, { enum: [things[(n + 3) % 10], things[(3 * n + 4) % 10], "other"] }],
  ];
  const events = Array.from({ length: count }, (_, n) => {
    const thing = things[n % things.length];
    const name = `${thing[0].toUpperCase()}${thing.slice(1)}${deeds[n % deeds.length]}Event`;
    const common = Object.entries(shared).filter((_, k) => k !== n % 3);
    const properties = [
      ...common,
      ...own(thing, n).filter((_, k) => k !== n % 5 && k !== (n + 2) % 5),
    ];
    const required = properties.slice(0, 3).map(([field]) => field);
    return [name, { type: "object", properties: Object.fromEntries(properties), required }];
  });
  return JSON.stringify({ $defs: Object.fromEntries(events) });
}
