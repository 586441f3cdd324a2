"""The language: what one writes to declare an asset.

A declaration is the decorated function itself (it stays an ordinary function that tests call) with a frozen
`Declaration` attached. Nothing is registered anywhere but in the module that is being written: a declaration made
while a module is imported is noted in that module's ``__assets__``, so that families made in a loop are whole.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import FunctionType
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, overload

from graph.cadence import Cadence
from graph.catch_up import CatchUp
from graph.conditions import Condition
from graph.destination import Outside
from graph.effects import Deed, TroubleKind
from graph.errors import DefinitionErrors, Problem, Where
from graph.freshness import Freshness
from graph.mappings import PartitionMapping
from graph.partitions import Partitions

if TYPE_CHECKING:
    from types import FrameType

F = TypeVar("F", bound=Callable[..., Any])
Value = object
Format = Literal["table", "json", "file"]
Isolation = Literal["thread", "process"]
_MODULE_LEVEL = "<module>"
_LANGUAGE = (__name__, "graph.declare_effect")
"""The modules whose functions stand between a declaration and its line."""


class Check(Protocol):
    """What the graph knows of a check: its name and digest, whether it may hold a version back, and what it looks at.

    ``columns`` are those of the asset itself that it names; ``only_columns`` those that it promises to be all there
    are; ``needs``, by parameter of the asset's function, the upstream that it looks at, with the columns needed there.
    ``compares`` where it compares with what it observed before; ``whole`` where it is about all partitions together.
    """

    @property
    def name(self) -> str: ...
    @property
    def severity(self) -> str: ...
    @property
    def function(self) -> Callable[..., Any] | None: ...
    @property
    def digest(self) -> str: ...
    @property
    def columns(self) -> tuple[str, ...]: ...
    @property
    def only_columns(self) -> tuple[str, ...] | None: ...
    @property
    def needs(self) -> tuple[tuple[str, tuple[str, ...]], ...]: ...
    @property
    def compares(self) -> bool: ...
    @property
    def whole(self) -> bool: ...
    def with_code(self, code: str) -> Check:
        """The same check, knowing the digest of its function's code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How a step is carried out; none of it changes what comes out.

    ``isolation="process"`` computes in a process of its own, which a time-out kills; in a thread, a time-out
    discards the late result.

    Args:
        retry_after: so long after a failure, an automatic run tries again although nothing has moved. Without it,
            only what is volatile is tried again, after `graph.settling.AGAIN`.
    """

    retries: int = 0
    retry_delay: timedelta = timedelta(seconds=1)
    retry_after: timedelta | None = None
    timeout: timedelta | None = None
    isolation: Isolation = "thread"
    concurrency: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """What people look assets up by, and what is not for everybody's eyes.

    Args:
        owners: e-mail addresses or ``team:name``.
        private: columns whose values are shown to nobody: they are masked in verdicts, and so in logs, artifacts and
            reports, here and in every asset downstream that has a column of that name.
    """

    tags: Mapping[str, str] = field(default_factory=dict)
    owners: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    private: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """What the automatic code digest cannot see.

    Args:
        also: functions or classes that are reached dynamically.
        files: files, relative to the declaring module's folder, whose content counts.
        libraries: distributions whose installed version counts.
        version: replaces the whole digest.
    """

    also: tuple[Callable[..., Any] | type, ...] = ()
    files: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()
    version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Several partitions are made by one call: consecutive ones of one slice, the window of which the function gets.

    Args:
        size: at most so many; without it, as many as there are.
        by: the column of a table that says in whose window a row lies: its dates, or its times. Without it, the
            function returns a mapping from the partitions' keys to their values.
    """

    size: int | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Reads:
    """Which asset a parameter is, and which of its partitions: ``Reads("market/bars", Overlap(start_offset=-20))``.

    What is not said is the usual: the asset of the parameter's name, and the mapping that suits both.
    """

    key: str | None = None
    mapping: PartitionMapping | None = None


Given = str | Reads | PartitionMapping
"""What ``upstream`` says of a parameter: a key, a mapping, or both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Out:
    """One of several assets from one function: ``Out("train", checks=[...])``."""

    name: str = field(kw_only=False)
    checks: Sequence[Check] = ()
    freshness: Freshness | None = None
    stored_as: Format | Outside | None = None
    unchecked: str | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """What was written about one function: its outputs and the options that they share."""

    function: Callable[..., Any]
    outputs: tuple[Out, ...]
    is_source: bool = False
    several: bool = False
    upstream: Mapping[str, Given] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    partitions: Partitions | None = None
    batch: Batch | None = None
    catch_up: CatchUp | None = None
    automation: Condition | None = None
    cadence: Cadence | None = None
    run: Execution | None = None
    labels: Labels | None = None
    volatile: bool = False
    code: Code = field(default_factory=Code)
    accepts: tuple[TroubleKind, ...] = ()
    deed: Deed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """Options for every asset of a package: put one as ``asset_defaults`` into the package's ``__init__``."""

    run: Execution = field(default_factory=Execution)
    labels: Labels = field(default_factory=Labels)
    automation: Condition | None = None


def declaration_of(thing: object) -> Declaration | None:
    """The declaration that is attached to a function, or None."""
    found = getattr(thing, "__asset__", None)
    return found if isinstance(found, Declaration) else None


def provider_of(thing: object) -> bool:
    """Whether a function was declared with `resource`."""
    return getattr(thing, "__resource__", False) is True


def _refuse(thing: object, message: str) -> DefinitionErrors:
    """What is wrong with what was given to a decorator, at the line that gave it."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # as in _note
    while frame is not None and frame.f_globals.get("__name__") in _LANGUAGE:
        frame = frame.f_back
    where = Where(file=frame.f_code.co_filename, line=frame.f_lineno) if frame is not None else None
    key = str(getattr(thing, "__name__", type(thing).__name__))
    return DefinitionErrors([Problem(key=key, where=where, message=message)])


def name_of_function(thing: Callable[..., Any]) -> str:
    """The name of what was given to a decorator, which is a function, or wraps one as `functools.wraps` does."""
    if not (callable(thing) and isinstance(inspect.unwrap(thing), FunctionType)) or inspect.ismethod(thing):
        kind = type(thing).__qualname__
        raise _refuse(thing, f"is declared with a '{kind}', which is no function; write a def that calls it.")
    return thing.__name__


def attach(function: F, declaration: Declaration) -> F:
    """The function with what was declared about it, noted in the module that is being written."""
    before = declaration_of(function)
    if before is not None and before.function is function:
        names = ", ".join(f"'{out.name}'" for out in before.outputs)
        message = (
            f"is declared again, after {names}; write the def inside the loop, so that each has its own."
        )
        raise _refuse(function, message)
    function.__asset__ = declaration  # type: ignore[attr-defined]  # functions take attributes
    return _note(function)


def _note(function: F) -> F:
    """Note ``function`` in the module that is being written, wherever up the stack that is."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  # the documented way, see its page in the library reference
    while frame is not None and frame.f_code.co_name != _MODULE_LEVEL:
        frame = frame.f_back
    if frame is not None:
        frame.f_globals.setdefault("__assets__", []).append(function)
    return function


@overload
def asset(function: F, /) -> F: ...
@overload
def asset(
    *,
    name: str | None = None,
    upstream: Mapping[str, Given] | None = None,
    after: Sequence[str] = (),
    partitions: Partitions | None = None,
    batch: Batch | None = None,
    catch_up: CatchUp | None = None,
    automation: Condition | None = None,
    cadence: Cadence | None = None,
    checks: Sequence[Check] = (),
    freshness: Freshness | None = None,
    run: Execution | None = None,
    labels: Labels | None = None,
    volatile: bool = False,
    stored_as: Format | Outside | None = None,
    code: Code | None = None,
    unchecked: str | None = None,
    accepts: Sequence[TroubleKind] = (),
) -> Callable[[F], F]: ...
def asset(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    upstream: Mapping[str, Given] | None = None,
    after: Sequence[str] = (),
    partitions: Partitions | None = None,
    batch: Batch | None = None,
    catch_up: CatchUp | None = None,
    automation: Condition | None = None,
    cadence: Cadence | None = None,
    checks: Sequence[Check] = (),
    freshness: Freshness | None = None,
    run: Execution | None = None,
    labels: Labels | None = None,
    volatile: bool = False,
    stored_as: Format | Outside | None = None,
    code: Code | None = None,
    unchecked: str | None = None,
    accepts: Sequence[TroubleKind] = (),
) -> Any:
    """Declare a function as the way to make a data product.

    Args:
        name: the last part of the key, or ``group/name``; otherwise the function's name, in the group that is
            its package.
        upstream: which asset a parameter is, where its name alone does not say so.
        after: assets that come first without being loaded.
        partitions: what it is made for, one by one.
        batch: several partitions are made by one call.
        catch_up: which missing partitions are made; without it, all.
        automation: when a sweep makes it by itself; see `graph.automation`.
        cadence: it is continuous: called each few seconds by a loop of its own, and published in summary.
        checks: promises about the value; see the package ``checks``.
        freshness: how old the data may be; see `fresh_within` and `fresh_by`.
        run: retries, time-out, isolation.
        labels: tags, owners, kinds.
        volatile: it reads the world outside the graph, so the clock (its freshness) makes it due.
        stored_as: ``table``, ``json`` or ``file``, otherwise the returned value decides; or a place outside, such as
            a ``PostgresTable``, that shows a copy of what is published.
        code: what the automatic code digest cannot see.
        unchecked: why it has no error check or no freshness.
        accepts: what may be wrong upstream (``skipped``, ``failed``, ``rejected``, ``in doubt``, ``held``): it is made
            all the same, from the last good version or, where there is none, from None. A parameter typed `Troubles`
            says which and why.

    >>> @asset
    ... def answer() -> int:
    ...     return 42
    >>> answer()
    42
    """

    def declare(function: F) -> F:
        own_name = name_of_function(function)
        out = Out(
            name=name or own_name,
            checks=tuple(checks),
            freshness=freshness,
            stored_as=stored_as,
            unchecked=unchecked,
        )
        return attach(
            function,
            Declaration(
                function=function,
                outputs=(out,),
                upstream=dict(upstream or {}),
                after=tuple(after),
                partitions=partitions,
                batch=batch,
                catch_up=catch_up,
                automation=automation,
                cadence=cadence,
                run=run,
                labels=labels,
                volatile=volatile,
                code=code or Code(),
                accepts=tuple(accepts),
            ),
        )

    return declare if function is None else declare(function)


def multi_asset(
    *outputs: Out,
    upstream: Mapping[str, Given] | None = None,
    after: Sequence[str] = (),
    partitions: Partitions | None = None,
    batch: Batch | None = None,
    catch_up: CatchUp | None = None,
    automation: Condition | None = None,
    run: Execution | None = None,
    labels: Labels | None = None,
    volatile: bool = False,
    code: Code | None = None,
    accepts: Sequence[TroubleKind] = (),
) -> Callable[[F], F]:
    """Declare a function that makes several assets at once: it returns a mapping from their names to their values."""

    def declare(function: F) -> F:
        name_of_function(function)
        return attach(
            function,
            Declaration(
                function=function,
                outputs=outputs,
                several=True,
                upstream=dict(upstream or {}),
                after=tuple(after),
                partitions=partitions,
                batch=batch,
                catch_up=catch_up,
                automation=automation,
                run=run,
                labels=labels,
                volatile=volatile,
                code=code or Code(),
                accepts=tuple(accepts),
            ),
        )

    return declare


@overload
def source(function: F, /) -> F: ...
@overload
def source(
    *,
    name: str | None = None,
    automation: Condition | None = None,
    checks: Sequence[Check] = (),
    freshness: Freshness | None = None,
    labels: Labels | None = None,
    stored_as: Format | Outside | None = None,
    unchecked: str | None = None,
) -> Callable[[F], F]: ...
def source(
    function: Any = None,
    /,
    *,
    name: str | None = None,
    automation: Condition | None = None,
    checks: Sequence[Check] = (),
    freshness: Freshness | None = None,
    labels: Labels | None = None,
    stored_as: Format | Outside | None = None,
    unchecked: str | None = None,
) -> Any:
    """Declare data that others produce: the function looks at them and returns an `Observation`.

    It may take resources and a `Config`, never other assets. With ``automation``, a sweep looks at it by itself.
    """

    def declare(function: F) -> F:
        own_name = name_of_function(function)
        out = Out(
            name=name or own_name,
            checks=tuple(checks),
            freshness=freshness,
            stored_as=stored_as,
            unchecked=unchecked,
        )
        declaration = Declaration(
            function=function, outputs=(out,), is_source=True, automation=automation, labels=labels
        )
        return attach(function, declaration)

    return declare if function is None else declare(function)


def resource(function: F) -> F:
    """Declare the provider of a resource: what it is annotated to return is what parameters of that type get.

    A parameter typed with a ``pydantic_settings.BaseSettings`` gets those settings, read from the environment.
    The instance has ``identity() -> Mapping[str, str]``, the settings that change the data, and may have
    ``observe(now) -> Observation``, if it can cheaply tell the state of what it reads.
    """
    name_of_function(function)
    function.__resource__ = True  # type: ignore[attr-defined]  # functions take attributes
    return _note(function)


def declared_in(namespace: Mapping[str, object]) -> list[Callable[..., Any]]:
    """The declared functions and providers of a module's namespace, in the order of writing, each once."""
    found: dict[int, Callable[..., Any]] = {}

    def take(thing: object) -> None:
        if declaration_of(thing) is not None or provider_of(thing):
            found.setdefault(id(thing), thing)  # type: ignore[arg-type]  # both are functions

    for thing in namespace.get("__assets__", ()):  # type: ignore[attr-defined]  # a list, see _note
        take(thing)
    for thing in list(namespace.values()):
        take(thing)
        members = thing.values() if isinstance(thing, dict) else thing
        if isinstance(thing, dict | list | tuple):
            for member in members:  # type: ignore[attr-defined]  # one of the three
                take(member)
    return list(found.values())


def _takes_no_default(declaration: Declaration) -> bool:
    """Sources, effects and what is continuous are automated by name alone."""
    return declaration.is_source or declaration.deed is not None or declaration.cadence is not None


def with_defaults(declaration: Declaration, defaults: Defaults) -> Declaration:
    """The declaration with its package's defaults where it says nothing itself."""
    automation = declaration.automation
    if automation is None and not _takes_no_default(declaration):
        automation = defaults.automation
    return replace(
        declaration,
        run=declaration.run or defaults.run,
        labels=declaration.labels or defaults.labels,
        automation=automation,
    )
