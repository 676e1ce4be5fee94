"""What kinds there are: each file of a package declares its own, as a literal at its top.

A declaration is data, ``BASES = {"random": {"make": "random_basis", "label": "random (control)", ...}}``, so that the
workflow knows every kind without importing what it computes with, and so that a user's own kind is declared in the
configuration by the same keys.
"""

import ast
import functools
import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Kind = Mapping[str, Any]


@functools.cache
def declared(noun: str) -> dict[str, Kind]:
    """The kinds of a package of this library, by name, in the order of its files.

    Args:
        noun: name of the package, such as ``bases``; its files assign a dict to the same name in capitals.

    Returns:
        For each kind what its file says of it, with ``make`` as "package.module:function".
    """
    found = {}
    library = Path(__file__).parent
    for path in sorted(library.rglob(f"{noun}/*.py")):
        module = ".".join(path.relative_to(library.parent).with_suffix("").parts)
        for name, kind in _literal(path, noun.upper()).items():
            found[name] = {**kind, "make": f"{module}:{kind['make']}"}
    return found


@functools.cache
def sections() -> dict[str, Kind]:
    """The sections of the configuration that packages of this library declare, as ``SECTIONS``."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*/__init__.py")):
        found.update(_literal(path, "SECTIONS"))
    return found


def _literal(path: Path, name: str) -> dict[str, Kind]:
    """What a file of Python assigns to a name at its top level; empty if it does not."""
    for statement in ast.parse(path.read_bytes()).body:
        if isinstance(statement, ast.Assign) and [ast.unparse(target) for target in statement.targets] == [name]:
            return ast.literal_eval(statement.value)
    return {}


def function_at(place: str) -> Callable[..., Any]:
    """The function "package.module:name", such as ``make`` of a kind, imported."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)
