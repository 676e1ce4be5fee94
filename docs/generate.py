"""The code -> pages of the reference: configuration keys, declared kinds, claims, and the public library.

The hook in conf.py calls :func:`write_all`. Modules, keys and kinds are found, not listed.
"""

import ast
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from engine.schema import with_stages
from friendlyfire.declarations import declared

#: Keys of a declaration that have a place of their own on the page of kinds.
SHOWN_APART = {"make", "label", "title", "description", "options", "caption"}

#: Declared nouns that have a page of their own.
PAGE_APART = {"claims"}


def write_all(root: Path, target: Path) -> None:
    """Write every generated page below ``target``, in place of those of an earlier build."""
    shutil.rmtree(target, ignore_errors=True)
    (target / "api").mkdir(parents=True)
    schema = yaml.safe_load((root / "workflow/schemas/config.schema.yaml").read_text(encoding="utf-8"))
    shipped = yaml.safe_load((root / "config.yaml").read_text(encoding="utf-8"))
    keys = configuration(with_stages(schema), shipped)
    (target / "configuration.inc.md").write_text(keys, encoding="utf-8")
    library = root / "workflow/friendlyfire"
    (target / "kinds.inc.md").write_text(kinds(library), encoding="utf-8")
    (target / "claims.inc.md").write_text(claims(declared("claims")), encoding="utf-8")
    for name, page in api_pages(library).items():
        (target / "api" / f"{name}.md").write_text(page, encoding="utf-8")


# ---- Configuration keys ----------------------------------------------------------------------------------------------


def configuration(schema: Mapping[str, Any], shipped: Mapping[str, Any]) -> str:
    """One section per section of the configuration, with a table of its keys.

    Args:
        schema: JSON schema of the configuration, with the declared options in it.
        shipped: the configuration that comes with the project, for the defaults of the general keys.
    """
    general, sections = [], []
    for name, part in schema["properties"].items():
        part = _resolved(part, schema)
        if part.get("type") != "object":
            general.append(_row(name, part, shipped.get(name, _MISSING)))
            continue
        rows = list(_rows(part, schema, "", _MISSING))
        sections.append(f"## {name}\n\n{_sentence(part['description'])}\n\n{_key_table(rows)}")
    return "\n".join(["## General keys\n", _key_table(general), *sections])


#: Stands for the default of a key that has none.
_MISSING = object()


def _rows(part: Mapping[str, Any], schema: Mapping[str, Any], prefix: str, defaults: Any) -> Iterator[list[str]]:
    """Rows of all keys of an object, those of the objects in it by dotted names."""
    defaults = part.get("default", defaults)
    entries = {name: (_resolved(value, schema), value) for name, value in part.get("properties", {}).items()}
    free = part.get("additionalProperties")
    if isinstance(free, Mapping):
        entries["<name>"] = (_resolved(free, schema), free)
    for name, (value, written) in entries.items():
        given = defaults.get(name, _MISSING) if isinstance(defaults, Mapping) else _MISSING
        yield _row(prefix + name, value, given)
        # A section that stands below each experiment is described once, at its own place.
        if "$ref" not in written:
            for one in [value, *value.get("anyOf", [])]:
                yield from _rows(one, schema, f"{prefix}{name}.", given)


def _row(name: str, part: Mapping[str, Any], given: Any) -> list[str]:
    """Cells of one key: its name, what is allowed, its default, its description."""
    default = part.get("default", given)
    if default is _MISSING or (isinstance(default, Mapping) and default):
        shown = ""
    else:
        shown = _code(yaml.safe_dump(default, default_flow_style=True, width=1000).removesuffix("...\n").strip())
    return [_code(name), allowed(part), shown, _text(part.get("description", ""))]


def allowed(part: Mapping[str, Any]) -> str:
    """Type and allowed values of a key, in words."""
    if "const" in part:
        return _code(_plain(part["const"]))
    if "enum" in part:
        return ", ".join(_code(_plain(value)) for value in part["enum"])
    if "anyOf" in part:
        return " or ".join(allowed(one) for one in part["anyOf"])
    names = part.get("type", [])
    return " or ".join(_typed(name, part) for name in ([names] if isinstance(names, str) else names))


def _typed(name: str, part: Mapping[str, Any]) -> str:
    """One type of a key with its limits."""
    if name == "null":
        return _code("null")
    if name == "array":
        return f"list of {allowed(part['items'])}" if part.get("items") else "list"
    if name == "object":
        return "mapping"
    limits = [
        f"{sign} {part[key]:g}"
        for key, sign in (("minimum", "≥"), ("exclusiveMinimum", ">"), ("maximum", "≤"), ("exclusiveMaximum", "<"))
        if key in part and name in ("integer", "number")
    ]
    return " ".join([name, ", ".join(limits)]).strip()


def _resolved(part: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A part of the schema with its ``$ref`` followed; keys beside the reference win."""
    if "$ref" not in part:
        return part
    found: Any = schema
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return {**_resolved(found, schema), **{key: value for key, value in part.items() if key != "$ref"}}


# ---- Kinds -----------------------------------------------------------------------------------------------------------


def kinds(library: Path) -> str:
    """One section per noun that the library declares kinds of, with a table of its kinds."""
    nouns = sorted({path.name for path in library.rglob("*") if path.is_dir() and path.name != "__pycache__"})
    found = {noun: declared(noun) for noun in nouns if noun not in PAGE_APART}
    return "\n".join(_noun(noun, kinds) for noun, kinds in found.items() if kinds)


def _noun(noun: str, found: Mapping[str, Mapping[str, Any]]) -> str:
    """The section of one noun."""
    rows = []
    for name, kind in found.items():
        what = _text(kind.get("description") or _first_line(kind["make"]))
        if label := kind.get("label") or kind.get("title"):
            what = f"**{_text(label)}**: {what}"
        details = [f"{_code(key)}: {_code(_plain(value))}" for key, value in kind.items() if key not in SHOWN_APART]
        if kind.get("options"):
            details.append("options: " + ", ".join(map(_code, kind["options"])))
        function = kind["make"].replace(":", ".")
        rows.append([_code(name), what, f"{{py:obj}}`~{function}`", "; ".join(details)])
    heads = ["name", "kind", "function", "declaration"]
    widths = [20, 34, 18, 28]
    return f"## {noun.capitalize()}\n\n{_list_table(heads, rows, widths, 'ff-kinds')}"


def _first_line(place: str) -> str:
    """The first line of the docstring of "package.module:name", read without importing it."""
    module, _, name = place.partition(":")
    folder = Path(__file__).resolve().parent.parent / "workflow"
    for statement in ast.parse((folder / f"{module.replace('.', '/')}.py").read_bytes()).body:
        if getattr(statement, "name", None) == name:
            return (ast.get_docstring(statement) or "").partition("\n")[0]
    return ""


# ---- Claims ----------------------------------------------------------------------------------------------------------


def claims(found: Mapping[str, Mapping[str, Any]]) -> str:
    """A table of all claims, in the order of the paper's sections."""
    rows = []
    # Within a section in the order of the declarations, where one may refer to the one before.
    for name, kind in sorted(found.items(), key=lambda item: item[1]["section"].split(",")[0]):
        texts = [_text(kind.get(key, "")) for key in ("section", "statement", "estimate", "control")]
        rows.append([_code(name), *texts, _bounds(kind["holds"])])
    heads = ["claim", "section", "statement", "estimate", "control", "holds if"]
    return _list_table(heads, rows, [18, 10, 24, 26, 11, 11], "ff-kinds")


def _bounds(holds: Mapping[str, tuple[str, float]]) -> str:
    """The bound of each part of a claim, in words."""
    sides = {">": "above", "<": "below"}
    names = {"": "", "*": "each "}
    return "; ".join(f"{names.get(part, f'{part} ')}{sides[side]} {bound:g}" for part, (side, bound) in holds.items())


# ---- The library -----------------------------------------------------------------------------------------------------


def api_pages(library: Path) -> dict[str, str]:
    """A page per package, with a section per module, and one page for the modules beside the packages."""
    pages: dict[str, list[str]] = {}
    # A package sorts before the modules in it.
    for place in sorted(path.relative_to(library.parent).with_suffix("").parts for path in library.rglob("*.py")):
        parts = place[:-1] if place[-1] == "__init__" else place
        is_package = parts != place
        page = parts[1] if len(parts) > 2 or (len(parts) == 2 and is_package) else parts[0]
        module = ".".join(parts)
        # A section is called by the name that its page's lacks.
        heading = f"# {module}" if page not in pages else f"## {'.'.join(parts[1 if page == parts[0] else 2 :])}"
        pages.setdefault(page, []).append(f"{heading}\n\n```{{eval-rst}}\n.. automodule:: {module}\n```\n")
    return {name: "\n".join(sections) for name, sections in pages.items()}


# ---- Markdown --------------------------------------------------------------------------------------------------------


def _key_table(rows: list[list[str]]) -> str:
    """A table of configuration keys; a sentence if there are none."""
    if not rows:
        return "It has no keys.\n"
    return _list_table(["key", "allowed", "default", "meaning"], rows, [24, 20, 14, 42], "ff-keys")


def _list_table(heads: list[str], rows: list[list[str]], widths: list[int], name: str) -> str:
    """A table whose cells may be of any length."""
    head = [":::{list-table}", ":header-rows: 1", f":class: {name}", f":widths: {' '.join(map(str, widths))}", ""]
    body = ["\n  - ".join(["* - " + row[0], *row[1:]]) for row in [heads, *rows]]
    return "\n".join([*head, *body, ":::", ""])


def _text(plain: str) -> str:
    """Plain text as Markdown."""
    plain = " ".join(plain.split()).replace("``", "`")
    parts = re.split(r"(`[^`]+`)", plain)
    parts[::2] = [re.sub(r"([\\`*_<>\[\]{}|$#])", r"\\\1", part) for part in parts[::2]]
    return "".join(parts)


def _sentence(plain: str) -> str:
    """Plain text as a sentence of Markdown, from a capital to a full stop."""
    return _text(plain[:1].upper() + plain[1:]) + ("" if plain.endswith(".") else ".")


def _plain(value: Any) -> str:
    """A value as YAML would have it in a line."""
    return yaml.safe_dump(value, default_flow_style=True, width=1000).removesuffix("...\n").strip()


def _code(text: str) -> str:
    """Text as code."""
    return f"`{text}`" if text else ""
