// Stands where Cloudflare's own front stands: hands each request on with `request.cf` set.
export default {
  fetch(request, env) {
    return env.WORKER.fetch(request, { cf: env.CF });
  },
};
