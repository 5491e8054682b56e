// The lake, seen through DuckDB: SQL for the page, and where each event's row is.

import { readdir, stat } from "node:fs/promises";
import { join, relative, resolve } from "node:path";
import { DuckDBInstance } from "@duckdb/node-api";

/** The last of the columns that every table begins with; the event's own follow. */
const LAST_COMMON_COLUMN = "page_referrer_host";
/** DuckDB's types for Athena's. */
const TYPES = {
  string: "VARCHAR",
  timestamp: "TIMESTAMPTZ",
  date: "DATE",
  boolean: "BOOLEAN",
  bigint: "BIGINT",
  int: "INTEGER",
  double: "DOUBLE",
};
/** Most rows an answer holds. */
const MAX_ROWS = 1000;
/** Most characters of one value in an answer; the rest is cut off. */
const MAX_CELL_CHARACTERS = 4000;
/** How long a query may run, in milliseconds. */
const MAX_QUERY_MS = 10_000;
/** How long what is known of the folder stays fresh, in milliseconds. */
const REFRESH_MS = 500;
/** How many events' files are remembered; the oldest are forgotten first. */
const MAX_EVENTS = 100_000;
/** How many files are opened by one query of the index. */
const FILES_A_QUERY = 200;

/**
 * Table functions a query may name. DuckDB's settings keep a query from other folders, but not from
 * functions that write into this one (`enable_logging`), that take an address in memory
 * (`arrow_scan`), or that run SQL hidden in a string (`query`).
 */
const TABLE_FUNCTIONS = new Set(
  `unnest range generate_series repeat json_each json_tree read_parquet parquet_scan parquet_schema
  parquet_metadata parquet_file_metadata duckdb_columns duckdb_functions duckdb_tables duckdb_types
  duckdb_views pragma_version test_all_types`.split(/\s+/),
);

/** A query that is at fault itself: its message is for whoever wrote it. */
export class QueryError extends Error {}

/**
 * @typedef {{ columns: { name: string, type: string }[], rows: unknown[][], truncated: boolean,
 *   elapsed_ms: number }} QueryAnswer
 * @typedef {{ file: string, table: string, written_at: number }} Row Where an event's row is:
 *   `file` relative to the lake, `written_at` in milliseconds since the epoch.
 * @typedef {{ mtimeMs: number, size: number, table: string }} LakeFile
 */

/** A lake folder. Files may appear and change at any time, and the folder may not exist yet. */
export class Lake {
  #folder;
  #tables;
  #connection;
  /** Runs what users write, one after the other. */
  #userConnection;
  #userQueue = Promise.resolve();
  /** @type {Map<string, LakeFile>} by absolute path */
  #files = new Map();
  /** @type {Map<string, Row>} by event id */
  #rows = new Map();
  /** Names of the tables whose view reads files. @type {string | undefined} */
  #filled;
  #rejected = { files: 0, last_written: 0 };
  /** Events of each table. */
  #counts = new Map();
  #refreshed = 0;
  /** @type {Promise<void> | undefined} */
  #refreshing;

  /**
   * @param {string} folder
   * @param {import("forebay/tools").Table[]} tables
   * @param {import("@duckdb/node-api").DuckDBConnection} connection
   * @param {import("@duckdb/node-api").DuckDBConnection} userConnection
   */
  constructor(folder, tables, connection, userConnection) {
    this.#folder = folder;
    this.#tables = tables;
    this.#connection = connection;
    this.#userConnection = userConnection;
  }

  /**
   * Opens a lake.
   * @param {string} folder may not exist yet
   * @param {import("forebay/tools").Table[]} tables
   */
  static async open(folder, tables) {
    const root = resolve(folder);
    const instance = await DuckDBInstance.create(":memory:", {
      memory_limit: "512MB",
      threads: "2",
      temp_directory: "",
      autoinstall_known_extensions: "false",
      autoload_known_extensions: "false",
    });
    const connection = await instance.connect();
    const folders = ["events", "rejected"].map((name) => literal(`${join(root, name)}/`));
    await connection.run(`SET TimeZone = 'UTC'`);
    // A lake that is written every second has many small files, and each query reads them all.
    await connection.run("SET parquet_metadata_cache = true");
    await connection.run(`SET allowed_directories = [${folders.join(", ")}]`);
    await connection.run("SET enable_external_access = false");
    await connection.run("SET lock_configuration = true");
    const lake = new Lake(root, tables, connection, await instance.connect());
    await lake.#createViews();
    return lake;
  }

  /**
   * Runs one SELECT as a user wrote it.
   * @param {string} sql
   * @returns {Promise<QueryAnswer>}
   * @throws {QueryError} where the query is at fault
   */
  async query(sql) {
    await this.refresh();
    const turn = this.#userQueue.then(() => this.#query(sql));
    this.#userQueue = turn.then(
      () => {},
      () => {},
    );
    return turn;
  }

  /**
   * Where the row of an event is, as of the last refresh.
   * @param {string} eventId
   */
  find(eventId) {
    return this.#rows.get(eventId);
  }

  /** What the lake holds, as of the last refresh. Times are milliseconds since the epoch. */
  summary() {
    const tables = this.#tables.map((table) => {
      const files = [...this.#files.values()].filter((file) => file.table === table.name);
      const rows = this.#counts.get(table.name) ?? 0;
      return { name: table.name, event_type: table.event_type, files: files.length, rows };
    });
    let lastWritten = this.#rejected.last_written;
    for (const file of this.#files.values()) lastWritten = Math.max(lastWritten, file.mtimeMs);
    return {
      tables,
      files: tables.reduce((sum, table) => sum + table.files, 0),
      rows: tables.reduce((sum, table) => sum + table.rows, 0),
      rejected_files: this.#rejected.files,
      last_written: lastWritten || null,
    };
  }

  /** Reads what is new in the folder; at once where that was done a moment ago. */
  async refresh() {
    if (Date.now() - this.#refreshed < REFRESH_MS) return;
    this.#refreshing ??= this.#readFolder().finally(() => {
      this.#refreshed = Date.now();
      this.#refreshing = undefined;
    });
    await this.#refreshing;
  }

  async #readFolder() {
    const found = await listFiles(join(this.#folder, "events"), ".parquet");
    for (const path of this.#files.keys()) if (!found.has(path)) this.#files.delete(path);
    const changed = [...found].filter(([path, { mtimeMs, size }]) => {
      const known = this.#files.get(path);
      return known?.mtimeMs !== mtimeMs || known.size !== size;
    });
    for (let i = 0; i < changed.length; i += FILES_A_QUERY) {
      await this.#readFiles(new Map(changed.slice(i, i + FILES_A_QUERY)));
    }
    const rejected = await listFiles(join(this.#folder, "rejected"), ".parquet");
    const times = [...rejected.values()].map(({ mtimeMs }) => mtimeMs);
    this.#rejected = { files: rejected.size, last_written: Math.max(0, ...times) };
    await this.#createViews();
    if (changed.length > 0) await this.#countRows();
  }

  /** Counts each event once: while files are merged, the old ones and the new one are both there. */
  async #countRows() {
    for (const { name } of this.#tables) {
      const result = await this.#connection.runAndReadAll(
        `SELECT count(*)::INTEGER FROM ${quoted(name)}`,
      );
      this.#counts.set(name, Number(result.getRows()[0]?.[0]));
    }
  }

  /**
   * Learns which events are in some files.
   * @param {Map<string, { mtimeMs: number, size: number }>} files
   */
  async #readFiles(files) {
    const paths = [...files.keys()].map(literal).join(", ");
    const result = await this.#connection.runAndReadAll(
      `SELECT filename, event_id FROM read_parquet([${paths}],
         filename = true, union_by_name = true, hive_partitioning = false)`,
    );
    for (const [path, { mtimeMs, size }] of files) {
      const [table = ""] = relative(join(this.#folder, "events"), path).split("/");
      this.#files.set(path, { mtimeMs, size, table });
    }
    for (const [path, eventId] of /** @type {[string, string][]} */ (result.getRows())) {
      const file = this.#files.get(path);
      if (!file) continue;
      // A merge moves a row to another file; it was in the lake before.
      const known = this.#rows.get(eventId);
      this.#rows.delete(eventId);
      this.#rows.set(eventId, {
        file: relative(this.#folder, path),
        table: file.table,
        written_at: known?.written_at ?? file.mtimeMs,
      });
    }
    for (const eventId of this.#rows.keys()) {
      if (this.#rows.size <= MAX_EVENTS) break;
      this.#rows.delete(eventId);
    }
  }

  /**
   * Makes a view of every table, and `events` and `rejected`. A view reads files by a pattern, which
   * DuckDB refuses while no file matches it: so a view is made anew when its first file appears.
   */
  async #createViews() {
    const filled = new Set([...this.#files.values()].map((file) => file.table));
    if (this.#rejected.files > 0) filled.add("rejected");
    const names = [...filled].sort().join(" ");
    if (names === this.#filled) return;
    for (const table of this.#tables) {
      const files = join(this.#folder, "events", table.name, "**", "*.parquet");
      await this.#createView(
        table.name,
        table.columns.map(({ name, type }) => ({ name, type: TYPES[type] })),
        filled.has(table.name) &&
          `read_parquet(${literal(files)}, union_by_name = true, hive_partitioning = false)`,
      );
    }
    const files = join(this.#folder, "rejected", "**", "*.parquet");
    await this.#createView(
      "rejected",
      REJECTED_COLUMNS,
      filled.has("rejected") && `read_parquet(${literal(files)}, hive_partitioning = false)`,
    );
    const selects = this.#tables.map(({ name, columns }) => {
      const names = columns.map((column) => column.name);
      const common = names.splice(0, names.indexOf(LAST_COMMON_COLUMN) + 1);
      const own = names.map((column) => `${literal(column)}, ${quoted(column)}`);
      return `SELECT ${common.join(", ")}, json_object(${own.join(", ")}) AS data FROM ${quoted(name)}`;
    });
    await this.#connection.run(`CREATE OR REPLACE VIEW events AS ${selects.join(" UNION ALL ")}`);
    this.#filled = names;
  }

  /**
   * @param {string} name
   * @param {{ name: string, type: string }[]} columns
   * @param {string | false} source
   */
  async #createView(name, columns, source) {
    const first = "row_number() OVER (PARTITION BY event_id ORDER BY arrival_timestamp) = 1";
    const once = name === "rejected" ? "" : ` QUALIFY ${first}`;
    const empty = columns.map((column) => `NULL::${column.type} AS ${quoted(column.name)}`);
    const all =
      `SELECT ${empty.join(", ")} WHERE false` +
      (source ? ` UNION ALL BY NAME SELECT * FROM ${source}` : "");
    await this.#connection.run(
      `CREATE OR REPLACE VIEW ${quoted(name)} AS SELECT * FROM (${all})${once}`,
    );
  }

  /** @param {string} sql @returns {Promise<QueryAnswer>} */
  async #query(sql) {
    await this.#assertHarmless(sql);
    const started = performance.now();
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      this.#userConnection.interrupt();
    }, MAX_QUERY_MS);
    try {
      const reader = await this.#userConnection.streamAndReadUntil(sql, MAX_ROWS + 1);
      const types = reader.columnTypes();
      const columns = reader.columnNames().map((name, i) => ({ name, type: `${types[i]}` }));
      const rows = reader.getRowsJson();
      return {
        columns,
        rows: rows.slice(0, MAX_ROWS).map((row) => row.map(cut)),
        truncated: rows.length > MAX_ROWS,
        elapsed_ms: performance.now() - started,
      };
    } catch (error) {
      throw new QueryError(
        timedOut
          ? `stopped after ${MAX_QUERY_MS / 1000} s; narrow it down, e.g. by event_timestamp`
          : messageOf(error),
      );
    } finally {
      clearTimeout(timer);
    }
  }

  /** @param {string} sql */
  async #assertHarmless(sql) {
    const result = await this.#connection
      .runAndReadAll("SELECT json_serialize_sql($1::VARCHAR)", [sql])
      .catch((error) => {
        throw new QueryError(messageOf(error));
      });
    const tree = JSON.parse(String(result.getRowsJson()[0]?.[0]));
    if (tree.error && tree.error_type === "not implemented") {
      throw new QueryError("only SELECT is allowed here (also FROM, WITH, DESCRIBE, SUMMARIZE)");
    }
    if (tree.error) throw new QueryError(syntaxError(sql, tree));
    if (tree.statements.length === 0) throw new QueryError("there is no statement to run");
    if (tree.statements.length > 1) throw new QueryError("one statement at a time, please");
    for (const name of tableFunctions(tree)) {
      if (!TABLE_FUNCTIONS.has(name)) throw new QueryError(`${name}() is not allowed here`);
    }
  }
}

/** The columns of `rejected/`. */
const REJECTED_COLUMNS = [
  { name: "shard", type: "VARCHAR" },
  { name: "sequence_number", type: "VARCHAR" },
  { name: "arrival_timestamp", type: "TIMESTAMPTZ" },
  { name: "reason", type: "VARCHAR" },
  {
    name: "violations",
    type: 'STRUCT(path VARCHAR, "rule" VARCHAR, expected VARCHAR, actual VARCHAR)[]',
  },
  { name: "event_id", type: "VARCHAR" },
  { name: "event_type", type: "VARCHAR" },
  { name: "event_timestamp", type: "TIMESTAMPTZ" },
  { name: "app_id", type: "VARCHAR" },
  { name: "client_id", type: "VARCHAR" },
  { name: "data", type: "BLOB" },
];

/**
 * The files below a folder that end in `extension`; none where there is no folder.
 * @param {string} folder
 * @param {string} extension
 */
async function listFiles(folder, extension) {
  /** @type {Map<string, { mtimeMs: number, size: number }>} */
  const files = new Map();
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  for (const name of names) {
    if (!name.endsWith(extension)) continue;
    const path = join(folder, name);
    const info = await stat(path).catch(() => undefined);
    if (info?.isFile()) files.set(path, { mtimeMs: info.mtimeMs, size: info.size });
  }
  return files;
}

/**
 * The names of the table functions in a serialized statement.
 * @param {any} node
 * @returns {Iterable<string>}
 */
function* tableFunctions(node) {
  if (node === null || typeof node !== "object") return;
  if (node.type === "TABLE_FUNCTION") yield String(node.function.function_name).toLowerCase();
  for (const child of Object.values(node)) yield* tableFunctions(child);
}

/** @param {string} sql @param {{ error_message: string, position?: string }} error */
function syntaxError(sql, { error_message: message, position }) {
  const line = sql.slice(0, Number(position ?? 0)).split("\n").length;
  return `${message}, in line ${line}`;
}

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/** @param {unknown} value */
function cut(value) {
  const text = typeof value === "object" && value !== null ? JSON.stringify(value) : value;
  return typeof text === "string" && text.length > MAX_CELL_CHARACTERS
    ? `${text.slice(0, MAX_CELL_CHARACTERS)}…`
    : text;
}

/** @param {string} text */
function literal(text) {
  return `'${text.replaceAll("'", "''")}'`;
}

/** @param {string} name */
function quoted(name) {
  return `"${name.replaceAll('"', '""')}"`;
}
