"""Rewrites months of a lake with Spark: each event once, sorted by time, in files of about 128 MB.

    spark-submit rewrite.py --lake s3://BUCKET/LAKE --out s3://BUCKET/OTHER --from 2026-01 --to 2026-03

Reads events/<table>/ of the lake and writes the same layout to another place, which becomes the lake by
pointing the tables to it. It never writes into the lake it reads: that one's files belong to its own state.
A month that is rewritten again replaces what an earlier run wrote of it.

  --table NAME      one table, more than once for several; all where it is not said
  --bucket-by NAME  puts the rows with one value of this column into one of --buckets files, so that a query
                    for that value reads few row groups
"""

import argparse
import sys
from datetime import date, timedelta

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as f

# Rows of one output file, at about 80 bytes each once they are compressed.
ROWS_A_FILE = 1_500_000


def month(text):
    """The first day of a month written 2026-01."""
    return date.fromisoformat(f"{text}-01")


def days(first, last):
    """Every day from the first month to the end of the last one."""
    end = (last.replace(day=28) + timedelta(days=4)).replace(day=1)
    return [first + timedelta(days=number) for number in range((end - first).days)]


def tables(spark, lake):
    path = spark._jvm.org.apache.hadoop.fs.Path(f"{lake}/events")
    files = path.getFileSystem(spark._jsc.hadoopConfiguration())
    if not files.exists(path):
        sys.exit(f"{lake} has no folder events: --lake is the folder that has it")
    return sorted(found.getPath().getName() for found in files.listStatus(path))


def rewrite(spark, arguments, table):
    """Returns how many rows were read and written."""
    wanted = [(day.year, day.month, day.day) for day in days(arguments.first, arguments.last)]
    source = spark.read.option("mergeSchema", True).parquet(f"{arguments.lake}/events/{table}")
    first, last = wanted[0], wanted[-1]
    day = f.struct("year", "month", "day")
    rows = source.where(
        (f.col("year") >= first[0])
        & (f.col("year") <= last[0])
        & (day >= f.struct(*map(f.lit, first)))
        & (day <= f.struct(*map(f.lit, last)))
    )
    copies = Window.partitionBy("event_id", "year", "month", "day").orderBy("arrival_timestamp")
    once = rows.withColumn("__copy", f.row_number().over(copies)).where("__copy = 1").drop("__copy")
    keys = ["year", "month", "day"]
    order = ["event_timestamp"]
    if arguments.bucket_by:
        bucket = f.pmod(f.xxhash64(arguments.bucket_by), f.lit(arguments.buckets))
        once = once.withColumn("__bucket", bucket)
        keys, order = keys + ["__bucket"], [arguments.bucket_by, "event_timestamp"]
    # The lake's layout has two digits: year=2026/month=01/day=09. Before the sort: the writer would sort again
    # by a column that was made after it.
    for column in ("month", "day"):
        once = once.withColumn(column, f.format_string("%02d", column))
    sorted_rows = once.repartition(*keys).sortWithinPartitions(*keys, *order)
    (
        sorted_rows.drop("__bucket")
        .write.mode("overwrite")
        .option("partitionOverwriteMode", "dynamic")
        .option("maxRecordsPerFile", ROWS_A_FILE)
        .option("compression", "zstd")
        .partitionBy("year", "month", "day")
        .parquet(f"{arguments.out}/events/{table}")
    )
    return rows.count(), once.count()


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--lake", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--from", dest="first", type=month, required=True, metavar="YYYY-MM")
    parser.add_argument("--to", dest="last", type=month, required=True, metavar="YYYY-MM")
    parser.add_argument("--table", action="append")
    parser.add_argument("--bucket-by")
    parser.add_argument("--buckets", type=int, default=16)
    arguments = parser.parse_args()
    if arguments.lake.rstrip("/") == arguments.out.rstrip("/"):
        parser.error("--out is the lake itself: its files belong to its own state")
    if arguments.last < arguments.first:
        parser.error("--to is before --from")
    spark = SparkSession.builder.appName("forebay rewrite").getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    # Milliseconds, as in the lake, and not Spark's old form of 96 bits.
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MILLIS")
    try:
        for table in arguments.table or tables(spark, arguments.lake):
            read, written = rewrite(spark, arguments, table)
            print(f"{table}: {read} rows read, {written} written, {read - written} second copies")
    finally:
        spark.stop()


if __name__ == "__main__":
    main()
