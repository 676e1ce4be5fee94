"""The code that a result depends on: a function and every definition that it uses, directly or indirectly.

The code is parsed, not run. A definition counts by what it computes: not by the file that holds it, nor by its
docstring, comments, annotations, errors and log messages. Editing any of these reruns nothing.
"""

import ast
import functools
import hashlib
import importlib.util
from collections import Counter, defaultdict
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
        own = {Definition(module.path, name) for name in module.bound}
        return "", frozenset(own.union(target for _, target in _imports_of(module.path, folders)))
    if definition.name == "":
        imported = {target for _, target in _imports_of(module.path, folders)}
        statements, used = module.effects, _packages(module.path, folders) | {Definition(d.path, "") for d in imported}
    else:
        statements, used = module.bound.get(definition.name, []), {Definition(module.path, "")}
    used = used.union(*(_used(statement, module, folders) for statement in statements))
    return "\n".join(map(_dumped, statements)), frozenset(used)


def _dumped(statement: ast.stmt) -> str:
    """Return a statement as text, the same in all versions of Python, which differ in the empty fields of nodes."""
    for node in ast.walk(statement):
        for name, value in list(ast.iter_fields(node)):
            if value == []:
                delattr(node, name)
    return ast.dump(statement)


def _packages(path: Path, folders: tuple[Path, ...]) -> set[Definition]:
    """Return the code that the module's packages run when it is imported."""
    packages = {parent / "__init__.py" for folder in folders for parent in path.parents if folder in parent.parents}
    return {Definition(package, "") for package in packages if package.is_file() and package != path}


@functools.cache
def _module(path: Path) -> _Module:
    module, statements = _Module(path), ast.parse(importlib.util.decode_source(path.read_bytes())).body
    for statement in statements:
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef):  # under conditions too
            module.imports += [node for node in ast.walk(statement) if isinstance(node, ast.Import | ast.ImportFrom)]
    words = _WithoutWords(frozenset(_reporting(module.imports)))
    for statement in statements:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            continue
        plain = words.visit(statement)
        names = set(_bound(plain))
        if not names and not isinstance(plain, ast.Pass):
            module.effects.append(plain)
        for name in names:
            module.bound.setdefault(name, []).append(plain)
    return module


def _reporting(imports: Iterable[ast.stmt]) -> Iterator[str]:
    """Yield the names of functions whose texts are for people."""
    for statement in imports:
        if isinstance(statement, ast.ImportFrom) and _is_no_result(statement.module or ""):
            yield from (alias.asname or alias.name for alias in statement.names if alias.name in _REPORTING)


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
    names, attributes, inner = Counter(), defaultdict(list), []
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            names[node.id] += 1
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            attributes[node.value.id].append(node.attr)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            inner.append(node)
    used = {Definition(module.path, name) for name in names if name in module.bound}
    imported = [*_imports_of(module.path, folders), *_imported(inner, module.path, folders)]
    for name, target in imported:
        if name not in names:
            continue
        if target.name != "*":
            used.add(target)
            continue
        found = {_attribute(target.path, attribute, folders) for attribute in set(attributes[name])} - {None}
        # The whole module where it is passed on, or where what is taken from it is not found.
        alone = names[name] > len(attributes[name])
        used |= found | ({target} if alone or not found else set())
    return used


def _attribute(path: Path, name: str, folders: tuple[Path, ...]) -> Definition | None:
    """Return what a name of a module stands for: a definition, of that module or an imported one, or a module in it."""
    if origin := _origin(path, name, folders):
        return origin
    below = _file_of(name, (path.parent,)) if path.name == "__init__.py" else None
    return Definition(below, "*") if below else None


@functools.cache
def _imports_of(path: Path, folders: tuple[Path, ...]) -> tuple[tuple[str, Definition], ...]:
    """Return what the imports at the top level of a module bind; see :func:`_imported`."""
    return tuple(_imported(_module(path).imports, path, folders))


def _imported(
    statements: Iterable[ast.stmt], reader: Path, folders: tuple[Path, ...]
) -> Iterator[tuple[str, Definition]]:
    """Yield the names that imports bind, with the definitions they stand for, if these are below the folders."""
    for binding in _bindings(statements, reader, folders):
        for name in _exports(binding.module, folders) if binding.name == "*" else [binding.name]:
            if target := _target(binding, name, folders):
                yield name, target


class _Binding(NamedTuple):
    """What an import binds: a name of a module, or a whole module; "*" is for all names of a module."""

    name: str
    module: Path | None
    inner: str
    whole: Path | None = None


def _bindings(statements: Iterable[ast.stmt], reader: Path, folders: tuple[Path, ...]) -> Iterator[_Binding]:
    for statement in statements:
        if isinstance(statement, ast.Import):
            for alias in statement.names:
                parts = alias.name.split(".")
                # ``import a.b`` binds a, and what is taken from it may stand in b.
                for module in [alias.name] if alias.asname else [parts[0], alias.name] if len(parts) > 1 else parts:
                    yield _Binding(alias.asname or parts[0], None, "", _file_of(module, folders))
            continue
        roots = (reader.parents[statement.level - 1],) if statement.level else folders
        path = _file_of(statement.module, roots) if statement.module else None
        for alias in statement.names:
            if alias.name != "*":
                whole = _file_of(".".join(filter(None, (statement.module, alias.name))), roots)
                yield _Binding(alias.asname or alias.name, path, alias.name, whole)
            elif path:
                yield _Binding("*", path, "*")


@functools.cache
def _bindings_of(path: Path, folders: tuple[Path, ...]) -> tuple[_Binding, ...]:
    return tuple(_bindings(_module(path).imports, path, folders))


def _exports(path: Path, folders: tuple[Path, ...], seen: frozenset[Path] = frozenset()) -> dict[str, None]:
    """Return the names that a module binds, in their order; modules may import each other in a circle."""
    if path in seen:
        return {}
    names = dict.fromkeys(_module(path).bound)
    for name, module, *_ in _bindings_of(path, folders):
        names |= _exports(module, folders, seen | {path}) if name == "*" else {name: None}
    return names


def _target(
    binding: _Binding, name: str, folders: tuple[Path, ...], seen: frozenset[Definition] = frozenset()
) -> Definition | None:
    """Return what an import binds to a name: a definition or a module."""
    inner = name if binding.name == "*" else binding.inner
    origin = _origin(binding.module, inner, folders, seen) if binding.module else None
    return origin or (Definition(binding.whole, "*") if binding.whole else None)


def _origin(
    path: Path, name: str, folders: tuple[Path, ...], seen: frozenset[Definition] = frozenset()
) -> Definition | None:
    """Return the definition of a name of a module: in that module, or where it is imported from."""
    here, found = Definition(path, name), None
    if name in _module(path).bound:
        return here
    if here in seen:  # a circle of imports
        return None
    for binding in _bindings_of(path, folders):
        if binding.name in (name, "*"):
            found = _target(binding, name, folders, seen | {here}) or found
    return found


def _is_no_result(module: str) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in _NO_RESULT)


@functools.cache
def _file_of(name: str, folders: tuple[Path, ...]) -> Path | None:
    """Return the file of a module or package below one of the folders, if there is one."""
    if _is_no_result(name):
        return None
    for folder in folders:
        place = folder.joinpath(*name.split("."))
        for path in (place.with_suffix(".py"), place / "__init__.py"):
            if path.is_file():
                return path
    return None


class _WithoutWords(ast.NodeTransformer):
    """Removes docstrings, annotations and messages from a statement.

    Args:
        reporting: names of functions whose texts are for people.
    """

    def __init__(self, reporting: frozenset[str]):
        self.reporting = reporting

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
        if isinstance(node.func, ast.Name) and node.func.id in self.reporting:
            node.args = [part for part in node.args if not isinstance(part, ast.Constant | ast.JoinedStr)]
        return node


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
