"""The available kinds: each file of a package declares its own kinds as a literal at the top of the file.

A declaration is data, ``BASES = {"random": {"make": "random_basis", "label": "random (control)", ...}}``. The workflow
therefore knows every kind without importing the code that computes it, and a user declares a kind in the configuration
with the same keys.
"""

import ast
import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Kind = Mapping[str, Any]

#: Keys of a declaration that name functions of its file.
FUNCTIONS = ("make", "draw", "hover")


@functools.cache
def declared(noun: str) -> dict[str, Kind]:
    """Return the kinds of a package of this library, by name, in the order of its files.

    Args:
        noun: name of the package, such as ``bases``; its files assign a dict to the same name in upper case.

    Returns:
        For each kind its declaration, with its functions as "package.module:function".
    """
    found: dict[str, Kind] = {}
    library = Path(__file__).parent
    for path in sorted(library.rglob(f"{noun}/*.py")):
        module = ".".join(path.relative_to(library.parent).with_suffix("").parts)
        for name, kind in _literal(path, noun.upper()).items():
            if name in found:
                raise ValueError(
                    f"{noun}: {name!r} is declared twice, in {found[name]['make'].split(':')[0]} and {module}"
                )
            found[name] = {**kind, **{key: f"{module}:{kind[key]}" for key in FUNCTIONS if key in kind}}
    return found


@functools.cache
def sections() -> dict[str, Kind]:
    """Return the sections of the configuration that packages of this library declare as ``SECTIONS``."""
    found = {}
    for path in sorted(Path(__file__).parent.glob("*/__init__.py")):
        found.update(_literal(path, "SECTIONS"))
    return found


def _literal(path: Path, name: str) -> dict[str, Kind]:
    """Return the dict that a Python file assigns to a name at its top level; empty if there is none."""
    for statement in ast.parse(path.read_bytes()).body:
        if isinstance(statement, ast.Assign) and [ast.unparse(target) for target in statement.targets] == [name]:
            return ast.literal_eval(statement.value)
    return {}


def function_at(place: str) -> Callable[..., Any]:
    """Import the function "package.module:name", such as ``make`` of a kind."""
    module, _, name = place.partition(":")
    return getattr(importlib.import_module(module), name)


def called(place: str, given: Mapping[str, Any]) -> Any:
    """Call the function "package.module:name" with those of the given values that its parameters name."""
    function = function_at(place)
    return function(**{name: given[name] for name in inspect.signature(function).parameters})
