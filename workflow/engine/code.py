"""The code that a result depends on: a function and every definition that it uses, directly or indirectly.

The code is parsed, not run. A definition counts by what it computes: not by the file that holds it, nor by its
docstring, comments, annotations, errors and log messages. Editing any of these reruns nothing.
"""

import ast
import functools
import hashlib
import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

#: Modules that only run jobs or report their progress: no result depends on them.
_NO_RESULT = ("engine", "friendlyfire.records.progress")

#: Functions whose text arguments are messages to the user.
_REPORTING = ("announce", "progress", "Progress")


class Definition(NamedTuple):
    """A name bound at the top level of a module; "*" stands for all names, "" for the statements that bind none."""

    path: Path
    name: str


@dataclass
class _Module:
    """The top level of a Python file."""

    path: Path
    bound: dict[str, list[ast.stmt]] = field(default_factory=dict)  #: statements by the name that they bind
    effects: list[ast.stmt] = field(default_factory=list)  #: statements that bind no name
    imports: list[ast.stmt] = field(default_factory=list)


def digest_of_code(roots: Iterable[Definition], folders: tuple[Path, ...]) -> str:
    """Return the SHA-256, in 12 hex digits, of everything that the roots use; see :func:`definitions_behind`."""
    parts = sorted(definitions_behind(roots, folders).values())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def definitions_behind(roots: Iterable[Definition], folders: tuple[Path, ...]) -> dict[Definition, str]:
    """Return every definition that the roots use, the roots included, each with the code that counts.

    Args:
        roots: definitions to start from.
        folders: searched for imports, as in ``sys.path``; modules elsewhere are not followed.

    Raises:
        SyntaxError: a file is not valid Python.
        ValueError: the bytes of a file are not text.
    """
    waiting, found = list(roots), {}
    while waiting:
        definition = waiting.pop()
        if definition not in found:
            found[definition], used = _content(definition, folders)
            waiting += used
    return found


@functools.cache
def _content(definition: Definition, folders: tuple[Path, ...]) -> tuple[str, frozenset[Definition]]:
    """Return the code of one definition that counts, and the definitions that it names."""
    module = _module(definition.path)
    if definition.name == "*":
        return "", frozenset(Definition(module.path, name) for name in module.bound)
    if definition.name == "":
        imported = _imports_of(module.path, folders).values()
        statements, used = module.effects, _packages(module.path, folders) | {Definition(d.path, "") for d in imported}
    else:
        statements, used = module.bound.get(definition.name, []), {Definition(module.path, "")}
    used = used.union(*(_used(statement, module, folders) for statement in statements))
    return "\n".join(ast.dump(statement) for statement in statements), frozenset(used)


def _packages(path: Path, folders: tuple[Path, ...]) -> set[Definition]:
    """Return the code that the module's packages run when it is imported."""
    packages = {parent / "__init__.py" for folder in folders for parent in path.parents if folder in parent.parents}
    return {Definition(package, "") for package in packages if package.is_file() and package != path}


@functools.cache
def _module(path: Path) -> _Module:
    module = _Module(path)
    for statement in ast.parse(importlib.util.decode_source(path.read_bytes())).body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            module.imports.append(statement)
            continue
        plain = _WithoutWords().visit(statement)
        names = set(_bound(plain))
        if not names and not isinstance(plain, ast.Pass):
            module.effects.append(plain)
        for name in names:
            module.bound.setdefault(name, []).append(plain)
    return module


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement binds in the namespace of its module."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        yield statement.name
        return
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def _used(statement: ast.stmt, module: _Module, folders: tuple[Path, ...]) -> set[Definition]:
    """Return the definitions, of the same module and of imported ones, that a statement names."""
    names = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name)}
    attributes = {
        (node.value.id, node.attr)
        for node in ast.walk(statement)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    used = {Definition(module.path, name) for name in names if name in module.bound}
    inner = [node for node in ast.walk(statement) if isinstance(node, ast.Import | ast.ImportFrom)]
    imported = {**_imports_of(module.path, folders), **dict(_imported(inner, module.path, folders))}
    for name in names & set(imported):
        target = imported[name]
        if target.name != "*":
            used.add(target)
            continue
        # The attributes taken from a module, or the whole module where it is passed on.
        taken = {attribute for base, attribute in attributes if base == name}
        used |= {Definition(target.path, attribute) for attribute in taken} or {target}
    return used


@functools.cache
def _imports_of(path: Path, folders: tuple[Path, ...]) -> dict[str, Definition]:
    """Return what the imports at the top level of a module bind; see :func:`_imported`."""
    return dict(_imported(_module(path).imports, path, folders))


def _imported(
    statements: Iterable[ast.stmt], reader: Path, folders: tuple[Path, ...]
) -> Iterator[tuple[str, Definition]]:
    """Yield the names that imports bind, with the definitions they stand for, if these are below the folders."""
    for statement in statements:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                path = _file_of(alias.name if alias.asname else alias.name.partition(".")[0], folders)
                if path:
                    yield alias.asname or alias.name.partition(".")[0], Definition(path, "*")
            continue
        roots = (reader.parents[statement.level - 1],) if statement.level else folders
        for alias in statement.names:
            name = alias.asname or alias.name
            whole = _file_of(".".join(filter(None, (statement.module, alias.name))), roots)
            path = _file_of(statement.module, roots) if statement.module else None
            origin = _origin(path, alias.name, folders) if path else None
            if origin or whole:
                yield name, origin or Definition(whole, "*")


def _origin(path: Path, name: str, folders: tuple[Path, ...]) -> Definition | None:
    """Return the definition of a name of a module: in that module, or where it is imported from."""
    module = _module(path)
    if name in module.bound:
        return Definition(path, name)
    return _imports_of(path, folders).get(name)


@functools.cache
def _file_of(name: str, folders: tuple[Path, ...]) -> Path | None:
    """Return the file of a module or package below one of the folders, if there is one."""
    if name.startswith(_NO_RESULT):
        return None
    for folder in folders:
        place = folder.joinpath(*name.split("."))
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                return path
    return None


class _WithoutWords(ast.NodeTransformer):
    """Removes docstrings, annotations and messages from a statement."""

    def _documented(self, node: ast.FunctionDef | ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        node.body = [part for part in node.body if not _is_text(part)] or [ast.Pass()]
        return node

    visit_ClassDef = _documented  # noqa: N815

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self._documented(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        node.annotation = ast.Constant(None)
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        kind = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
        return ast.Raise(exc=kind, cause=None)

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        call = node.value
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute):
            base = call.func.value
            if isinstance(base, ast.Name) and base.id in ("logging", "warnings"):
                return ast.Pass()
        return ast.Pass() if _is_text(node) else self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id in _REPORTING:
            node.args = [part for part in node.args if not isinstance(part, ast.Constant | ast.JoinedStr)]
        return node


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
