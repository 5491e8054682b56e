// The worker around its WebAssembly module. It hands requests to the module, and sees to it that a trap ends
// only the request that it hits; the others in flight are answered so that clients send them again.
//
// Rust runs as tasks of the module, so that a panic shows as an uncaught error and the promise of
// its request never settles. Its instance cannot be used any more: the request that ran is answered
// 500, those beside it 503 with Retry-After, and the next request gets a new instance.

import * as module from "./index.js";

/**
 * An instance's memory never shrinks. Beyond so many bytes, more than requests may take together
 * and the rest of it needs, it is replaced when no request is under way.
 */
const MOST_MEMORY_BYTES = 112 * 1024 * 1024;

/** By each request under way, by its number: ends it with an answer made of "hit" or "beside". */
const underWay = new Map();
let lastNumber = 0;
let isBroken = false;
/** How often the module has trapped. Its own counters begin anew with each instance. */
let traps = 0;
/** Where the instance says which request runs. It is asked for while the instance works. */
let running;

addEventListener("error", ({ error }) => {
  // A stack that overflows is a RangeError.
  if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) breakDown(error);
});

function renew() {
  module.__wbg_reset_state();
  isBroken = false;
  running = undefined;
}

/** The number of the request that ran when the instance broke; 0 where none did. */
function hit() {
  if (!running) return 0;
  return new Uint32Array(running.memory.buffer, running.address, 1)[0];
}

function breakDown(error) {
  if (isBroken) return;
  isBroken = true;
  traps += 1;
  const number = hit();
  // Messages of WebAssembly's own errors name what kind of trap it was, and frames where: neither
  // repeats anything of a request.
  const frames = String(error?.stack ?? "")
    .split("\n")
    .slice(1, 9);
  console.error(
    JSON.stringify({
      trap: `${error?.name}: ${error?.message}`,
      frames: frames.map((frame) => frame.trim()),
      method: underWay.get(number)?.method,
      beside: [...underWay.keys()].filter((other) => other !== number).length,
    }),
  );
  for (const [other, { end }] of underWay) end(other === number ? "hit" : "beside");
}

/**
 * Calls the module, which gets the bindings that it is called with.
 *
 * @return what it gives, or "hit" or "beside" where a trap ended the call
 */
async function run(method, { env, schema }, context, call) {
  const isGrown = running?.memory.buffer.byteLength > MOST_MEMORY_BYTES;
  if (isBroken || (isGrown && underWay.size === 0)) renew();
  running ??= { memory: module.instanceMemory(), address: module.runningAddress() };
  lastNumber = (lastNumber % 0xffff_ffff) + 1;
  const number = lastNumber;
  // Whatever the platform made for one request can be used for that one alone, the answer to it
  // included: other requests get only the news.
  const ended = Promise.withResolvers();
  underWay.set(number, { end: ended.resolve, method });
  try {
    const answer = Promise.race([
      call({ ...env, SCHEMA: schema, REQUEST_NUMBER: number, TRAPS: traps }),
      ended.promise,
    ]);
    // A client that goes away would have the platform drop the request where it stands, and
    // Rust would never give back what it holds. So it runs to its end, which also takes what
    // was sent to where it belongs.
    context.waitUntil(answer.catch(() => {}));
    return await answer;
  } catch (error) {
    breakDown(error);
    return "hit";
  } finally {
    underWay.delete(number);
  }
}

/** After how many seconds a batch of messages that a trap has ended is delivered again. */
const RETRY_SECONDS = 10;

/**
 * The worker of a schema: what a module of the platform has as its default export.
 *
 * @param schema forebay.schema.json, as text or parsed
 */
export function worker(schema) {
  const SCHEMA = typeof schema === "string" ? schema : JSON.stringify(schema);
  return {
    async fetch(request, env, context) {
      const answered = await run(request.method, { env, schema: SCHEMA }, context, (bindings) =>
        module.fetch(request, bindings, context),
      );
      if (typeof answered === "string") return failure(answered);
      return request.isLeft && request.body ? beside(answered, request.body, context) : answered;
    },

    async queue(batch, env, context) {
      const ended = await run("queue", { env, schema: SCHEMA }, context, (bindings) =>
        module.queue(batch, bindings),
      );
      // The platform takes a message that is neither acknowledged nor retried for acknowledged.
      if (ended) batch.retryAll({ delaySeconds: RETRY_SECONDS });
    },
  };
}

/** Bytes, milliseconds and bodies at once that are thrown away for the sake of an answer. */
const MOST_LEFT_BYTES = 8 * 1024 * 1024;
const MOST_LEFT_MS = 10_000;
const MOST_LEFT_BODIES = 16;
let leftBodies = 0;

/**
 * An answer whose client may still be sending: all of it goes out at once, and ends when the body has
 * come. A connection that is closed before that is reset, and the client never reads the answer.
 */
async function beside(answer, body, context) {
  if (leftBodies >= MOST_LEFT_BODIES) return answer;
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const { readable, writable } = new FixedLengthStream(bytes.byteLength);
  const writer = writable.getWriter();
  let length = 0;
  const nowhere = new WritableStream({
    write(chunk) {
      length += chunk.byteLength;
      if (length > MOST_LEFT_BYTES) throw new Error("too much is left");
    },
  });
  const sent = async () => {
    leftBodies += 1;
    try {
      const written = writer.write(bytes);
      await body.pipeTo(nowhere, { signal: AbortSignal.timeout(MOST_LEFT_MS) }).catch(() => {});
      await written;
      await writer.close();
    } catch {
      // The client has gone away.
    } finally {
      leftBodies -= 1;
    }
  };
  context.waitUntil(sent());
  return new Response(readable, answer);
}

/** The answer to a request that a trap hit, or that was under way beside it. */
function failure(kind) {
  const id = crypto.randomUUID();
  const body = {
    Message: "The service could not handle the request. Send it again.",
    RequestID: id,
  };
  const headers = {
    "access-control-allow-origin": "*",
    "access-control-expose-headers": "Date, Retry-After, x-amzn-ErrorType, x-amzn-RequestId",
    "cache-control": "no-store",
    date: new Date().toUTCString(),
    "x-amzn-errortype": "InternalServerErrorException",
    "x-amzn-requestid": id,
  };
  if (kind === "hit") return Response.json(body, { status: 500, headers });
  headers["x-amzn-errortype"] = "ServiceUnavailableException";
  headers["retry-after"] = "1";
  return Response.json(body, { status: 503, headers });
}
