// infra/spark/rewrite.py in Spark's local mode: months of a lake become distinct, sorted and bucketed in another.

import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { filesBelow, query } from "../support/lake.ts";
import { python } from "../support/python.ts";

const DAYS = ["2026-01-30", "2026-01-31", "2026-02-01", "2026-03-01"];
const EVENTS = 50;

test("months are rewritten: each event once, sorted, and others left alone", async () => {
  const folder = await mkdtemp(join(tmpdir(), "forebay-spark-"));
  const lake = join(folder, "lake");
  const out = join(folder, "out");
  // Spark as a person would have it who has installed nothing else, and on this machine alone.
  const options = ["spark.driver.host=127.0.0.1", "spark.ui.enabled=false"];
  process.env.SPARK_LOCAL_IP = "127.0.0.1";
  process.env.PYSPARK_SUBMIT_ARGS = `--master local[1] ${options
    .map((option) => `--conf ${option}`)
    .join(" ")} pyspark-shell`;
  try {
    for (const day of DAYS) {
      // Two files with the same events, of which the second has arrived later; newer files have one column more.
      await write(lake, day, "first", 0);
      await write(lake, day, "second", 1);
    }
    const words = ["--lake", lake, "--out", out, "--from", "2026-01", "--to", "2026-02"];
    const script = "../infra/spark/rewrite.py";
    const printed = await python(script, [...words, "--bucket-by", "client_id", "--buckets", "4"]);
    assert.match(printed, /^played: 300 rows read, 150 written, 150 second copies$/m);
    // Once more: nothing is doubled.
    await python(script, words);
    const files = `read_parquet('${out}/events/played/**/*.parquet', hive_partitioning = true, hive_types = {'month': INTEGER, 'day': INTEGER})`;
    const rows = await query(
      `SELECT month, day, count(*)::INT AS rows, count(DISTINCT event_id)::INT AS events,
         max(arrival_timestamp - event_timestamp)::VARCHAR AS delay
       FROM ${files} GROUP BY ALL ORDER BY ALL`,
    );
    const events = { rows: EVENTS, events: EVENTS, delay: "00:00:00" };
    assert.deepEqual(rows, [
      { month: 1, day: 30, ...events },
      { month: 1, day: 31, ...events },
      { month: 2, day: 1, ...events },
    ]);
    for (const file of await filesBelow(out, ".parquet")) {
      assert.match(file, /\/events\/played\/year=2026\/month=0[12]\/day=\d\d\/[^/]*$/);
      const times = await query(`SELECT epoch_ms(event_timestamp)::DOUBLE AS at FROM '${file}'`);
      const sorted = times.map((row) => Number(row.at));
      assert.deepEqual(
        sorted,
        [...sorted].sort((one, other) => one - other),
      );
      const [type] = await query(
        `SELECT type, converted_type FROM parquet_schema('${file}') WHERE name = 'event_timestamp'`,
      );
      assert.deepEqual(type, { type: "INT64", converted_type: "TIMESTAMP_MILLIS" });
    }
    const same = python(script, ["--lake", lake, "--out", `${lake}/`, ...words.slice(4)]);
    await assert.rejects(same, /--out is the lake itself/);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** A file of a day whose events arrived so many seconds after they happened. */
async function write(lake: string, day: string, name: string, seconds: number): Promise<void> {
  const [year, month, date] = day.split("-");
  const folder = join(lake, `events/played/year=${year}/month=${month}/day=${date}`);
  await mkdir(folder, { recursive: true });
  const more = seconds === 0 ? "" : ", 'new' AS plan";
  await query(
    `COPY (
       SELECT '${day}-' || number AS event_id, 'client-' || (number % 7) AS client_id,
         (TIMESTAMPTZ '${day} 00:00:00Z' + to_minutes((number * 37) % 1440)) AS event_timestamp,
         event_timestamp + to_seconds(${seconds}) AS arrival_timestamp ${more}
       FROM range(${EVENTS}) AS numbers(number)
     ) TO '${join(folder, `${name}.parquet`)}' (FORMAT parquet)`,
  );
}
