// Stands in front of the worker where Cloudflare's own front stands: sets `request.cf`. And it has the page and
// what was collected at paths that are none of the worker's.

const OWN = ["GET /", "GET /all", "GET /good", "GET /bad", "GET /refused", "POST /reset"];
/** A page of another site that got its name to point here must not read what comes. */
const LOCAL = /^(127\.0\.0\.1|localhost|\[::1\])$/;

export default {
  fetch(request, env) {
    const { pathname, hostname } = new URL(request.url);
    const isOwn = OWN.includes(`${request.method} ${pathname}`);
    if (!isOwn) return env.WORKER.fetch(request, { cf: env.CF });
    if (!LOCAL.test(hostname)) return new Response("only at 127.0.0.1", { status: 403 });
    return env.COLLECTED.fetch(request);
  },
};
