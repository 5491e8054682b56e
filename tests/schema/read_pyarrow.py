"""Reads Parquet folders with pyarrow.

Standard input: a JSON array of {"folder"}.
Standard output: a JSON array of {"columns": [[name, type]], "rows": [[value]], "parquet": [[name,
physical type, logical type, whether null is allowed]]}, rows by event_id. Timestamps are
milliseconds since the epoch, whole numbers and dates are text.
"""

import json
import sys

import pyarrow
import pyarrow.compute
import pyarrow.dataset
import pyarrow.parquet


def values_of(column):
    data_type = column.type
    if pyarrow.types.is_timestamp(data_type):
        # The number as it is stored: the type says what it counts.
        return column.cast(pyarrow.int64()).to_pylist()
    if pyarrow.types.is_integer(data_type) or pyarrow.types.is_date(data_type):
        return [None if value is None else str(value) for value in column.to_pylist()]
    return column.to_pylist()


def parquet_column(column):
    is_nullable = column.max_definition_level > 0
    return [column.name, column.physical_type, str(column.logical_type), is_nullable]


def read(request):
    files = pyarrow.dataset.dataset(request["folder"], format="parquet", partitioning="hive")
    table = files.to_table().sort_by("event_id")
    columns = [values_of(column) for column in table.columns]
    parquet = pyarrow.parquet.ParquetFile(files.files[0]).schema
    return {
        "columns": [[field.name, str(field.type)] for field in table.schema],
        "rows": [list(row) for row in zip(*columns)],
        "parquet": [parquet_column(parquet.column(at)) for at in range(len(parquet))],
    }


print(json.dumps([read(request) for request in json.load(sys.stdin)]))
