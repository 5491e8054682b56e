// Tables of a lake as each engine reads them, in one form.

import { query } from "../support/lake.ts";
import { python } from "../support/python.ts";

/** Timestamps are milliseconds since the epoch; whole numbers and dates are text. */
export type Value = string | number | boolean | null;

export interface Table {
  /** Name and type, in the engine's words, in their order. */
  columns: [string, string][];
  /** By event id; values in the order of the columns. */
  rows: Value[][];
}

/** A column as the Parquet file itself declares it: name, physical type, logical type, null allowed. */
export type ParquetColumn = [string, string, string, boolean];

export interface SparkRequest {
  /** The folder of a table. */
  folder: string;
  /** The session's, UTC where it is not said. */
  time_zone?: string;
  /** Whether the columns are those of all files, not of any one. */
  merge_schema?: boolean;
  /** Columns as a table declares them; those of the files where it is not said. */
  schema?: string;
}

/** Spark's answers. It takes seconds to start: ask all at once. */
export async function readWithSpark(requests: SparkRequest[]): Promise<Table[]> {
  const defaults = { time_zone: "UTC", merge_schema: false, schema: null };
  const whole = requests.map((request) => ({ ...defaults, ...request }));
  return JSON.parse(await python("schema/read_spark.py", [], JSON.stringify(whole)));
}

/** pyarrow's answers, each of them with the columns of one file. */
export async function readWithPyarrow(
  folders: string[],
): Promise<(Table & { parquet: ParquetColumn[] })[]> {
  const requests = folders.map((folder) => ({ folder }));
  return JSON.parse(await python("schema/read_pyarrow.py", [], JSON.stringify(requests)));
}

/** DuckDB's answer. */
export async function readWithDuckdb(folder: string, timeZone = "UTC"): Promise<Table> {
  const files = `${folder}/**/*.parquet`.replaceAll("'", "''");
  const from = `FROM read_parquet('${files}', hive_partitioning = true, union_by_name = true)`;
  const described = await query(`DESCRIBE ${from}`, timeZone);
  const columns = described.map((row): [string, string] => [
    String(row.column_name),
    String(row.column_type),
  ]);
  const values = columns.map(([name, type]) => {
    if (type.startsWith("TIMESTAMP")) return `epoch_ms("${name}")::DOUBLE AS "${name}"`;
    const is_text = type === "BIGINT" || type === "INTEGER" || type === "DATE";
    return is_text ? `"${name}"::VARCHAR AS "${name}"` : `"${name}"`;
  });
  const found = await query(`SELECT ${values.join(", ")} ${from} ORDER BY event_id`, timeZone);
  const rows = found.map((row) => columns.map(([name]) => row[name] as Value));
  return { columns, rows };
}
