import { createHash, randomBytes } from "node:crypto";
import { existsSync, type FSWatcher, mkdirSync, readFileSync, watch, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { type Command, ExitCode, UsageError } from "../../../src/cli/command.js";
import { SCHEMA_FILE } from "../../../src/cli/config.js";
import { paint, print, printError } from "../../../src/cli/terminal.js";
import { jsonObject } from "../json.js";
import {
  APPLICATION_OPTIONS,
  type Application,
  application,
  DEV_KEY,
  DEV_PORT,
} from "../places.js";
import { readSchema, usableSchema } from "../schema.js";
import { masterSecrets } from "../secret.js";
import { Collected } from "./collected.js";
import { DEAD_LETTER_STREAM, type Forward, Kinesis, STREAM } from "./kinesis.js";
import { type Served, serve } from "./server.js";
import { type Running, start } from "./workerd.js";

/** `request.cf` where nobody says otherwise. */
const CF = {
  country: "DE",
  region: "Berlin",
  regionCode: "BE",
  city: "Berlin",
  continent: "EU",
  timezone: "Europe/Berlin",
};
/** Editors write a file in several steps: it is read once they have been quiet for so long, in milliseconds. */
const SETTLED_MS = 100;

export const dev: Command = {
  summary: "runs the worker here, and shows what comes",
  help: `npx forebay-worker dev

Runs the worker on 127.0.0.1 with your schema, and reads that again when it changes. Open its address in a
browser to see what came, what was refused and why. Tests ask for the same as JSON: GET /good, /bad and
/refused, with ?event_type=TYPE for one of them, GET /all for how many, POST /reset to begin anew.

  --schema FILE            (${SCHEMA_FILE}; without one there, the schema of \`npx forebay init\`)
  --port PORT              where it listens (${DEV_PORT}); 0 takes any free one
  --cf JSON                what \`request.cf\` holds: where a request is said to come from
  --app-id ID              of your app's configuration, where it has others than are printed
  --identity-pool-id ID    the same
  --region REGION          the same
  --forward STREAM         valid events go on to this stream of Kinesis too, in AWS_REGION with the key in
                           AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; what it does not take is not accepted
  --forward-endpoint URL   where it is no stream of AWS's own
`,
  async run(words) {
    const { values } = parseArgs({
      args: words,
      options: {
        schema: { type: "string" },
        port: { type: "string" },
        cf: { type: "string" },
        forward: { type: "string" },
        "forward-endpoint": { type: "string" },
        ...APPLICATION_OPTIONS,
      },
    });
    const app = application(values);
    if (values["forward-endpoint"] && !values.forward) {
      throw new UsageError(
        "--forward-endpoint says where the stream of --forward is: name that too",
      );
    }
    const schema = readSchema(values.schema);
    const forward = values.forward
      ? forwardTo(values.forward, app.region, values["forward-endpoint"])
      : undefined;
    const session = new Session(app, cf(values.cf), schema.path, forward);
    // Before anything runs that has to be stopped.
    const interrupt = interrupted();
    try {
      await session.start(port(values.port), schema.text);
      await print(welcome(session, app, schema.path, forward));
      if (schema.path) session.watchSchema(schema.path);
      await Promise.race([interrupt, session.failed]);
    } finally {
      await session.stop();
    }
    return ExitCode.Fine;
  },
};

/** A run of the command: the worker that is there now, and what came so far. */
class Session {
  readonly #collected = new Collected();
  readonly #secrets = kept(() => ({
    MASTER_SECRETS: masterSecrets(),
    PII_SALT: randomBytes(32).toString("base64"),
  }));
  #served?: Served;
  #worker?: Running;
  #watcher?: FSWatcher;
  /** One change of the schema after the other. */
  #restarted = Promise.resolve();
  #fail: (error: unknown) => void = () => {};
  /** Rejects where the worker is gone. */
  readonly failed = new Promise<never>((_, reject) => {
    this.#fail = reject;
  });

  constructor(
    readonly app: Application,
    readonly cf: object,
    readonly schemaPath: string | undefined,
    readonly forward: Forward | undefined,
  ) {
    this.failed.catch(() => {});
  }

  get url(): string {
    return `http://127.0.0.1:${this.#worker?.port}`;
  }

  async start(port: number, schema: string): Promise<void> {
    const told = new Set<string>();
    const kinesis = new Kinesis(
      (stream, data) => this.#took(stream, data),
      // The worker tries again, and again each event: once is enough.
      (message) => {
        if (!told.has(message)) printError(paint("yellow", message));
        told.add(message);
      },
      this.forward,
    );
    const about = () => ({ ...this.app, endpoint: this.url, schema: this.schemaPath ?? null });
    this.#served = await serve(kinesis, this.#collected, about);
    try {
      await this.#run(port, schema);
    } catch (error) {
      const { message } = error as Error;
      if (!/Address already in use/i.test(message)) throw error;
      throw new UsageError(
        `port ${port} is taken: stop what listens there, or choose another with --port`,
      );
    }
  }

  async stop(): Promise<void> {
    this.#watcher?.close();
    await this.#restarted;
    await this.#worker?.stop();
    this.#served?.stop();
  }

  /** Starts the worker anew, on the same port, whenever the file holds another schema that can be used. */
  watchSchema(path: string): void {
    let [current, timer] = [readFileSync(path, "utf8"), undefined as NodeJS.Timeout | undefined];
    const changed = async () => {
      let text: string;
      try {
        text = usableSchema(path);
      } catch (error) {
        printError(`${(error as Error).message}\nThe schema from before stays in use.`);
        return;
      }
      if (text === current) return;
      current = text;
      await this.#worker?.stop();
      await this.#run(Number(new URL(this.url).port), text);
      await print(`${paint("dim", time())} ${path} was read again\n`);
    };
    // The folder: an editor may put a new file in the place of the old one.
    this.#watcher = watch(dirname(resolve(path)), (_, file) => {
      if (file !== basename(path)) return;
      clearTimeout(timer);
      timer = setTimeout(() => {
        this.#restarted = this.#restarted.then(changed).catch(this.#fail);
      }, SETTLED_MS);
    });
  }

  async #run(port: number, schema: string): Promise<void> {
    const { appId, identityPoolId, region } = this.app;
    const collectedPort = this.#served?.port ?? 0;
    const settings = {
      port,
      collectedPort,
      schema,
      cf: this.cf,
      forebay: {
        region,
        apps: [{ app_id: appId, identity_pool_id: identityPoolId }],
        kinesis: {
          endpoint: `http://127.0.0.1:${collectedPort}`,
          stream: STREAM,
          dead_letter_stream: DEAD_LETTER_STREAM,
        },
      },
      secrets: {
        ...this.#secrets,
        SERVER_KEYS: JSON.stringify([
          {
            name: "dev",
            sha256: createHash("sha256").update(DEV_KEY).digest("hex"),
            apps: [appId],
            may: ["*"],
          },
        ]),
        KINESIS_ACCESS_KEY_ID: "local",
        KINESIS_SECRET_ACCESS_KEY: "local",
      },
    };
    this.#worker = await start(settings, (line) => this.#printed(line));
    this.#worker.ended.catch(this.#fail);
  }

  #took(stream: string, data: string): void {
    if (stream === STREAM) {
      const { event_type } = this.#collected.takeRecord(data);
      print(`${paint("dim", time())} ${paint("green", "good")}  ${event_type}\n`);
      return;
    }
    const { event_type, reasons } = this.#collected.takeDeadLetter(data);
    const said = reasons.map(({ path, expected, actual }) =>
      [path, `expected ${expected}, got ${actual}`].filter(Boolean).join(": "),
    );
    print(`${paint("dim", time())} ${paint("red", "bad")}   ${event_type}  ${said.join("; ")}\n`);
  }

  /** A line of workerd's: of a request that the worker logged, or of something that went wrong. */
  #printed(line: string): void {
    const logged = request(line);
    if (!logged) {
      printError(line);
      return;
    }
    const { operation = "a request", status, error } = logged;
    if (!error) return;
    this.#collected.takeRefusal({ operation, status, error, received: new Date().toISOString() });
    print(
      `${paint("dim", time())} ${paint("yellow", "refused")}  ${operation}: ${status} ${error}\n`,
    );
  }
}

function request(line: string): { operation?: string; status: number; error?: string } | undefined {
  if (!line.startsWith("{")) return undefined;
  try {
    const value = JSON.parse(line);
    return typeof value.request_id === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Secrets, the same ones each time in a folder that has packages installed: what a page holds stays valid when the
 * worker is started again.
 */
function kept<T>(make: () => T): T {
  const file = join("node_modules", ".cache", "forebay-worker", "secrets.json");
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    const secrets = make();
    try {
      if (existsSync("node_modules")) {
        mkdirSync(dirname(file), { recursive: true });
        writeFileSync(file, JSON.stringify(secrets), { mode: 0o600 });
      }
    } catch {
      // Who may not write there has new ones each time.
    }
    return secrets;
  }
}

function port(text = String(DEV_PORT)): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 0 && number < 65_536) return number;
  throw new UsageError(`--port is no port: ${text}`);
}

function cf(text: string | undefined): object {
  if (text === undefined) return CF;
  const value = jsonObject(text);
  if (value) return value;
  throw new UsageError('--cf is not a JSON object, such as {"country":"DE"}');
}

function forwardTo(stream: string, appRegion: string, endpoint: string | undefined): Forward {
  const { AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION } = process.env;
  if (!AWS_ACCESS_KEY_ID || !AWS_SECRET_ACCESS_KEY) {
    throw new UsageError(
      "--forward needs a key that may kinesis:PutRecords, in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    );
  }
  const region = AWS_REGION || appRegion;
  return {
    stream,
    region,
    endpoint: endpoint ?? `https://kinesis.${region}.amazonaws.com`,
    accessKeyId: AWS_ACCESS_KEY_ID,
    secretAccessKey: AWS_SECRET_ACCESS_KEY,
    sessionToken: AWS_SESSION_TOKEN || undefined,
  };
}

function welcome(
  { url }: Session,
  { appId, identityPoolId, region }: Application,
  schema: string | undefined,
  forward: Forward | undefined,
): string {
  const lines = [
    "",
    `  ${paint("bold", url)}  shows what comes. Ctrl-C stops it.`,
    "",
    "  configure({",
    `    appId: "${appId}",`,
    `    endpoint: "${url}",`,
    `    identityPoolId: "${identityPoolId}",`,
    `    region: "${region}",`,
    "    schema,",
    "  });",
    "",
    `  Servers and curl: POST ${url}/v1/events with the header \`Authorization: Bearer ${DEV_KEY}\`.`,
    schema
      ? `  ${schema} is the schema. It is read again when it changes.`
      : `  There is no ${SCHEMA_FILE} here: events of \`npx forebay init\` are taken.`,
  ];
  if (forward) lines.push(`  Valid events go on to the stream ${forward.stream}.`);
  return `${lines.join("\n")}\n\n`;
}

function time(): string {
  return new Date().toTimeString().slice(0, 8);
}

function interrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, resolve);
  });
}
