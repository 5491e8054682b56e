"""Runs SQL with Spark.

Standard input: JSON, {"script": statements that end in ";" at the end of a line, "queries": [SQL]}.
Standard output: JSON, the rows of each query.
"""

import json
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
from local_spark import session


request = json.load(sys.stdin)
with tempfile.TemporaryDirectory() as folder:
    # What Spark leaves where it runs is of no use.
    os.chdir(folder)
    spark = session()
    try:
        for statement in request["script"].split(";\n"):
            if statement.strip():
                spark.sql(statement)
        answers = [[list(row) for row in spark.sql(query).collect()] for query in request["queries"]]
    finally:
        spark.stop()
json.dump(answers, sys.stdout, default=str)
