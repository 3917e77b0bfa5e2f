"""Tables in Parquet files of which a few rows are in memory at a time, in writing and in reading."""

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from jaxtyping import Bool, Int

from handlib.utils.files import replacing

GROUP = 512
"""Rows in a group: what is written, and read, at once."""
STAMP = b"stamp"


def _groups(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    rows = iter(rows)
    while group := list(islice(rows, GROUP)):
        yield group


def _stamp(path: Path) -> str:
    try:
        return (pq.read_schema(path).metadata or {}).get(STAMP, b"").decode()
    except (pa.ArrowException, OSError):
        return "damaged"


def write_rows(
    path: Path, schema: pa.Schema, stamp: str, rows: Callable[[], Iterable[dict[str, Any]]]
) -> None:
    """Writes a table, whole or not at all; one that carries the same stamp is left as it is."""
    if path.exists() and _stamp(path) == stamp:
        return
    schema = schema.with_metadata({STAMP: stamp.encode()})
    with replacing(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for group in _groups(rows()):
            writer.write_table(pa.Table.from_pylist(group, schema), row_group_size=GROUP)


class Rows:
    """The rows of a table; the latest few groups that were asked for stay in memory."""

    def __init__(self, path: Path):
        self._file = pq.ParquetFile(path)
        self._group = lru_cache(maxsize=4)(self._file.read_row_group)

    def __len__(self) -> int:
        """How many rows there are."""
        return self._file.metadata.num_rows

    def __getitem__(self, number: int) -> dict[str, Any]:
        """One row by its number."""
        if not 0 <= number < len(self):
            raise IndexError(f"row: expected 0 to {len(self) - 1}, got {number}")
        group, place = divmod(number, GROUP)
        return self._group(group).slice(place, 1).to_pylist()[0]

    def all(self) -> Iterator[dict[str, Any]]:
        """Every row in order."""
        for group in range(self._file.num_row_groups):
            yield from self._file.read_row_group(group).to_pylist()

    def column(self, name: str) -> Int[np.ndarray, "n"]:
        """A column of integers, -1 where the table has none."""
        column = self._file.read([name])[name]
        return pc.fill_null(column.cast(pa.int64()), -1).to_numpy()

    def missing(self, name: str) -> Bool[np.ndarray, "n"]:
        """Where a column holds nothing."""
        empty = [
            self._file.read_row_group(group, [name])[name].is_null().to_numpy()
            for group in range(self._file.num_row_groups)
        ]
        return np.concatenate(empty) if empty else np.zeros(0, dtype=bool)
