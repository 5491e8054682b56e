// Requests over a bare connection: a body that comes later, never, or not to its end.

import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** A request whose head was sent. */
export interface Upload {
  /** Sends some of the body. */
  write(bytes: Uint8Array | string): void;
  /** Resolves when all that was written has left. */
  sent(): Promise<void>;
  /** The status and the whole answer, once it has come. */
  answered(): Promise<{ status: number; text: string }>;
  /** Cuts the connection. */
  cut(): void;
}

/** Sends the head of a request, and nothing of its body yet. */
export async function startUpload(
  url: string,
  { method = "POST", headers }: { method?: string; headers: Record<string, string> },
): Promise<Upload> {
  const { hostname, port, host, pathname, search } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  const lines = Object.entries({ host, ...headers }).map(([name, value]) => `${name}: ${value}`);
  socket.write([`${method} ${pathname}${search} HTTP/1.1`, ...lines, "", ""].join("\r\n"));
  const answer = answerOn(socket);
  // Where nobody asks for it, it does not matter how it ended.
  answer.catch(() => {});
  return {
    write: (bytes) => socket.write(bytes),
    sent: () =>
      new Promise((resolve) => {
        socket.write("", () => resolve());
      }),
    answered: () => answer,
    cut: () => socket.destroy(),
  };
}

function answerOn(socket: Socket): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    let text = "";
    socket.setEncoding("utf8").on("data", (data: string) => {
      text += data;
      const length = /\r\ncontent-length: (\d+)/i.exec(text)?.[1];
      const start = text.indexOf("\r\n\r\n") + 4;
      if (start < 4 || length === undefined || text.length - start < Number(length)) return;
      resolve({ status: Number(text.split(" ")[1]), text });
    });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`the connection was closed: ${text}`)));
  });
}
