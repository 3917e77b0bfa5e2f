"""Makes the book's API reference: RST pages with the docstrings and signatures of all modules.

They are read from the sources. Nothing is imported, so the book's environment needs no PyTorch. Signatures
are copied unchanged, with the shapes in their annotations. Names that start with an underscore are left out.
"""

import ast
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

HEADING = re.compile(r"^([A-Z][^:`]*):$")
ENTRY = re.compile(r"^([\w`][\w`., ()]*?): (.*)$")
ROLE = re.compile(r":(func|class|meth|attr|data|mod):`([A-Za-z_][\w.]*)`")
LITERAL = re.compile(r"(``.*?``)", re.DOTALL)
TITLES = {
    "hand": "The hand",
    "geometry": "Cameras, rotations, meshes",
    "model": "The network",
    "training": "Learning",
    "evaluation": "Measuring",
    "analysis": "Asking why",
    "data": "Pairs of hands",
    "photos": "Pictures from outside",
    "released": "The authors' weights",
    "deploy": "Other programs",
    "show": "Pictures and widgets",
    "exercises": "Exercises",
    "doctor": "What this machine has",
    "commands": "Commands",
    "utils": "What every room uses",
}
"""Pages of the reference, in order: one per subpackage; ``commands`` also holds all other modules."""

Definition = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One module: its dotted name and its syntax tree."""

    name: str
    tree: ast.Module

    @property
    def summary(self) -> str:
        """Returns the docstring's first paragraph on one line."""
        return " ".join((ast.get_docstring(self.tree) or "").split("\n\n")[0].split())


def read_modules(package: Path) -> list[Module]:
    """Returns all modules of a package, sorted by name."""
    found = []
    for file in package.rglob("*.py"):
        parts = file.relative_to(package.parent).with_suffix("").parts
        if "node_modules" not in parts:
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found.append(Module(name, ast.parse(file.read_text(encoding="utf-8"))))
    return sorted(found, key=lambda module: module.name)


def marked_up(text: str) -> str:
    """Returns a docstring's prose as RST: short names of functions become links, bars are escaped."""
    parts = LITERAL.split(ROLE.sub(r":\1:`.\2`", text))
    return "".join(part if k % 2 else part.replace("|", r"\|") for k, part in enumerate(parts))


def entries(lines: list[str]) -> Iterator[str]:
    """Turns the indented ``name: words`` lines under a heading into a definition list."""
    for line in textwrap.dedent("\n".join(lines)).splitlines():
        if entry := ENTRY.match(line):
            yield from ("", marked_up(entry[1]), f"    {marked_up(entry[2])}")
        else:
            yield f"    {marked_up(line.strip())}" if line.strip() else ""


def all_entries(lines: list[str]) -> bool:
    """Tells whether lines are two or more entries ``name: words``, each perhaps with indented lines below."""
    starts = [line for line in lines if not line.startswith(" ")]
    return len(starts) > 1 and all(ENTRY.match(line) for line in starts)


def docstring(text: str) -> str:
    """Returns a docstring as RST: lines ``name: words`` become definition lists, ``Raises:`` a heading."""
    blocks: list[str] = [""]
    lines = text.splitlines()
    while lines:
        if not blocks[-1] and all_entries(paragraph := list(takewhile(str.strip, lines))):
            blocks += [*entries(paragraph), ""]
            del lines[: len(paragraph)]
            continue
        line = lines.pop(0)
        heading = HEADING.match(line)
        if heading and lines and lines[0].startswith("    ") and ENTRY.match(lines[0].strip()):
            under = []
            while lines and (lines[0].startswith("    ") or not lines[0].strip()):
                under.append(lines.pop(0))
            blocks += ["", f".. rubric:: {heading[1]}", *entries(under), ""]
        else:
            blocks.append(marked_up(line))
    return "\n".join(blocks[1:])


def directive(kind: str, signature: str, words: str | None, *more: str) -> str:
    """Returns a directive of Sphinx's Python domain with a docstring and further content."""
    signature = " ".join(signature.split()).replace("\\", "\\\\")
    inside = "\n\n".join(part for part in (docstring(words or ""), *more) if part)
    return f".. py:{kind}:: {signature}\n\n{textwrap.indent(inside, '   ')}\n"


def is_public(name: str) -> bool:
    return not name.startswith("_")


def decorators(node: ast.ClassDef | Definition) -> set[str]:
    return {ast.unparse(decorator).split("(")[0].split(".")[-1] for decorator in node.decorator_list}


def function(node: Definition, kind: str = "function") -> str:
    """Returns the directive of a function, or of a method (without its first parameter)."""
    arguments, marks = node.args, decorators(node)
    returns = ast.unparse(node.returns) if node.returns else None
    words = ast.get_docstring(node)
    if kind == "method":
        if marks & {"property", "cached_property"}:
            option = f"   :type: {returns}\n" if returns else ""
            return directive("property", node.name, words).replace("\n\n", f"\n{option}\n", 1)
        if "staticmethod" not in marks:
            arguments = ast.arguments(**{**vars(arguments), "args": arguments.args[1:]})
        kind = next((mark for mark in ("classmethod", "staticmethod") if mark in marks), kind)
    arrow = f" -> {returns}" if returns else ""
    return directive(kind, f"{node.name}({ast.unparse(arguments)}){arrow}", words)


def with_words(body: list[ast.stmt]) -> Iterator[tuple[ast.stmt, str | None]]:
    """Yields every statement together with the string after it, which documents an assignment."""
    for node, after in zip(body, [*body[1:], None], strict=True):
        is_text = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
        words = after.value.value if is_text and isinstance(after.value.value, str) else None
        yield node, words


def assignment(node: ast.Assign | ast.AnnAssign, words: str | None, kind: str) -> str:
    """Returns the directive of a constant or an attribute; long values are left out."""
    target = node.target if isinstance(node, ast.AnnAssign) else node.targets[0]
    if not isinstance(target, ast.Name) or not is_public(target.id):
        return ""
    if words is None and isinstance(node, ast.Assign):
        return ""
    options = [f"   :type: {ast.unparse(node.annotation)}"] if isinstance(node, ast.AnnAssign) else []
    value = ast.unparse(node.value) if node.value else ""
    if value and len(value) <= 60 and "field(" not in value:
        options.append(f"   :value: {value}")
    text = directive(kind, target.id, textwrap.dedent(words) if words else None)
    return text.replace("\n\n", "\n" + "".join(f"{option}\n" for option in options) + "\n", 1)


def class_(node: ast.ClassDef) -> str:
    """Returns the directive of a class: its constructor, docstring, attributes and public methods."""
    made = next((m for m in node.body if isinstance(m, ast.FunctionDef) and m.name == "__init__"), None)
    signature = node.name
    if made:
        arguments = ast.arguments(**{**vars(made.args), "args": made.args.args[1:]})
        signature += f"({ast.unparse(arguments)})"
    bases = ", ".join(f"``{ast.unparse(base)}``" for base in node.bases)
    inside = [f"Bases: {bases}"] if bases else []
    for member, words in with_words(node.body):
        if isinstance(member, Definition) and (is_public(member.name) or member.name == "__call__"):
            inside.append(function(member, "method"))
        elif isinstance(member, ast.AnnAssign) or (isinstance(member, ast.Assign) and words):
            inside.append(assignment(member, words, "attribute"))
    raised = any(ast.unparse(base).endswith(("Error", "Exception")) for base in node.bases)
    return directive("exception" if raised else "class", signature, ast.get_docstring(node), *inside)


def module_section(module: Module) -> str:
    """Returns a module's section: its docstring, then all public names in the order of the source."""
    parts = [module.name, "-" * len(module.name), "", f".. py:module:: {module.name}", ""]
    parts += [docstring(ast.get_docstring(module.tree) or ""), ""]
    for node, words in with_words(module.tree.body):
        if isinstance(node, Definition) and is_public(node.name):
            parts.append(function(node))
        elif isinstance(node, ast.ClassDef) and is_public(node.name):
            parts.append(class_(node))
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            parts.append(assignment(node, words, "data"))
    return "\n".join(parts) + "\n"


def group_of(module: str) -> str:
    """Returns the page of a module."""
    room = module.split(".")[1:2]
    return room[0] if room and room[0] in TITLES else "commands"


def pages(modules: list[Module]) -> dict[str, str]:
    """Returns the reference: one page per subpackage, and the page ``modules`` in front of them."""
    grouped: dict[str, list[Module]] = {page: [] for page in TITLES}
    for module in modules:
        grouped[group_of(module.name)].append(module)
    written = {"modules": entrance(grouped)}
    for page, members in grouped.items():
        title = TITLES[page]
        sections = [module_section(module) for module in members]
        written[page] = "\n".join([title, "=" * len(title), "", *sections])
    return written


def entrance(grouped: dict[str, list[Module]]) -> str:
    """Returns the page in front of the reference: one line per module."""
    title = "All modules"
    words = (
        'Signatures carry shapes: ``Float[Tensor, "batch hand=2 21 3"]`` is a tensor of floats with four '
        "axes, each with its size or a name for it; the tests check them at every call. Lengths are metres, "
        "angles radians, both hands stand on an axis of their own, left first. A module says which frame it "
        "means and which section of the paper it follows."
    )
    lines = [title, "=" * len(title), "", words, ""]
    for page, members in grouped.items():
        lines += [TITLES[page], "-" * len(TITLES[page]), "", ".. list-table::", "   :widths: 35 65", ""]
        lines += [f"   * - :mod:`{m.name}`\n     - {marked_up(m.summary)}" for m in members]
        lines.append("")
    return "\n".join(lines)
