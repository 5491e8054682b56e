"""What sqlglot understands of SQL for Athena: JSON, one object a statement, in their order."""

import json
import sys

import sqlglot
from sqlglot import exp


def text(node):
    """A string literal's value, as its reader sees it."""
    return node.this if node is not None else ""


def column(definition):
    comment = definition.find(exp.CommentColumnConstraint)
    kind = definition.args["kind"].sql(dialect="hive").lower().replace(" ", "")
    return [definition.name, kind, text(comment and comment.this)]


def table(statement):
    properties = statement.args["properties"].expressions
    of = lambda kind: next((p for p in properties if isinstance(p, kind)), None)
    comment, location = of(exp.SchemaCommentProperty), of(exp.LocationProperty)
    serde = of(exp.RowFormatSerdeProperty)
    others = [p for p in properties if type(p) is exp.Property]
    return {
        "columns": [column(c) for c in statement.this.expressions],
        "comment": text(comment and comment.this),
        "partitions": [column(c)[:2] for c in of(exp.PartitionedByProperty).this.expressions],
        "format": text(serde.this) if serde else of(exp.FileFormatProperty).this.name,
        "location": text(location.this),
        "parameters": {text(p.this): text(p.args["value"]) for p in others},
    }


def in_duckdb(statement):
    return {"duckdb": statement.sql(dialect="duckdb")}


def described(statement):
    if statement.find(exp.Command):
        raise SystemExit(f"not understood: {statement.sql()}")
    if not isinstance(statement, exp.Create) or statement.expression and statement.kind == "TABLE":
        return {"kind": statement.key.upper(), **in_duckdb(statement)}
    kind, name = statement.kind, statement.find(exp.Table)
    details = {"TABLE": table, "VIEW": in_duckdb}.get(kind, lambda _: {})
    return {"kind": kind, "name": name.name, "database": name.db, **details(statement)}


# One by one, as Athena takes them: its dialect is Hive's or Trino's by how a statement begins.
statements = [part.strip() for part in sys.stdin.read().split(";\n")]
raise_all = sqlglot.ErrorLevel.RAISE
parsed = [sqlglot.parse(s, read="athena", error_level=raise_all) for s in statements if s]
if any(len(expressions) != 1 for expressions in parsed):
    raise SystemExit("a part that ends in \";\" at the end of a line is not one statement")
json.dump([described(statement) for [statement] in parsed], sys.stdout)
