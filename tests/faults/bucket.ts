// A bucket of S3 in memory: objects with entity tags, and writes that name the version they replace.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export class Bucket {
  /** What it holds, by key. */
  readonly objects = new Map<string, { bytes: Buffer; etag: string }>();
  readonly #server: Server;

  private constructor(readonly name: string) {
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch(() => request.socket.destroy());
    });
  }

  static async start(name: string): Promise<Bucket> {
    const bucket = new Bucket(name);
    bucket.#server.listen(0, "127.0.0.1");
    await once(bucket.#server, "listening");
    return bucket;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { pathname, searchParams } = new URL(String(request.url), this.url);
    const [, name, ...rest] = decodeURIComponent(pathname).split("/");
    const key = rest.join("/");
    const signed = /^AWS4-HMAC-SHA256 /.test(String(request.headers.authorization));
    if (name !== this.name || !signed) response.writeHead(403).end();
    else if (key === "" && request.method === "GET") this.#list(searchParams, response);
    else if (request.method === "POST") this.#deleteAll(Buffer.concat(chunks), response);
    else if (request.method === "PUT") this.#put(key, request, Buffer.concat(chunks), response);
    else if (request.method === "DELETE") {
      this.objects.delete(key);
      response.writeHead(204).end();
    } else this.#get(key, response);
  }

  #get(key: string, response: ServerResponse): void {
    const found = this.objects.get(key);
    if (!found) {
      response.writeHead(404).end("<Error><Code>NoSuchKey</Code></Error>");
      return;
    }
    const modified = new Date(0).toUTCString();
    const length = found.bytes.length;
    response.writeHead(200, {
      etag: found.etag,
      "content-length": length,
      "last-modified": modified,
    });
    response.end(found.bytes);
  }

  #put(key: string, request: IncomingMessage, bytes: Buffer, response: ServerResponse): void {
    const found = this.objects.get(key);
    const { "if-match": match, "if-none-match": none } = request.headers;
    if ((none === "*" && found) || (match !== undefined && found?.etag !== match)) {
      response.writeHead(412).end("<Error><Code>PreconditionFailed</Code></Error>");
      return;
    }
    const etag = `"${createHash("md5").update(bytes).digest("hex")}"`;
    this.objects.set(key, { bytes, etag });
    response.writeHead(200, { etag }).end();
  }

  #deleteAll(body: Buffer, response: ServerResponse): void {
    for (const [, key] of body.toString().matchAll(/<Key>(.*?)<\/Key>/g)) this.objects.delete(key);
    response.writeHead(200).end("<DeleteResult></DeleteResult>");
  }

  #list(query: URLSearchParams, response: ServerResponse): void {
    const prefix = query.get("prefix") ?? "";
    const keys = [...this.objects.keys()].filter((key) => key.startsWith(prefix)).sort();
    const contents = keys.map((key) => {
      const { bytes, etag } = this.objects.get(key) as { bytes: Buffer; etag: string };
      return `<Contents><Key>${key}</Key><LastModified>2026-11-30T00:00:00.000Z</LastModified>
        <ETag>${etag.replaceAll('"', "&quot;")}</ETag><Size>${bytes.length}</Size>
        <StorageClass>STANDARD</StorageClass></Contents>`;
    });
    const name = `<Name>${this.name}</Name><Prefix>${prefix}</Prefix>`;
    const count = `<KeyCount>${keys.length}</KeyCount><IsTruncated>false</IsTruncated>`;
    response.writeHead(200, { "content-type": "application/xml" });
    response.end(`<ListBucketResult>${name}${count}${contents.join("")}</ListBucketResult>`);
  }
}
