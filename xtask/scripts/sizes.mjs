// node sizes.mjs FILE..
//
// Prints one line of JSON a file: {"path","raw","gzip","brotli"}, in bytes. Compressed as a web
// server does that compresses ahead of time: brotli -q 11 with a window of 22 bits, gzip -9.

import { readFileSync } from "node:fs";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

for (const path of process.argv.slice(2)) {
  const bytes = readFileSync(path);
  const brotli = brotliCompressSync(bytes, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_LGWIN]: 22,
      [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
    },
  });
  const gzip = gzipSync(bytes, { level: 9 });
  console.log(
    JSON.stringify({ path, raw: bytes.length, gzip: gzip.length, brotli: brotli.length }),
  );
}
