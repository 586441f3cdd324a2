"""What a piece of source says and asks for: a normalised text of its syntax tree, and the names it leaves free.

The text is the same on every Python version and for every way of writing the same thing: positions, comments,
docstrings, parentheses, ``pass``, implicit concatenation and type parameters leave no trace in it. It is written
with a stack of things still to visit rather than by recursion: what Python can parse is not too deep for it.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any, NamedTuple

from graph.imports import Chain, Imported, chain_of, declares, imported_by, type_checking
from graph.scopes import ANNOTATION, CLASS, CLOSE, COMPREHENSION, FUNCTION, MODULE, Close, Reader, Scope

_RESOLVED_LATE = frozenset({"getattr", "globals", "eval", "exec", "import_module", "__import__"})
_SHOWN = 60  # characters of a dynamic call that are told


class Dynamic(NamedTuple):
    """A call whose target only shows when it runs."""

    line: int
    text: str


class Syntax(NamedTuple):
    """A piece of source.

    Args:
        text: its normalised syntax tree.
        names: what it looks up in its module, or in a function around it.
        imports: what it reads of the imports made inside it.
        dynamic: calls that cannot be followed.
    """

    text: str
    names: frozenset[Chain]
    imports: frozenset[tuple[Imported, Chain]]
    dynamic: tuple[Dynamic, ...]


def read(
    nodes: Sequence[ast.AST],
    *,
    declarers: Mapping[str, str] | None = None,
    defaults_apart: ast.AST | None = None,
) -> Syntax:
    """What some nodes of one module, at its level or inside it, say and ask for.

    Args:
        declarers: by name, what it stands for in the engine: ``asset`` -> ``graph.asset``, ``g`` -> ``graph``. The
            options of a declaration are no code of the function and leave no trace.
        defaults_apart: a function whose defaults are left out, since their values are at hand.

    >>> read(ast.parse("total = (price * 2)  # twice").body).text
    '(= (Mult $price i0x2 ) $total )'
    >>> sorted(read(ast.parse("def f(x): return np.log(x) + offset").body).names)
    [('np', 'log'), ('offset',)]
    """
    reader = Reader(declarers or {}, defaults_apart)
    todo, write = reader.todo, reader.out.append
    todo += reversed(nodes)
    while todo:
        item = todo.pop()
        kind = type(item)
        if kind is str:
            write(item)
        else:
            _HANDLERS.get(kind, _any_node)(reader, item)
    outermost = reader.scope
    dynamic = sorted(Dynamic(call.lineno, _shown(call)) for _, call in outermost.calls)
    return Syntax(" ".join(reader.out), frozenset(outermost.loads), frozenset(reader.imports), tuple(dynamic))


def _shown(call: ast.Call) -> str:
    text = ast.unparse(call)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."


# Nodes that write more than what they are made of, or bind or read a name.


def _name(r: Reader, node: ast.Name) -> None:
    name = node.id
    r.out.append("$" + name)
    if type(node.ctx) is ast.Load:
        r.load((name,))
    else:
        r.bind(name)


def _attribute(r: Reader, node: ast.Attribute) -> None:
    chain = chain_of(node)
    if chain:
        r.out.append("$" + ".".join(chain))
        r.load(chain)
    else:
        r.out.append("(." + node.attr)
        r.todo += (")", node.value)


def _constant(r: Reader, node: ast.Constant) -> None:
    r.out.append(written(node.value))


def written(value: object) -> str:
    """A constant by type and value, the same on every Python version (``repr`` of a text is not)."""
    match value:
        case str():
            return ascii(value)
        case bool() | None:
            return str(value)
        case int():
            return f"i{value:#x}"  # decimal digits are slow, and refused beyond a few thousand
        case _:
            return repr(value)


def _call(r: Reader, node: ast.Call) -> None:
    function: ast.expr | None = node.func
    positional, keywords = node.args, node.keywords
    kind = type(function)
    called = function.id if kind is ast.Name else function.attr if kind is ast.Attribute else ""  # type: ignore[union-attr]  # told by kind
    if called in _RESOLVED_LATE:
        _late_call(r, node, called)
    declaring = function.func if isinstance(function, ast.Call) else function
    if r.declarers and declares(r.declarers, chain_of(declaring)):  # type: ignore[arg-type]  # told by kind
        r.out.append("(declared")
        keywords, function = [], None
    else:
        r.out.append("(call")
    r.todo.append(")")
    if keywords:
        r.todo += reversed(keywords)
    if positional:
        r.todo += reversed(positional)
    if function is not None:
        r.todo.append(function)


def _late_call(r: Reader, node: ast.Call, called: str) -> None:
    """Follow a call that finds its target by name when the name is plain to see; note it otherwise."""
    given = [argument.value if isinstance(argument, ast.Constant) else None for argument in node.args]
    match called, given:
        case "getattr", [_, str(attribute), *_]:
            if chain := chain_of(node.args[0]):
                r.load((*chain, attribute))
        case (("import_module" | "__import__"), [str(module), *_]):
            level = sum(1 for _ in takewhile(".".__eq__, module))
            r.imports.add((Imported(module[level:], level), ()))
        case ("globals", [_, *_]) | ("getattr", [] | [_]):
            pass  # not the built-in, or an error
        case _ if isinstance(node.func, ast.Attribute) and called != "import_module":
            pass  # a method of that name
        case _:
            r.scope.calls.append((chain_of(node.func)[0] if chain_of(node.func) else "", node))


def _subscript(r: Reader, node: ast.Subscript) -> None:
    match node:
        case ast.Subscript(
            value=ast.Call(func=ast.Name(id="globals"), args=[]), slice=ast.Constant(value=str(name))
        ):
            r.out.append(f"(globals {name} )")
            r.load((name,))
        case _:
            r.out.append("([]")
            r.todo += (")", node.slice, node.value)


def _assign(r: Reader, node: ast.Assign) -> None:
    r.out.append("(=")
    r.todo.append(")")
    r.todo += reversed(node.targets)
    r.todo.append(node.value)  # read before the names are bound


def _augmented(r: Reader, node: ast.AugAssign) -> None:
    r.out.append(f"(= {type(node.op).__name__}")
    if isinstance(node.target, ast.Name):
        r.load((node.target.id,))
    r.todo += (")", node.target, node.value)


def _annotated(r: Reader, node: ast.AnnAssign) -> None:
    # Dataclasses and pydantic make code of the annotations in a class; elsewhere they only describe.
    r.out.append("(annotated")
    r.todo += (")", node.target)
    if node.value is not None:
        r.todo.append(node.value)
    if r.scope.kind == CLASS:
        r.todo.append(node.annotation)
    else:
        r.todo.append(_Quiet(node.annotation))


class _Quiet:
    """Stands on the stack for an expression whose text counts while its names are not followed."""

    __slots__ = ("node",)

    def __init__(self, node: ast.expr) -> None:
        self.node = node


def _quiet(r: Reader, item: _Quiet) -> None:
    r.open(ANNOTATION)
    r.todo += (CLOSE, item.node)


def _function(r: Reader, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    r.bind(node.name)
    r.out.append(f"({'async ' if type(node) is ast.AsyncFunctionDef else ''}def {node.name}")
    inside: list[Any] = []
    if node.returns is not None:
        inside += ("->", _Quiet(node.returns))
    inside += _statements(node.body)
    _callable(r, node, inside, node.decorator_list)


def _lambda(r: Reader, node: ast.Lambda) -> None:
    r.out.append("(lambda")
    _callable(r, node, [node.body], [])


class _Enter:
    """Stands on the stack where a function's own scope begins."""

    __slots__ = ("bound", "kind")

    def __init__(self, kind: int, bound: Sequence[str]) -> None:
        self.kind = kind
        self.bound = bound


def _enter(r: Reader, item: _Enter) -> None:
    r.open(item.kind).bound.update(item.bound)


def _callable(
    r: Reader,
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda,
    inside: list[Any],
    decorators: Sequence[ast.expr],
) -> None:
    """Push a function: decorators and defaults belong to the scope around it, the rest is its own."""
    arguments = node.args
    around: list[Any] = ["@"]
    around += [each for each in decorators if not _declaration(r, each)]
    if node is not r.defaults_apart:
        around += arguments.defaults
        around += ["-" if each is None else each for each in arguments.kw_defaults]
    shape: list[Any] = []
    bound: list[str] = []
    for mark, group in (
        ("/", arguments.posonlyargs),
        ("", arguments.args),
        ("*", [arguments.vararg]),
        ("kw", arguments.kwonlyargs),
        ("**", [arguments.kwarg]),
    ):
        for argument in group:
            if argument is None:
                continue
            bound.append(argument.arg)
            shape.append(f"{mark}:{argument.arg}")
            if argument.annotation is not None:
                shape.append(_Quiet(argument.annotation))
    bound += [each.name for each in getattr(node, "type_params", ())]
    r.todo += reversed([*around, _Enter(FUNCTION, bound), *shape, ":", *inside, CLOSE, ")"])


def _declaration(r: Reader, decorator: ast.expr) -> bool:
    return declares(r.declarers, chain_of(decorator.func if isinstance(decorator, ast.Call) else decorator))


def _class(r: Reader, node: ast.ClassDef) -> None:
    r.bind(node.name)
    r.out.append(f"(class {node.name} @")
    parameters = [each.name for each in getattr(node, "type_params", ())]
    parts: list[Any] = [each for each in node.decorator_list if not _declaration(r, each)]
    if parameters:
        parts.append(_Enter(FUNCTION, parameters))
    parts += [":", *node.bases, *node.keywords, _Enter(CLASS, ()), *_statements(node.body), CLOSE]
    if parameters:
        parts.append(CLOSE)
    r.todo += reversed([*parts, ")"])


def _comprehension(r: Reader, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp) -> None:
    """Push a comprehension: its first iterable belongs to the scope around it."""
    first, *others = node.generators
    r.out.append(f"({type(node).__name__}")
    parts: list[Any] = [first.iter, _Enter(COMPREHENSION, ()), *_generator(first)]
    for generator in others:
        parts += (generator.iter, *_generator(generator))
    parts += (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,)
    r.todo += reversed([*parts, CLOSE, ")"])


def _generator(node: ast.comprehension) -> list[Any]:
    return ["(async for" if node.is_async else "(for", node.target, *node.ifs, ")"]


def _walrus(r: Reader, node: ast.NamedExpr) -> None:
    """A walrus binds in the function around, whatever comprehensions it stands in."""
    scope: Scope | None = r.scope
    while scope is not None and scope.kind == COMPREHENSION:
        scope = scope.outer
    if scope is not None and node.target.id not in scope.declared_global:
        scope.bound.add(node.target.id)
    r.out.append(f"(:= {node.target.id}")
    r.todo += (")", node.value)


def _import(r: Reader, node: ast.Import | ast.ImportFrom) -> None:
    for name, found in imported_by(node):
        r.out.append(f"(import {name} {'.' * found.level}{found.module} {found.name} {found.loaded} )")
        if r.scope.kind == MODULE:  # what a module imports is looked up by the name
            continue
        r.bind(name)
        r.scope.imports.setdefault(name, []).append(found)
        if not found.level and found.module.partition(".")[0] == "graph":
            r.declarers[name] = f"{found.module}.{found.name}" if found.name else found.module


def _global(r: Reader, node: ast.Global) -> None:
    r.out.append(f"(global {' '.join(node.names)} )")
    r.scope.declared_global.update(node.names)
    r.scope.bound.difference_update(node.names)


def _binding(field: str) -> Callable[[Reader, Any], None]:
    """A node whose ``field`` is the name that it binds."""

    def visit(r: Reader, node: ast.AST) -> None:
        if name := getattr(node, field):
            r.bind(name)
        _any_node(r, node)

    return visit


def _joined(r: Reader, node: ast.JoinedStr) -> None:
    """An f-string: neighbouring texts are one, empty ones none, whatever the parser made of them."""
    parts: list[Any] = []
    for value in node.values:
        text = value.value if isinstance(value, ast.Constant) else None
        if isinstance(text, str):
            if parts and isinstance(parts[-1], str):
                parts[-1] += text
            elif text:
                parts.append(text)
        else:
            parts.append(value)
    if all(isinstance(part, str) for part in parts):
        r.out.append(ascii("".join(parts)))
        return
    r.out.append("(f")
    r.todo.append(")")
    r.todo += [ascii(part) if isinstance(part, str) else part for part in reversed(parts)]


def _formatted(r: Reader, node: ast.FormattedValue) -> None:
    r.out.append(f"(format {node.conversion}")
    r.todo.append(")")
    if isinstance(node.format_spec, ast.JoinedStr) and node.format_spec.values:
        r.todo.append(node.format_spec)
    r.todo.append(node.value)


def _binary(r: Reader, node: ast.BinOp) -> None:
    r.out.append("(" + type(node.op).__name__)
    r.todo += (")", node.right, node.left)


def _compare(r: Reader, node: ast.Compare) -> None:
    r.out.append("(" + " ".join([type(op).__name__ for op in node.ops]))
    r.todo.append(")")
    r.todo += reversed(node.comparators)
    r.todo.append(node.left)


def _if(r: Reader, node: ast.If) -> None:
    if type_checking(node.test):
        r.todo += reversed(_statements(node.orelse))
        return
    r.out.append("(if")
    r.todo.append(")")
    r.todo += reversed([node.test, ":", *_statements(node.body), "else", *_statements(node.orelse)])


def _statements(body: list[ast.stmt]) -> list[ast.stmt]:
    """The statements that do something: no ``pass``, no text or ``...`` standing alone."""
    return [
        each
        for each in body
        if type(each) is not ast.Pass and not (type(each) is ast.Expr and type(each.value) is ast.Constant)
    ]


def _expression(r: Reader, node: ast.Expr) -> None:
    if type(node.value) is not ast.Constant:
        r.todo.append(node.value)


def _list(r: Reader, items: list[Any]) -> None:
    r.out.append("[")
    r.todo.append("]")
    r.todo += reversed(items)


def _nothing(r: Reader, node: object) -> None:
    """What leaves no trace."""


def _close(r: Reader, item: Close) -> None:
    r.close()


_IGNORED = frozenset({"ctx", "kind", "type_comment", "type_ignores", "type_params", "simple"})


def _any_node(r: Reader, node: ast.AST) -> None:
    """A node of any other kind, or of a kind that is not known here: its fields that hold something, by name."""
    if not isinstance(node, ast.AST):
        r.out.append(written(node))
        return
    r.out.append("(" + type(node).__name__)
    todo = r.todo
    todo.append(")")
    for field in reversed(node._fields):
        value = getattr(node, field, None)
        if field not in _IGNORED and value is not None and value != []:
            todo.append(value)
            todo.append(field)


_HANDLERS: dict[type, Callable[[Reader, Any], None]] = {
    ast.Name: _name,
    ast.Attribute: _attribute,
    ast.Constant: _constant,
    ast.Call: _call,
    ast.Subscript: _subscript,
    ast.Assign: _assign,
    ast.AugAssign: _augmented,
    ast.AnnAssign: _annotated,
    ast.FunctionDef: _function,
    ast.AsyncFunctionDef: _function,
    ast.Lambda: _lambda,
    ast.ClassDef: _class,
    ast.ListComp: _comprehension,
    ast.SetComp: _comprehension,
    ast.GeneratorExp: _comprehension,
    ast.DictComp: _comprehension,
    ast.NamedExpr: _walrus,
    ast.Import: _import,
    ast.ImportFrom: _import,
    ast.Global: _global,
    ast.ExceptHandler: _binding("name"),
    ast.MatchAs: _binding("name"),
    ast.MatchStar: _binding("name"),
    ast.MatchMapping: _binding("rest"),
    ast.JoinedStr: _joined,
    ast.FormattedValue: _formatted,
    ast.BinOp: _binary,
    ast.Compare: _compare,
    ast.If: _if,
    ast.Expr: _expression,
    ast.Pass: _nothing,
    list: _list,
    Close: _close,
    _Quiet: _quiet,
    _Enter: _enter,
}
