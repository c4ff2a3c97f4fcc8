# SPDX-License-Identifier: BSD-2-Clause
"""Parquet files read by DuckDB and by Arrow, of the versions that scripts/install-readers fetches."""

import os
import sys

import known_recording

sys.path.append(os.path.join(known_recording.BUILD, "readers", "python"))
import duckdb  # pylint: disable=wrong-import-position
import pyarrow.parquet  # pylint: disable=wrong-import-position


def query(folder, sql):
    """Rows of a query over files of a folder, which it names as they are called there."""
    with duckdb.connect() as connection:
        connection.execute("SET file_search_path = ?", [folder])
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(sql).fetchall()


def weights(path):
    """Weights by kind and innermost function, of which DuckDB and Arrow must say the same: samples for CPU time."""
    folder, name = os.path.split(path)
    rows = {}
    for kind, function, weight in query(folder, "SELECT kind, function, sum(CASE kind WHEN 'cpu' THEN count ELSE value END)"
                                                f"::BIGINT FROM '{name}' GROUP BY ALL"):
        rows.setdefault(kind, {})[function] = weight
    found = {}
    columns = [arrow(path).column(column).to_pylist() for column in ("kind", "function", "count", "value")]
    for kind, function, count, value in zip(*columns):
        of_kind = found.setdefault(kind, {})
        of_kind[function] = of_kind.get(function, 0) + (count if kind == "cpu" else value)
    if found != rows:
        raise AssertionError(f"{path}: DuckDB and Arrow differ: {rows} {found}")
    return rows


def arrow(path):
    table = pyarrow.parquet.read_table(path)
    table.validate(full=True)
    return table


def about(path):
    """What the file says of itself: groups of rows, and key-value pairs."""
    metadata = pyarrow.parquet.read_metadata(path)
    return metadata, {key.decode(): value.decode() for key, value in metadata.metadata.items()}
