"""Tables that are read and written a group of rows at a time."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from handlib.data.interhand import parquet_rows
from handlib.data.interhand.parquet_rows import Rows, write_rows

SCHEMA = pa.schema({"number": pa.int32(), "values": pa.list_(pa.float64())})


@pytest.fixture(autouse=True)
def three_rows_in_a_group(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(parquet_rows, "GROUP", 3)


def rows(count: int) -> list[dict]:
    return [{"number": k, "values": [0.1 * k, float(k)] if k % 4 else None} for k in range(count)]


@pytest.mark.parametrize("count", [0, 1, 3, 8])
def test_what_is_written_is_read(tmp_path: Path, count: int):
    path = tmp_path / "table.parquet"
    write_rows(path, SCHEMA, "a", lambda: rows(count))
    table = Rows(path)
    assert len(table) == count
    assert pq.ParquetFile(path).num_row_groups == -(-count // 3)
    assert [table[k] for k in range(count)] == list(table.all()) == rows(count)
    assert table.column("number").tolist() == list(range(count))
    assert table.missing("values").tolist() == [k % 4 == 0 for k in range(count)]
    for number in (-1, count):
        with pytest.raises(IndexError, match="row: expected 0 to"):
            table[number]


def test_a_table_with_the_same_stamp_is_left_alone(tmp_path: Path):
    path = tmp_path / "table.parquet"
    write_rows(path, SCHEMA, "a", lambda: rows(4))
    write_rows(path, SCHEMA, "a", lambda: pytest.fail("rows were asked for"))
    write_rows(path, SCHEMA, "b", lambda: rows(5))
    assert len(Rows(path)) == 5


def test_a_table_appears_whole_or_not_at_all(tmp_path: Path):
    path = tmp_path / "table.parquet"

    def broken():
        yield from rows(7)
        raise KeyError("broken")

    with pytest.raises(KeyError):
        write_rows(path, SCHEMA, "a", broken)
    assert list(tmp_path.iterdir()) == []
