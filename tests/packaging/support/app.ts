// Apps that install the packed package from its file, and the rest of what they need from the
// registry, as their users do. Their node_modules stay in `apps` below the target folder, so that a
// second run downloads nothing.

import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { freePort, ROOT } from "../../support/stack.ts";
import { until } from "../../support/until.ts";

const SOURCES = fileURLToPath(new URL("../apps/", import.meta.url));
const APPS = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target", "apps");
/** Without reports to whoever makes the tools. */
const ENVIRONMENT = { ...process.env, NEXT_TELEMETRY_DISABLED: "1", CI: "1" };
const QUIETLY = ["--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"];

const TYPES: Record<string, string> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

/** Something that answers on 127.0.0.1. */
export interface Served {
  /** With a closing slash. */
  url: string;
  stop(): void;
}

/** Packs the package of a folder as it was built last; gives the path of the file. */
export async function pack(folder = "npm"): Promise<string> {
  await mkdir(APPS, { recursive: true });
  const words = ["pack", "--json", "--pack-destination", APPS];
  const [{ filename }] = JSON.parse(await run(join(ROOT, folder), "npm", words));
  return join(APPS, filename);
}

/** An app in a folder of its own. */
export class App {
  private constructor(
    readonly name: string,
    readonly folder: string,
  ) {}

  /**
   * Sets up the app `name` of the files in `apps/<sources>`, with these packages from the registry and
   * the packed ones.
   *
   * @throws Error with what npm printed, where it does not install them.
   */
  static async install(
    name: string,
    sources: string,
    packages: Record<string, string>,
    ...packed: string[]
  ): Promise<App> {
    const app = new App(name, join(APPS, name));
    await app.#dependencies(packages);
    for (const file of await readdir(app.folder)) {
      if (!["node_modules", "package.json"].includes(file)) {
        await rm(join(app.folder, file), { recursive: true });
      }
    }
    await cp(join(SOURCES, sources), app.folder, { recursive: true });
    await app.run("npm", "install", "--no-save", "--offline", ...QUIETLY, ...packed);
    return app;
  }

  /** Installs these packages, unless they are there already. */
  async #dependencies(packages: Record<string, string>): Promise<void> {
    const wanted = JSON.stringify({ private: true, type: "module", dependencies: packages });
    const file = join(this.folder, "package.json");
    // Not there where the last attempt was cut short.
    const installed = join(this.folder, "node_modules/.installed");
    if ((await readFile(installed, "utf8").catch(() => "")) === wanted) return;
    await rm(this.folder, { recursive: true, force: true });
    await mkdir(join(this.folder, "node_modules"), { recursive: true });
    await writeFile(file, wanted);
    await this.run("npm", "install", ...QUIETLY);
    await writeFile(installed, wanted);
  }

  /**
   * Runs a program in the app's folder, one of its own packages first; gives what it printed.
   *
   * @throws Error with what it printed, where it fails.
   */
  run(program: string, ...words: string[]): Promise<string> {
    console.log(`${this.name}: ${program} ${words.slice(0, 2).join(" ")}`);
    return run(this.folder, program, words);
  }

  /** Serves the files of a folder of the app. */
  async files(folder = "."): Promise<Served> {
    const root = join(this.folder, folder);
    const server = createServer(async (request, response) => {
      const { pathname } = new URL(request.url ?? "", "http://127.0.0.1");
      const path = pathname.endsWith("/") ? `${pathname}index.html` : pathname;
      try {
        const body = await readFile(join(root, path));
        response.setHeader("content-type", TYPES[extname(path)] ?? "application/octet-stream");
        response.end(body);
      } catch {
        response.writeHead(404).end();
      }
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    return {
      url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      stop() {
        server.close();
        server.closeAllConnections();
      },
    };
  }

  /** Starts a server of the app's own; it is told where to listen by `words(port)`. */
  async server(program: string, words: (port: string) => string[]): Promise<Served> {
    const port = String(await freePort());
    console.log(`${this.name}: ${program} ${words(port)[0]}`);
    const child = spawn(bin(this.folder, program), words(port), {
      cwd: this.folder,
      env: ENVIRONMENT,
      stdio: ["ignore", "pipe", "pipe"],
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        output += text;
      });
    }
    const stop = () => {
      child.kill();
    };
    process.once("exit", stop);
    const url = `http://127.0.0.1:${port}/`;
    await until(`an answer of ${program}`, async () => {
      if (child.exitCode !== null) throw new Error(`${program} ended:\n${output}`);
      // That it does not listen yet is what is waited for.
      return fetch(url).catch(() => null);
    });
    return { url, stop };
  }
}

function bin(folder: string, program: string): string {
  return ["npm", "node"].includes(program) ? program : join(folder, "node_modules/.bin", program);
}

async function run(folder: string, program: string, words: string[]): Promise<string> {
  const options = { cwd: folder, env: ENVIRONMENT, maxBuffer: 2 ** 26 };
  try {
    return (await promisify(execFile)(bin(folder, program), words, options)).stdout;
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string };
    throw new Error(`${program} ${words.join(" ")} failed in ${folder}:\n${stdout}${stderr}`);
  }
}
