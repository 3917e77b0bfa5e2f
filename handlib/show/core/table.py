"""Small tables that a notebook shows as HTML, and as text where there is no page."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

STYLE = "border-collapse: collapse; color: inherit; font-variant-numeric: tabular-nums;"
CELL = "padding: 3px 12px; border-bottom: 1px solid rgba(128, 128, 128, 0.35); color: inherit;"


@dataclass(frozen=True)
class Table:
    """Rows of values by name; ``rows[row][column]``, every row with the same columns."""

    rows: Mapping[str, Mapping[str, object]]
    caption: str = ""

    def __post_init__(self) -> None:
        """Refuses rows with different columns."""
        columns = {tuple(row) for row in self.rows.values()}
        if len(columns) != 1:
            raise ValueError(f"rows: expected the same columns in every row, got {sorted(columns)}")

    @property
    def columns(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(next(iter(self.rows.values())))

    def __repr__(self) -> str:
        """The table as text, columns one below another."""
        lines = [("", *self.columns)]
        lines += [(name, *map(_text, row.values())) for name, row in self.rows.items()]
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        told = [
            "  ".join(
                (text.ljust if k == 0 else text.rjust)(width)
                for k, (text, width) in enumerate(zip(line, widths, strict=True))
            ).rstrip()
            for line in lines
        ]
        return "\n".join([self.caption, *told] if self.caption else told)

    def _repr_html_(self) -> str:
        head = "".join(f'<th style="{CELL} text-align: right;">{escape(name)}</th>' for name in self.columns)
        body = "".join(
            f'<tr><th style="{CELL} text-align: left; font-weight: 500;">{escape(name)}</th>'
            + "".join(
                f'<td style="{CELL} text-align: right;">{escape(_text(value))}</td>' for value in row.values()
            )
            + "</tr>"
            for name, row in self.rows.items()
        )
        caption = (
            f'<caption style="text-align: left; color: inherit;">{escape(self.caption)}</caption>'
            if self.caption
            else ""
        )
        return (
            f'<table style="{STYLE}">{caption}<thead><tr><th style="{CELL}"></th>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table>"
        )


def _text(value: object) -> str:
    """A value in three digits, if it is a number that isn't whole."""
    if isinstance(value, bool | str | int):
        return str(value)
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return str(value)
    return f"{number:.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def table(rows: Mapping[str, Mapping[str, object]], caption: str = "") -> Table:
    """Returns a table to show as a cell's value: ``table({"row": {"column": 1.0}})``."""
    return Table(rows, caption)
