"""From declarations to a graph, or to every definition error at once."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from graph.aside import aside_key, aside_out
from graph.asset_graph import Asset, AssetGraph, Context, FromConfig, FromResource, Input, Provider, Upstream
from graph.declare import (
    Declaration,
    Defaults,
    Execution,
    Format,
    Given,
    Labels,
    Out,
    Reads,
    declaration_of,
    provider_of,
    with_defaults,
)
from graph.deeds import resolved
from graph.definition_problems import problems_of, problems_outside
from graph.destination import Outside
from graph.errors import DefinitionErrors, Problem, Where, near_miss
from graph.mappings import PartitionMapping, default_mapping
from graph.partitions import Partitions

_CONTEXTS = frozenset({"Window", "Run", "Previous", "Provenance", "Troubles"})
_MOST_LOOPS = 100
"""More than anybody mends at once; it bounds the time that a dense tangle takes."""
_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """A declared output with its key and place, before its parameters have a meaning."""

    key: str
    producer: str
    out: Out
    declaration: Declaration
    where: Where
    aside: str | None = None
    aside_of: str | None = None


def build_graph(
    declared: Iterable[Callable[..., Any]],
    *,
    roots: Sequence[str] = ("assets",),
    defaults: Mapping[str, Defaults] | None = None,
    project_root: str = "",
) -> AssetGraph:
    """The graph of the declared functions and providers.

    Args:
        declared: functions decorated with `asset`, `multi_asset`, `source` or `resource`.
        roots: packages whose sub-packages are groups.
        defaults: options by package name, for the declarations made below it.
        project_root: the folder that file names are shown relative to.

    Raises:
        DefinitionErrors: everything that is wrong, found together.
    """
    problems: list[Problem] = []
    drafts: dict[str, _Draft] = {}
    providers: dict[str, Provider] = {}
    for function in declared:
        where = place(function, project_root)
        if provider_of(function):
            _add_provider(providers, function, where, problems)
        declaration = declaration_of(function)
        if declaration is not None:
            module = function.__module__ or ""  # code that was made from text may have none
            package_defaults = _defaults_for(module, defaults or {})
            declaration = with_defaults(declaration, package_defaults)
            _add_drafts(drafts, declaration, group_of(module, roots), where, problems)
    names = _Names(drafts)
    partitions = {key: draft.declaration.partitions for key, draft in drafts.items()}
    assets = {key: _resolve(draft, names, providers, partitions, problems) for key, draft in drafts.items()}
    ordered = _in_order(assets, problems)
    private = _private(ordered)
    for asset in assets.values():
        problems.extend(problems_of(asset, assets, private.get(asset.key, frozenset())))
    problems.extend(problems_outside(assets.values(), providers))
    if problems:
        raise DefinitionErrors(problems)
    return _graph(ordered, providers, private)


def place(function: Callable[..., Any], project_root: str = "") -> Where:
    """Where a function is written."""
    code = inspect.unwrap(function).__code__
    file = code.co_filename
    prefix = project_root.rstrip("/") + "/"
    return Where(file=file.removeprefix(prefix) if project_root else file, line=code.co_firstlineno)


def group_of(module: str, roots: Sequence[str]) -> str:
    """The group of an asset written in ``module``: the package below a root, or the last name there is.

    >>> group_of("assets.market.prices", ("assets",))
    'market'
    >>> group_of("acme.data.daily", ("acme.data",))
    'data'
    """
    parts = (module or "main").strip("_").split(".")
    for root in roots:
        depth = len(root.split("."))
        if module == root or module.startswith(root + "."):
            return parts[depth] if len(parts) > depth + 1 else parts[depth - 1]
    return parts[-2] if len(parts) > 1 else parts[-1]


def _defaults_for(module: str, defaults: Mapping[str, Defaults]) -> Defaults:
    package = module
    while package:
        if package in defaults:
            return defaults[package]
        package = package.rpartition(".")[0]
    return Defaults(run=Execution(), labels=Labels())


def _add_provider(
    providers: dict[str, Provider], function: Callable[..., Any], where: Where, problems: list[Problem]
) -> None:
    returned = _text(function.__annotations__.get("return"))
    if returned is None:
        problems.append(
            Problem(key=function.__name__, where=where, message="is a resource without a return type.")
        )
        return
    name = _last_name(returned)
    if name in providers:
        message = f"provides {name}, which {providers[name].where} provides already."
        problems.append(Problem(key=function.__name__, where=where, message=message))
        return
    settings = {
        parameter: _object(function, function.__annotations__.get(parameter))
        for parameter in inspect.signature(function).parameters
    }
    providers[name] = Provider(resource=name, function=function, settings=settings, where=where)


def is_key(text: str) -> bool:
    """Whether a text is written as a key is: group/name."""
    return _KEY.fullmatch(text) is not None


def _add_drafts(
    drafts: dict[str, _Draft], declaration: Declaration, group: str, where: Where, problems: list[Problem]
) -> None:
    if not declaration.outputs:
        name = declaration.function.__name__
        problems.append(
            Problem(key=name, where=where, message="declares no output; give multi_asset an Out(...).")
        )
        return
    keys = [out.name if "/" in out.name else f"{group}/{out.name}" for out in declaration.outputs]
    outputs = list(zip(keys, declaration.outputs, strict=True))
    taking = {key: aside for key, out in outputs if (aside := aside_key(key, out)) is not None}
    of = {aside: key for key, aside in taking.items()}
    for key, out in [*outputs, *((aside, aside_out(key)) for aside, key in of.items())]:
        if not is_key(key):
            message = "has a key that is not written group/name in letters, digits and '_.-'."
            problems.append(Problem(key=key, where=where, message=message))
        elif key in drafts:
            message = f"is declared twice; first at {drafts[key].where}."
            problems.append(Problem(key=key, where=where, message=message))
        else:
            drafts[key] = _Draft(
                key=key,
                producer=keys[0],
                out=out,
                declaration=declaration,
                where=where,
                aside=taking.get(key),
                aside_of=of.get(key),
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Edge:
    """An upstream whose partitions are not yet known."""

    parameter: str
    key: str
    annotation: str | None
    mapping: PartitionMapping | None

    def resolved(self, down: Partitions | None, up: Partitions | None) -> Upstream:
        """With the mapping that suits both sides, unless one was declared."""
        return Upstream(
            parameter=self.parameter,
            key=self.key,
            annotation=self.annotation,
            mapping=self.mapping or default_mapping(down, up),
        )


class _Names:
    """Which key a bare name means, seen from a group."""

    def __init__(self, drafts: Mapping[str, _Draft]) -> None:
        self.keys = frozenset(drafts)
        self.by_name: dict[str, list[str]] = {}
        for key in drafts:
            self.by_name.setdefault(key.rsplit("/", 1)[-1], []).append(key)

    def meant_by(self, name: str, group: str) -> list[str]:
        """The keys that ``name`` may mean: one is clear, none is unknown, several are ambiguous."""
        if name in self.keys:
            return [name]
        own = f"{group}/{name}"
        return [own] if own in self.keys else self.by_name.get(name, [])


def _resolve(
    draft: _Draft,
    names: _Names,
    providers: Mapping[str, Provider],
    partitions: Mapping[str, Partitions | None],
    problems: list[Problem],
) -> Asset:
    declaration, function = draft.declaration, draft.declaration.function
    inputs: list[Input] = []
    report = draft.key == draft.producer  # the outputs of one function share its parameters: say it once

    def problem(message: str) -> None:
        if report:
            problems.append(Problem(key=draft.key, where=draft.where, message=message))

    parameters = inspect.signature(function).parameters
    for unknown in declaration.upstream.keys() - parameters.keys():
        problem(
            f"names an upstream for a parameter '{unknown}' that the function does not have."
            f"{near_miss(unknown, parameters)}"
        )
    for parameter in parameters.values():
        given = _input(draft, parameter, names, providers, problem)
        if isinstance(given, _Edge):
            given = given.resolved(declaration.partitions, partitions[given.key])
        if given is not None:
            inputs.append(given)
    order = []
    for name in declaration.after:
        for key in _the_one(name, draft, names, problem, f"comes after '{name}'"):
            edge = _Edge(parameter="", key=key, annotation=None, mapping=None)
            order.append(edge.resolved(declaration.partitions, partitions[key]))
    edges = tuple(given for given in inputs if isinstance(given, Upstream))
    stored_as, outside = _split(draft.out.stored_as)
    deed = resolved(declaration.deed, providers, problem)
    return Asset(
        key=draft.key,
        producer=draft.producer,
        function=function,
        description=inspect.cleandoc(draft.out.description or function.__doc__ or ""),
        inputs=tuple(inputs),
        edges=edges,
        order=tuple(order),
        upstream=tuple(dict.fromkeys(given.key for given in edges if given.key != draft.key)),
        after=tuple(given.key for given in order),
        is_source=declaration.is_source,
        several=declaration.several,
        output=draft.out.name,
        partitions=declaration.partitions,
        batch=declaration.batch,
        catch_up=declaration.catch_up,
        automation=declaration.automation,
        cadence=declaration.cadence,
        checks=tuple(draft.out.checks),
        freshness=draft.out.freshness,
        execution=declaration.run or Execution(),
        labels=declaration.labels or Labels(),
        volatile=declaration.volatile,
        stored_as=stored_as,
        returns=None
        if declaration.several or draft.aside_of
        else _text(function.__annotations__.get("return")),
        code=declaration.code,
        unchecked=draft.out.unchecked,
        where=draft.where,
        aside=draft.aside,
        aside_of=draft.aside_of,
        outside=outside,
        accepts=declaration.accepts,
        deed=deed,
    )


def _input(
    draft: _Draft,
    parameter: inspect.Parameter,
    names: _Names,
    providers: Mapping[str, Provider],
    problem: Callable[[str], None],
) -> Input | _Edge | None:
    """What a parameter gets; None where it keeps its default or a problem was found."""
    name = parameter.name
    if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY):
        problem(f"has a parameter '{parameter}' that cannot be given by name; write named parameters.")
        return None
    text = _text(None if parameter.annotation is parameter.empty else parameter.annotation)
    reads = _reads(draft.declaration.upstream.get(name))
    if reads.key is not None:
        for key in _the_one(reads.key, draft, names, problem, f"gets '{name}' from '{reads.key}'"):
            return _Edge(parameter=name, key=key, annotation=text, mapping=reads.mapping)
        return None
    last = _last_name(text) if text else ""
    annotated = _object(draft.declaration.function, parameter.annotation)
    if getattr(annotated, "__asset_config__", False):
        return FromConfig(parameter=name, config=annotated)
    if last in _CONTEXTS:
        what: Literal["Window", "Run", "Previous", "Provenance", "Troubles"] = last  # type: ignore[assignment]  # one of them
        return Context(
            parameter=name,
            what=what,
            annotation=_text(draft.declaration.function.__annotations__.get("return")),
        )
    if last in providers:
        return FromResource(parameter=name, resource=last)
    if parameter.default is not parameter.empty:
        meant = [] if draft.declaration.is_source else names.meant_by(name, draft.key.rsplit("/", 1)[0])
        if meant and draft.key not in meant:
            problem(
                f"has a parameter '{name}' with a default, so it does not read the asset '{meant[0]}'; "
                "remove the default to read it, or give the parameter another name."
            )
        return None
    if draft.declaration.is_source:
        problem(f"is a source and takes '{name}', which is no resource; a source has no upstream.")
        return None
    for key in _the_one(name, draft, names, problem, f"depends on '{name}'", also=providers):
        return _Edge(parameter=name, key=key, annotation=text, mapping=reads.mapping)
    return None


def _reads(given: Given | None) -> Reads:
    """What was said of a parameter, in one form."""
    match given:
        case None:
            return Reads()
        case str():
            return Reads(given)
        case Reads():
            return given
        case _:
            return Reads(None, given)


def _the_one(
    name: str,
    draft: _Draft,
    names: _Names,
    problem: Callable[[str], None],
    words: str,
    also: Iterable[str] = (),
) -> list[str]:
    """The one key that ``name`` means, in a list; empty when that is a problem, which is then reported."""
    group = draft.key.rsplit("/", 1)[0]
    meant = names.meant_by(name, group)
    if len(meant) == 1:
        return meant
    if meant:
        problem(
            f"{words}, which may be {' or '.join(sorted(meant))}; say which with upstream={{'{name}': ...}}."
        )
    else:
        known = {*names.by_name, *names.keys, *also} - {draft.key, draft.out.name}
        problem(f"{words}, which is not declared.{near_miss(name, known)}")
    return []


def _split(stored_as: Format | Outside | None) -> tuple[Format | None, Outside | None]:
    """The format that an option names, and the place outside. What is neither is a format, and then no known one."""
    if stored_as is None or isinstance(stored_as, str):
        return stored_as, None
    is_place = isinstance(stored_as, Outside) and not isinstance(
        stored_as, type
    )  # a class describes none yet
    return (stored_as.format, stored_as) if is_place else (stored_as, None)  # type: ignore[return-value]  # see above


def _in_order(assets: Mapping[str, Asset], problems: list[Problem]) -> list[Asset]:
    """The assets with upstream first, in the order of declaration where that leaves a choice."""
    waiting_for = {key: set(asset.upstream + asset.after) for key, asset in assets.items()}
    below: dict[str, list[str]] = {}
    for key, ups in waiting_for.items():
        for up in ups:
            below.setdefault(up, []).append(key)
    ready = [key for key, ups in waiting_for.items() if not ups]
    ordered = [assets[key] for key in _released(ready, waiting_for, below)]
    for _ in range(_MOST_LOOPS):
        loop = _loop({key: ups for key, ups in waiting_for.items() if ups})
        if not loop:
            break
        problems.append(
            Problem(
                key=loop[0],
                where=assets[loop[0]].where,
                message=f"depends on itself in a loop: {' -> '.join([*loop, loop[0]])}",
            )
        )
        waiting_for[loop[0]].discard(loop[-1])  # as if this one were mended: what is left has other loops
        if not waiting_for[loop[0]]:
            _released([loop[0]], waiting_for, below)
    return ordered


def _released(
    ready: list[str], waiting_for: Mapping[str, set[str]], below: Mapping[str, Sequence[str]]
) -> list[str]:
    """What need not wait once ``ready`` is there, itself first; ``waiting_for`` then holds the others."""
    for key in ready:  # grows while it is read
        for down in below.get(key, ()):
            if key in waiting_for[down]:
                waiting_for[down].discard(key)
                if not waiting_for[down]:
                    ready.append(down)
    return ready


def _loop(waiting_for: Mapping[str, set[str]]) -> list[str]:
    """One loop among keys that wait for each other, in the direction of the data; empty when there is none."""
    seen: set[str] = set()
    for start in waiting_for:
        path: list[str] = []
        key: str | None = start
        while key is not None and key not in seen:
            seen.add(key)
            path.append(key)
            key = next((up for up in sorted(waiting_for[key]) if up in waiting_for), None)
        if key in path:
            loop = path[path.index(key) :][::-1]
            first = loop.index(min(loop))
            return loop[first:] + loop[:first]
    return []


def _private(ordered: Iterable[Asset]) -> dict[str, frozenset[str]]:
    """By key, the columns that are masked: those that an asset or anything upstream of it calls private."""
    found: dict[str, frozenset[str]] = {}
    for asset in ordered:
        above = [found[key] for key in asset.upstream if key in found]
        if columns := frozenset(asset.labels.private).union(*above):
            found[asset.key] = columns
    return found


def _graph(
    ordered: Sequence[Asset], providers: Mapping[str, Provider], private: Mapping[str, frozenset[str]]
) -> AssetGraph:
    upstream_of = {asset.key: tuple(dict.fromkeys(asset.upstream + asset.after)) for asset in ordered}
    downstream: dict[str, list[str]] = {asset.key: [] for asset in ordered}
    for key, ups in upstream_of.items():
        for up in ups:
            downstream[up].append(key)
    return AssetGraph(
        assets={asset.key: asset for asset in ordered},
        upstream_of=upstream_of,
        downstream_of={key: tuple(downs) for key, downs in downstream.items()},
        providers=dict(providers),
        private=private,
    )


def _text(annotation: object) -> str | None:
    """An annotation as text, whether it was written as one or not."""
    if annotation is None or isinstance(annotation, str):
        return annotation
    if isinstance(annotation, type) and not get_args(annotation):
        return annotation.__qualname__
    return str(annotation)


def _last_name(annotation: str) -> str:
    """``Window`` of ``"graph.Window"``; of ``"Window | None"`` as well."""
    return annotation.split("|", maxsplit=1)[0].strip().strip("\"'").rsplit(".", 1)[-1]


def _object(function: Callable[..., Any], annotation: object) -> object:
    """What a plain dotted annotation names in the function's module or closure; None where that is not known."""
    if not isinstance(annotation, str):
        return annotation
    function = inspect.unwrap(function)  # what only wraps, like `functools.cache`, has no names of its own
    closed_over = inspect.getclosurevars(function).nonlocals if function.__closure__ else {}
    first, *rest = annotation.strip("\"'").split(".")
    found = closed_over.get(first, function.__globals__.get(first))
    for name in rest:
        found = getattr(found, name, None)
    return found
