// node --import tsx tests/bench/lake/duckdb.ts RECORDS.ndjson FOLDER
//
// The records by DuckDB into the columns that Forebay writes, in one pass. Prints rows and CPU.

import { rmSync } from "node:fs";
import { DuckDBInstance } from "@duckdb/node-api";

const [input, folder] = process.argv.slice(2);
const quoted = (text: string) => `'${text.replaceAll("'", "''")}'`;
// Only what a column needs: DuckDB passes over the rest without a tree of it.
const COLUMNS = {
  event_type: "VARCHAR",
  event_timestamp: "BIGINT",
  arrival_timestamp: "BIGINT",
  application: "STRUCT(app_id VARCHAR, sdk STRUCT(name VARCHAR, version VARCHAR))",
  client: "STRUCT(client_id VARCHAR, cognito_id VARCHAR)",
  device: "STRUCT(locale STRUCT(code VARCHAR), platform STRUCT(name VARCHAR, version VARCHAR))",
  session: "STRUCT(session_id VARCHAR, start_timestamp BIGINT)",
  attributes:
    "STRUCT(email VARCHAR, plan VARCHAR, referrer VARCHAR, piece VARCHAR, completed VARCHAR, started_at VARCHAR)",
  metrics: "STRUCT(minutes DOUBLE, mistakes BIGINT)",
  endpoint: `STRUCT("User" STRUCT(UserId VARCHAR))`,
  forebay:
    "STRUCT(event_id VARCHAR, schema_version INTEGER, original_event_timestamp BIGINT, clock_offset BIGINT, " +
    "amr VARCHAR, geo STRUCT(source VARCHAR, country VARCHAR, region VARCHAR, city VARCHAR, timezone VARCHAR), " +
    "network STRUCT(asn BIGINT, organization VARCHAR), " +
    "bot STRUCT(name VARCHAR, category VARCHAR, verified BOOLEAN), " +
    "campaign STRUCT(source VARCHAR, medium VARCHAR, name VARCHAR, term VARCHAR, content VARCHAR, id VARCHAR, click_id VARCHAR, click_id_type VARCHAR), " +
    "referrer STRUCT(host VARCHAR), browser STRUCT(name VARCHAR, version VARCHAR), device_category VARCHAR)",
};
const columns = Object.entries(COLUMNS).map(([name, type]) => `${name}: ${quoted(type)}`);
const SELECT = `
  SELECT forebay.event_id AS event_id, event_type, epoch_ms(event_timestamp) AS event_timestamp,
    epoch_ms(arrival_timestamp) AS arrival_timestamp, session.session_id AS session_id,
    epoch_ms(session.start_timestamp) AS session_start_timestamp, client.client_id AS client_id,
    client.cognito_id AS cognito_id, endpoint."User".UserId AS user_id,
    application.app_id AS app_id, forebay.geo.country AS country, forebay.geo.region AS region,
    forebay.geo.city AS city, forebay.geo.timezone AS timezone, device.platform.name AS platform,
    device.platform.version AS platform_version, forebay.browser.name AS browser,
    forebay.browser.version AS browser_version, forebay.device_category AS device_category,
    device.locale.code AS locale, application.sdk.name AS sdk_name,
    application.sdk.version AS sdk_version, forebay.schema_version AS schema_version,
    forebay.geo.source AS place_source,
    epoch_ms(forebay.original_event_timestamp) AS original_event_timestamp,
    forebay.clock_offset AS clock_offset, forebay.amr AS amr, forebay.network.asn AS network_asn,
    forebay.network.organization AS network_organization, forebay.bot IS NOT NULL AS is_bot,
    forebay.bot.name AS bot_name, forebay.bot.category AS bot_category,
    forebay.bot.verified AS bot_verified, forebay.campaign.source AS page_utm_source,
    forebay.campaign.medium AS page_utm_medium, forebay.campaign.name AS page_utm_campaign,
    forebay.campaign.term AS page_utm_term, forebay.campaign.content AS page_utm_content,
    forebay.campaign.id AS page_utm_id, forebay.campaign.click_id AS page_click_id,
    forebay.campaign.click_id_type AS page_click_id_type, forebay.referrer.host AS page_referrer_host,
    attributes.email AS email, attributes.plan AS plan, attributes.referrer AS referrer,
    attributes.piece AS piece, metrics.minutes AS minutes, metrics.mistakes AS mistakes,
    attributes.completed = 'true' AS completed, attributes.started_at::TIMESTAMPTZ AS started_at,
    CASE event_type WHEN 'SignUpEvent' THEN 'sign_up_event' ELSE 'piece_played_event' END AS "table",
    strftime(epoch_ms(event_timestamp), '%Y') AS "year",
    strftime(epoch_ms(event_timestamp), '%m') AS "month",
    strftime(epoch_ms(event_timestamp), '%d') AS "day"
  FROM read_ndjson(${quoted(input)}, columns = {${columns.join(", ")}})`;

const instance = await DuckDBInstance.create(":memory:", { threads: "1" });
const connection = await instance.connect();
await connection.run("SET TimeZone = 'UTC'");
await connection.run("SET preserve_insertion_order = false");
const cpu = () => {
  const { userCPUTime, systemCPUTime } = process.resourceUsage();
  return (userCPUTime + systemCPUTime) / 1e6;
};
rmSync(folder, { recursive: true, force: true });
const before = cpu();
const result = await connection.run(
  `COPY (${SELECT}) TO ${quoted(folder)}
   (FORMAT parquet, COMPRESSION zstd, PARTITION_BY ("table", "year", "month", "day"))`,
);
const seconds = cpu() - before;
console.log(JSON.stringify({ rows: Number(result.rowsChanged), seconds }));
connection.closeSync();
instance.closeSync();
