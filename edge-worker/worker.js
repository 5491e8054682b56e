// The worker around its WebAssembly module: hands requests to it, and sees to it that a trap in there costs
// the requests it hits and none after them.
//
// Rust runs as tasks of the module, so that a panic shows as an uncaught error and the promise of
// its request never settles. Its instance cannot be used any more: all that was under way in it is
// answered with an error that clients send again on, and the next request gets a new instance.

import * as module from "./index.js";

/** Ends each request under way with an error. */
const underWay = new Set();
let isBroken = false;

addEventListener("error", ({ error }) => {
  // A stack that overflows is a RangeError.
  if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) breakDown();
});

function breakDown() {
  isBroken = true;
  for (const fail of underWay) fail(undefined);
}

/**
 * The worker of a schema: what a module of the platform has as its default export.
 *
 * @param schema forebay.schema.json, as text or parsed
 */
export function worker(schema) {
  const SCHEMA = typeof schema === "string" ? schema : JSON.stringify(schema);
  return {
    async fetch(request, env, context) {
      if (isBroken) {
        module.__wbg_reset_state();
        isBroken = false;
      }
      // Whatever the platform made for one request can be used for that one alone, the answer to it
      // included: other requests get only the news.
      const failed = Promise.withResolvers();
      underWay.add(failed.resolve);
      try {
        const answer = module.fetch(request, { ...env, SCHEMA }, context);
        return (await Promise.race([answer, failed.promise])) ?? failure();
      } catch {
        breakDown();
        return failure();
      } finally {
        underWay.delete(failed.resolve);
      }
    },
  };
}

function failure() {
  const id = crypto.randomUUID();
  const body = {
    Message: "The service could not handle the request. Send it again.",
    RequestID: id,
  };
  return Response.json(body, {
    status: 500,
    headers: {
      "access-control-allow-origin": "*",
      "access-control-expose-headers": "Date, x-amzn-ErrorType, x-amzn-RequestId",
      "cache-control": "no-store",
      date: new Date().toUTCString(),
      "x-amzn-errortype": "InternalServerErrorException",
      "x-amzn-requestid": id,
    },
  });
}
