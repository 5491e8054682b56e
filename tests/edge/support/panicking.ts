// A module in front of the worker that makes it panic.

// The worker has no place that panics, and none is built in for this test. But it is Rust on a
// platform, and relies on `new Response` not to throw: where it does twice, for the answer and for the one that says
// so, the worker's library panics.
export const PANICKING = `
import worker from "./main.js";
let armed = 0;
globalThis.Response = new Proxy(Response, {
  construct(target, args, newTarget) {
    if (armed > 0) {
      armed -= 1;
      throw new TypeError("no more responses");
    }
    return Reflect.construct(target, args, newTarget);
  },
});
export default {
  fetch(request, env, context) {
    armed = request.headers.has("x-test-panic") ? 2 : 0;
    return worker.fetch(request, env, context);
  },
};
`;
