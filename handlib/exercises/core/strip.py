"""The parts of the network in their order, each with whose code runs it."""

from dataclasses import dataclass
from html import escape
from itertools import groupby

from handlib.model.parts import PARTS, Part

FRAME = "font: 13px/1.35 system-ui, sans-serif; color: inherit;"
TITLE = "margin: 0 0 8px; font-weight: 600; color: inherit;"
ROW = "display: flex; flex-wrap: wrap; list-style: none; padding: 0;"
PLACES, CHIPS = f"{ROW} gap: 10px 22px; margin: 0;", f"{ROW} gap: 6px; margin: 3px 0 0;"
CHIP = "list-style: none; margin: 0; padding: 4px 9px; border-radius: 6px;"
OWN = f"{CHIP} border: 1px solid #0072B2; background: #0072B2; color: #fff;"
LIBRARY = f"{CHIP} border: 1px dashed currentColor; color: inherit;"
NAME = "font: 12px monospace; color: inherit;"
LINE = "display: block; font-size: 11px; color: inherit;"


@dataclass(frozen=True)
class Strip:
    """Shows which of the network's parts are the reader's; ``fault`` is why their file can't be read."""

    own: frozenset[str]
    fault: str = ""

    @property
    def title(self) -> str:
        """Returns how many parts are the reader's, or why that can't be told."""
        if self.fault:
            return f"No part is yours until your file is mended: {self.fault}"
        return f"{len(self.own)} of {len(PARTS)} parts of DIR are yours."

    def __repr__(self) -> str:
        rows = (
            f"  {self._whose(part):9}  {part.place:14}  {name:24}  {part.task}"
            for name, part in PARTS.items()
        )
        return "\n".join((self.title, *rows))

    def _repr_html_(self) -> str:
        places = "".join(
            f'<li style="margin: 0;">{place}<ol style="{CHIPS}">{"".join(map(self._chip, parts))}</ol></li>'
            for place, parts in groupby(PARTS.values(), key=lambda part: part.place)
        )
        title = f'<p style="{TITLE}">{escape(self.title)}</p>'
        return f'<div style="{FRAME}">{title}<ol style="{PLACES}">{places}</ol></div>'

    def _chip(self, part: Part) -> str:
        style = OWN if part.name in self.own else LIBRARY
        lines = (escape(part.task), f"<b>{self._whose(part)}</b>")
        told = "".join(f'<span style="{LINE}">{line}</span>' for line in lines)
        return f'<li style="{style}"><span style="{NAME}">{part.name}</span> {told}</li>'

    def _whose(self, part: Part) -> str:
        return "yours" if part.name in self.own else "library's"
