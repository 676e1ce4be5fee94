"""What a file of Python imports, near and far; it is read, not run."""

import ast
import functools
import importlib.util
import itertools
from pathlib import Path

import friendlyfire


@functools.cache
def syntax(path: Path) -> ast.Module:
    """The syntax tree of a file of Python.

    Raises:
        SyntaxError: it is no Python.
        ValueError: its bytes are no text.
    """
    return ast.parse(importlib.util.decode_source(path.read_bytes()))


def with_imports(file: Path, folders: tuple[Path, ...]) -> set[Path]:
    """A file and all modules below some folders that it imports, with the packages that they are in.

    Args:
        file: of Python.
        folders: where imports are looked for, as in ``sys.path``; what is elsewhere is not followed.

    Raises:
        SyntaxError, ValueError: see :func:`syntax`, of any of the files.
    """
    packages = {parent / "__init__.py" for folder in folders for parent in file.parents if folder in parent.parents}
    waiting, found = [file, *filter(Path.is_file, packages)], set()
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imported(path, folders)
    return found


@functools.cache
def _imported(reader: Path, folders: tuple[Path, ...]) -> frozenset[Path]:
    """The modules and packages that one file imports itself."""
    found = set()
    for node in ast.walk(syntax(reader)):
        names, roots = [], folders
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            # What friendlyfire gives from its modules when it is asked for is followed to the module.
            lazy = friendlyfire.MODULE_OF if node.module == "friendlyfire" else {}
            names = [lazy.get(alias.name, alias.name) for alias in node.names]
            names = [f"{node.module}.{name}" for name in names] if node.module else names
            roots = (reader.parents[node.level - 1],) if node.level else folders
        # Whoever imports a.b.c imports a and a.b.
        parts = {tuple(prefix) for name in names for prefix in itertools.accumulate([p] for p in name.split("."))}
        for root, part in itertools.product(roots, parts):
            place = root.joinpath(*part)
            found.update(filter(Path.is_file, (place.with_suffix(".py"), place / "__init__.py")))
    return frozenset(found)
