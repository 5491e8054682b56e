// The columns of the lake's tables, as docs/lake.md has them.

/** A column's type: in the file (physical and logical), and in the words of each engine. */
export const TYPES = {
  string: {
    parquet: ["BYTE_ARRAY", "String"],
    arrow: "string",
    duckdb: "VARCHAR",
    spark: "string",
  },
  timestamp: {
    parquet: [
      "INT64",
      "Timestamp(isAdjustedToUTC=true, timeUnit=milliseconds, is_from_converted_type=false, force_set_converted_type=false)",
    ],
    arrow: "timestamp[ms, tz=UTC]",
    duckdb: "TIMESTAMP WITH TIME ZONE",
    spark: "timestamp",
  },
  date: { parquet: ["INT32", "Date"], arrow: "date32[day]", duckdb: "DATE", spark: "date" },
  boolean: { parquet: ["BOOLEAN", "None"], arrow: "bool", duckdb: "BOOLEAN", spark: "boolean" },
  int: { parquet: ["INT32", "None"], arrow: "int32", duckdb: "INTEGER", spark: "int" },
  bigint: { parquet: ["INT64", "None"], arrow: "int64", duckdb: "BIGINT", spark: "bigint" },
  double: { parquet: ["DOUBLE", "None"], arrow: "double", duckdb: "DOUBLE", spark: "double" },
} as const;

export type Type = keyof typeof TYPES;

/** Name and type of columns. */
export type Columns = Record<string, Type>;

export const COMMON: Columns = {
  event_id: "string",
  event_type: "string",
  event_timestamp: "timestamp",
  arrival_timestamp: "timestamp",
  session_id: "string",
  session_start_timestamp: "timestamp",
  client_id: "string",
  cognito_id: "string",
  user_id: "string",
  app_id: "string",
  country: "string",
  region: "string",
  city: "string",
  timezone: "string",
  platform: "string",
  platform_version: "string",
  browser: "string",
  browser_version: "string",
  device_category: "string",
  locale: "string",
  sdk_name: "string",
  sdk_version: "string",
  schema_version: "int",
  place_source: "string",
  original_event_timestamp: "timestamp",
  clock_offset: "bigint",
  amr: "string",
  network_asn: "bigint",
  network_organization: "string",
  is_bot: "boolean",
  bot_name: "string",
  bot_category: "string",
  bot_verified: "boolean",
  page_utm_source: "string",
  page_utm_medium: "string",
  page_utm_campaign: "string",
  page_utm_term: "string",
  page_utm_content: "string",
  page_utm_id: "string",
  page_click_id: "string",
  page_click_id_type: "string",
  page_referrer_host: "string",
};
/** The common columns of the files that may not be null. */
export const NEVER_NULL = [
  "event_id",
  "event_type",
  "event_timestamp",
  "arrival_timestamp",
  "client_id",
  "app_id",
];
