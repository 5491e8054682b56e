// A function of AWS Lambda: the real program, and the runtime API that it asks for invocations
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html).

import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { peakMegabytes } from "../../edge/support/memory.ts";
import { CREDENTIALS } from "../../support/bucket.ts";
import { ROOT } from "../../support/stack.ts";

const TARGET = process.env.CARGO_TARGET_DIR ?? join(ROOT, "target");
/** The program that Lambda starts: as `cargo xtask build lake` left it, or another build. */
const PROGRAM = process.env.FOREBAY_BOOTSTRAP ?? join(TARGET, "debug/bootstrap");
/** Largest answer that Lambda takes. */
const MAX_ANSWER = 6 * 1024 * 1024;

export class Killed extends Error {}
/** What the function answered instead of a result. */
export class FunctionError extends Error {}

/** What a function was invoked with, and who waits for its answer. */
interface Invocation {
  id: string;
  payload: string;
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

export class LambdaFunction {
  /** The most memory that any of its processes has had, in megabytes. */
  megabytes = 0;
  /** What its processes printed. */
  log = "";
  readonly #environment: NodeJS.ProcessEnv;
  #process?: RuntimeProcess;

  /** A function whose setting Handler is `handler`. Its first invocation starts a process. */
  constructor(handler: string, environment: NodeJS.ProcessEnv = {}) {
    this.#environment = {
      PATH: process.env.PATH,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      AWS_REGION: "us-east-1",
      AWS_LAMBDA_FUNCTION_NAME: handler,
      AWS_LAMBDA_FUNCTION_VERSION: "$LATEST",
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: "512",
      LAMBDA_TASK_ROOT: join(ROOT, "demo-react"),
      _HANDLER: handler,
      ...environment,
    };
  }

  /** Invokes the function, in a new process where the last one has ended. */
  async invoke(event: unknown): Promise<unknown> {
    if (!this.#process?.alive) {
      this.#process = await RuntimeProcess.start(this.#environment, (text) => {
        this.log += text;
      });
    }
    const { answer, megabytes } = await this.#process.invoke(JSON.stringify(event));
    this.megabytes = Math.max(this.megabytes, megabytes);
    return answer;
  }

  /** Sends the process a signal. */
  signal(signal: NodeJS.Signals): void {
    this.#process?.signal(signal);
  }

  /** Ends the process at once; what it was invoked with fails with `Killed`. */
  kill(): void {
    this.#process?.end(new Killed());
  }
}

/** A process, and a runtime API of its own: what a killed process has asked for reaches no other. */
class RuntimeProcess {
  alive = true;
  readonly #child: ChildProcess;
  readonly #server: Server;
  /** The process's request for an invocation. */
  #asking?: ServerResponse;
  #invocation?: Invocation;
  #given = false;

  private constructor(server: Server, environment: NodeJS.ProcessEnv, log: (text: string) => void) {
    this.#server = server;
    server.on("request", (request, response) => {
      this.#handle(request, response).catch(() => request.socket.destroy());
    });
    const { port } = server.address() as AddressInfo;
    const child = spawn(PROGRAM, [], {
      env: { ...environment, AWS_LAMBDA_RUNTIME_API: `127.0.0.1:${port}` },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let printed = "";
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding("utf8").on("data", (text: string) => {
        printed += text;
        log(text);
      });
    }
    const stopWithTests = () => child.kill("SIGKILL");
    process.once("exit", stopWithTests);
    child.once("close", (code) => {
      process.off("exit", stopWithTests);
      this.end(new FunctionError(`exit code ${code}: ${printed}`));
    });
    this.#child = child;
  }

  static async start(environment: NodeJS.ProcessEnv, log: (text: string) => void) {
    // Like Lambda's, it keeps connections open, however long a function takes.
    const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return new RuntimeProcess(server, environment, log);
  }

  async invoke(payload: string): Promise<{ answer: unknown; megabytes: number }> {
    const answer = await new Promise((resolve, reject) => {
      this.#invocation = { id: randomUUID(), payload, resolve, reject };
      this.#given = false;
      if (this.alive) this.#give();
      else reject(new Killed());
    });
    const pid = this.#child.pid;
    return { answer, megabytes: pid && this.alive ? await peakMegabytes(pid) : 0 };
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  end(error: Error): void {
    if (!this.alive) return;
    this.alive = false;
    this.#child.kill("SIGKILL");
    this.#server.close();
    this.#server.closeAllConnections();
    this.#invocation?.reject(error);
  }

  #give(): void {
    if (!this.#asking || !this.#invocation || this.#given) return;
    this.#given = true;
    this.#asking.writeHead(200, {
      "content-type": "application/json",
      "lambda-runtime-aws-request-id": this.#invocation.id,
      "lambda-runtime-deadline-ms": String(Date.now() + 60_000),
      "lambda-runtime-invoked-function-arn": "arn:aws:lambda:us-east-1:1:function:test",
      "lambda-runtime-trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
    });
    this.#asking.end(this.#invocation.payload);
    this.#asking = undefined;
  }

  async #handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const path = String(request.url).replace("/2018-06-01/runtime/", "");
    if (path === "invocation/next") {
      this.#asking = response;
      this.#give();
      return;
    }
    const [, id, what] = path.split("/");
    const invocation = this.#invocation;
    if (invocation?.id !== id) {
      response.writeHead(400).end();
      return;
    }
    response.writeHead(202).end();
    this.#invocation = undefined;
    if (what === "response" && body.length <= MAX_ANSWER) {
      invocation.resolve(JSON.parse(body.toString()));
    } else {
      invocation.reject(new FunctionError(what === "error" ? body.toString() : "too large"));
    }
  }
}
