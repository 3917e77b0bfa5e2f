"""Pages load only the scripts that they need, and screen readers can read their signatures."""

import re

from sphinx.application import Sphinx

FOR_HANDS = ("hands.js", "recorded.js")
SIGNATURE_LINES = re.compile(r"<dl>\n((?:<dd>.*?</dd>\n)+)</dl>", re.DOTALL)


def choose_scripts(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """Drops Thebe, which would run code on a server, and the 3D view where no hands are."""
    has_hands = 'class="recorded"' in context.get("body", "")

    def is_needed(script: object) -> bool:
        name = str(getattr(script, "filename", None) or "")
        body = getattr(script, "attributes", {}).get("body") or ""
        return "thebe" not in name + body.lower() and (has_hands or not name.endswith(FOR_HANDS))

    context["script_files"] = [script for script in context["script_files"] if is_needed(script)]


def mend_signatures(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    """Sphinx writes a long signature as ``dd`` without ``dt``, which is no list; spans look the same."""

    def as_spans(match: re.Match) -> str:
        lines = match[1].replace("<dd>", "<span>").replace("</dd>", "</span>")
        return f'<span class="signature-lines">{lines}</span>'

    if "body" in context:
        context["body"] = SIGNATURE_LINES.sub(as_spans, context["body"])


def setup(app: Sphinx) -> dict:
    """Tells Sphinx of both."""
    app.connect("html-page-context", choose_scripts, priority=900)
    app.connect("html-page-context", mend_signatures, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
