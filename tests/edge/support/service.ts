// Stand-ins for services of AWS, which answer as a test wants.

import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Service {
  url: string;
  /** The body of each call, with its operation and what it was signed for. */
  calls: { target: string; scope: string; body: Record<string, unknown> }[];
  stop(): void;
}

/** A service of AWS that answers so. */
export async function startService(
  answer: (body: Record<string, unknown>, response: ServerResponse) => void,
): Promise<Service> {
  const calls: Service["calls"] = [];
  const server: Server = createServer(async (request: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const text = Buffer.concat(chunks);
    const scope = /Credential=local\/\d+\/([^,]+)/.exec(request.headers.authorization ?? "")?.[1];
    const body = JSON.parse(text.toString());
    calls.push({ target: String(request.headers["x-amz-target"]), scope: String(scope), body });
    answer(body, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    calls,
    stop() {
      server.closeAllConnections();
      server.close();
    },
  };
}
