// A bucket of S3 in memory: objects with entity tags, and writes that name the version they replace. Requests
// that are not signed with its credentials are refused, as are bodies that are not those that were signed.

import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { claimOf, isSigned } from "./signature.ts";

/** Whose signatures it takes. */
export const CREDENTIALS = { accessKeyId: "local", secretAccessKey: "local" };
/** How far a request's clock may be off, in milliseconds, as with S3. */
const MAX_SKEW = 15 * 60 * 1_000;

export class Bucket {
  /** What it holds, by key. */
  readonly objects = new Map<string, { bytes: Buffer; etag: string }>();
  /** What it refused, and why. */
  readonly refused: string[] = [];
  /** Is told of a write before it happens and after it; waits for what comes of it. May refuse it by throwing. */
  onPut: (key: string, when: "before" | "after") => Promise<void> = async () => {};
  readonly #server: Server;

  private constructor(
    readonly name: string,
    readonly region: string,
  ) {
    this.#server = createServer((request, response) => {
      this.#handle(request, response).catch(() => request.socket.destroy());
    });
  }

  static async start(name: string, region = "us-east-1"): Promise<Bucket> {
    const bucket = new Bucket(name, region);
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
    const body = Buffer.concat(chunks);
    const { pathname, searchParams } = new URL(String(request.url), this.url);
    const [, name, ...rest] = decodeURIComponent(pathname).split("/");
    const key = rest.join("/");
    const mistake = name === this.name ? await this.#mistake(request, body) : "NoSuchBucket";
    if (mistake) {
      this.refused.push(`${request.method} ${pathname}: ${mistake}`);
      response.writeHead(403).end(`<Error><Code>${mistake}</Code></Error>`);
    } else if (key === "" && request.method === "GET") this.#list(searchParams, response);
    else if (request.method === "POST") this.#deleteAll(body, response);
    else if (request.method === "PUT") {
      await this.onPut(key, "before");
      const answer = this.#put(key, request, body);
      await this.onPut(key, "after");
      answer(response);
    } else if (request.method === "DELETE") {
      this.objects.delete(key);
      response.writeHead(204).end();
    } else this.#get(key, request.headers.range, response);
  }

  /** What is wrong with a request's signature, by S3's name of it. */
  async #mistake(request: IncomingMessage, body: Buffer): Promise<string | undefined> {
    const claim = claimOf(request);
    if (!claim) return "AccessDenied";
    if (Math.abs(Date.now() - claim.signedAt.getTime()) > MAX_SKEW) return "RequestTimeTooSkewed";
    const claimed = request.headers["x-amz-content-sha256"];
    const digest = createHash("sha256").update(body).digest("hex");
    if (claimed !== digest && claimed !== "UNSIGNED-PAYLOAD") return "XAmzContentSHA256Mismatch";
    const signed = await isSigned(request, claim, body, this.region, CREDENTIALS, "s3");
    return signed ? undefined : "SignatureDoesNotMatch";
  }

  /** Writes what lies below a prefix to a folder, which is empty before. */
  async copyTo(folder: string, prefix: string): Promise<void> {
    await rm(folder, { recursive: true, force: true });
    for (const [key, { bytes }] of this.objects) {
      if (!key.startsWith(prefix)) continue;
      const path = join(folder, key.slice(prefix.length));
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, bytes);
    }
  }

  #get(key: string, range: string | undefined, response: ServerResponse): void {
    const found = this.objects.get(key);
    if (!found) {
      response.writeHead(404).end("<Error><Code>NoSuchKey</Code></Error>");
      return;
    }
    const modified = new Date(0).toUTCString();
    const all = found.bytes.length;
    const [, first, last] = range?.match(/^bytes=(\d+)-(\d+)$/) ?? [];
    const bytes = range ? found.bytes.subarray(Number(first), Number(last) + 1) : found.bytes;
    response.writeHead(range ? 206 : 200, {
      etag: found.etag,
      "content-length": bytes.length,
      "last-modified": modified,
      ...(range && { "content-range": `bytes ${first}-${last}/${all}` }),
    });
    response.end(bytes);
  }

  #put(key: string, request: IncomingMessage, bytes: Buffer): (response: ServerResponse) => void {
    const found = this.objects.get(key);
    const { "if-match": match, "if-none-match": none } = request.headers;
    if ((none === "*" && found) || (match !== undefined && found?.etag !== match)) {
      const error = "<Error><Code>PreconditionFailed</Code></Error>";
      return (response) => response.writeHead(412).end(error);
    }
    const etag = `"${createHash("md5").update(bytes).digest("hex")}"`;
    this.objects.set(key, { bytes, etag });
    return (response) => response.writeHead(200, { etag }).end();
  }

  #deleteAll(body: Buffer, response: ServerResponse): void {
    const keys = [...body.toString().matchAll(/<Key>(.*?)<\/Key>/g)].map(([, key]) => key);
    for (const key of keys) this.objects.delete(key);
    const deleted = keys.map((key) => `<Deleted><Key>${key}</Key></Deleted>`);
    response.writeHead(200).end(`<DeleteResult>${deleted.join("")}</DeleteResult>`);
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
