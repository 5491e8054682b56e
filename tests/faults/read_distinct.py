"""Counts the events of a table again and again, each once, until a file appears.

A read that ends with an error because a file was deleted meanwhile is done again, as a person would.

Arguments: the folder of the table, the engine (pyarrow or spark), the file that ends it. After the first
answer there is a file of that name with the engine's behind it.
Standard output: JSON, {"answers": [[events, sum of minutes]], "reads", "errors"}: answers that differ, and how
often there was an answer or an error.
"""

import json
import os
import re
import sys
import tempfile
from pathlib import Path

folder, engine, end = sys.argv[1:]


def by_pyarrow():
    import pyarrow.compute as compute
    import pyarrow.dataset as dataset

    def read():
        table = dataset.dataset(folder, format="parquet").to_table(columns=["event_id", "minutes"])
        events = table.group_by("event_id").aggregate([("minutes", "min")])
        return [events.num_rows, compute.sum(events["minutes_min"]).as_py()]

    return read


def by_spark():
    sys.path.insert(0, str(Path(__file__).parents[1] / "support"))
    from local_spark import session

    # What Spark leaves where it runs is of no use.
    os.chdir(tempfile.mkdtemp())
    spark = session()

    def read():
        spark.read.parquet(folder).createOrReplaceTempView("played")
        row = spark.sql(
            "SELECT count(*), sum(minutes) FROM (SELECT event_id, min(minutes) AS minutes "
            "FROM played GROUP BY event_id)"
        ).first()
        return [row[0], row[1]]

    return read


def names_missing_file(error):
    """Whether an error names a file that is not there any more."""
    names = re.findall(r"/[^\s'\"]*?\.parquet", str(error))
    return any(not Path(name).exists() for name in names)


read = by_spark() if engine == "spark" else by_pyarrow()
answers = []
reads = 0
errors = 0
while True:
    is_last = Path(end).exists()
    try:
        answer = read()
    except Exception as error:
        if not names_missing_file(error):
            raise
        errors += 1
        continue
    reads += 1
    Path(f"{end}.{engine}").touch()
    if answer not in answers:
        answers.append(answer)
    if is_last:
        break
json.dump({"answers": answers, "reads": reads, "errors": errors}, sys.stdout)
