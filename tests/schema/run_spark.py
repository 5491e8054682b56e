"""Runs SQL with Spark.

Standard input: JSON, {"script": statements that end in ";" at the end of a line, "queries": [SQL]}.
Standard output: JSON, the rows of each query.
"""

import json
import os
import sys
import tempfile

from pyspark.sql import SparkSession

request = json.load(sys.stdin)
with tempfile.TemporaryDirectory() as folder:
    # What Spark leaves where it runs is of no use.
    os.chdir(folder)
    spark = (
        SparkSession.builder.master("local[1]")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.shuffle.partitions", "1")
        .config("spark.sql.catalogImplementation", "in-memory")
        .getOrCreate()
    )
    try:
        for statement in request["script"].split(";\n"):
            if statement.strip():
                spark.sql(statement)
        answers = [[list(row) for row in spark.sql(query).collect()] for query in request["queries"]]
    finally:
        spark.stop()
json.dump(answers, sys.stdout, default=str)
