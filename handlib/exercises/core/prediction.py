"""A question that a reader answers before the notebook does."""

import re
from html import escape
from typing import Any

import ipywidgets as widgets

NEXT = "Kept. Run the next cell and compare."


def _with_code(text: str) -> str:
    """Returns text as HTML; what stands between backticks is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


class Guess(widgets.VBox):
    """A question with answers to choose from; ``answer`` is the chosen one, None before.

    A page without a kernel shows the question and its answers as a list.
    """

    def __init__(self, question: str, answers: tuple[str, ...]):
        if len(set(answers)) != len(answers) or len(answers) < 2:
            raise ValueError(f"answers: expected at least two different ones, got {answers}")
        self.question, self.answers = question, answers
        self._choice = widgets.RadioButtons(
            options=answers, value=None, layout=widgets.Layout(width="auto"), style={"description_width": "0"}
        )
        self._told = widgets.Label()
        self._choice.observe(self._keep, "value")
        text = widgets.HTML(f"<b>Your prediction.</b> {_with_code(question)}")
        super().__init__([text, self._choice, self._told])

    @property
    def answer(self) -> str | None:
        """Returns the answer that the reader has chosen, None before."""
        return self._choice.value

    def _keep(self, _: object) -> None:
        self._told.value = NEXT

    def compare(self, measured: str) -> None:
        """Prints the right answer, and the reader's if there is one.

        Raises:
            ValueError: ``measured`` is none of the answers.
        """
        if measured not in self.answers:
            raise ValueError(f"measured: expected one of {self.answers}, got {measured!r}")
        if self.answer is None:
            print(f"It is: {measured}")
        else:
            right = "as you said" if self.answer == measured else f"you said: {self.answer}"
            print(f"It is: {measured} ({right})")

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        answers = "".join(f"<li>{escape(answer)}</li>" for answer in self.answers)
        page = f"<p><b>Your prediction.</b> {_with_code(self.question)}</p><ul>{answers}</ul>"
        bundle = super()._repr_mimebundle_(**options) or {}
        return {**bundle, "text/html": page, "text/plain": f"{self.question} {' / '.join(self.answers)}"}
