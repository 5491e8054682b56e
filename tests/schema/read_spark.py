"""Reads Parquet folders with Spark.

Standard input: a JSON array of {"folder", "time_zone", "merge_schema", "schema"}; "schema" is the
columns as Spark's SQL writes them, or null to take them from the files.
Standard output: a JSON array of {"columns": [[name, type]], "rows": [[value]]}, rows by event_id.
Timestamps are milliseconds since the epoch, whole numbers and dates are text.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

from pyspark.sql.functions import expr

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from local_spark import session


def value_of(name, data_type):
    quoted = f"`{name}`"
    if data_type == "timestamp":
        return expr(f"unix_millis({quoted})")
    if data_type in ("int", "bigint", "date"):
        return expr(f"cast({quoted} as string)")
    return expr(quoted)


def read(spark, request):
    spark.conf.set("spark.sql.session.timeZone", request["time_zone"])
    reader = spark.read.option("mergeSchema", request["merge_schema"])
    if request["schema"] is not None:
        reader = reader.schema(request["schema"])
    table = reader.parquet(request["folder"]).orderBy("event_id")
    columns = table.dtypes
    values = [value_of(name, data_type).alias(name) for name, data_type in columns]
    return {"columns": columns, "rows": [list(row) for row in table.select(values).collect()]}


with tempfile.TemporaryDirectory() as folder:
    # What Spark leaves where it runs is of no use.
    os.chdir(folder)
    spark = session()
    try:
        answers = [read(spark, request) for request in json.load(sys.stdin)]
    finally:
        spark.stop()
print(json.dumps(answers))
