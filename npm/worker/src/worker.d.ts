/** A module worker, as Cloudflare Workers and workerd run it. */
export interface ModuleWorker {
  fetch(request: Request, env: unknown, context: unknown): Promise<Response>;
  /** Delivers the messages of a queue of Cloudflare's, where one is configured. */
  queue(batch: unknown, env: unknown, context: unknown): Promise<void>;
}

/**
 * The worker of a schema. Its bindings are described in docs/edge-worker.md.
 *
 * @param schema forebay.schema.json, as text or parsed
 */
export function worker(schema: string | object): ModuleWorker;
