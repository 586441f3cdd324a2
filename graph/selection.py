"""Which part of the graph is meant: a text such as ``+group:market and not kind:sql``, or the same in Python.

The text is Dagster's selection syntax:

=================================  ================================================================
``key:market/prices``              the asset of this key; ``key:"*/prices"``, ``*`` for anything
``group:market`` ``kind:sql``      by attribute; a group may have wildcards, ``<null>`` means absent
``tag:tier=gold`` ``tag:tier``     by tag; without ``=``, the tag whose value is empty
``owner:"team:quant"``             a value with ``@``, ``:`` or a space stands in double quotes
``is:external``                    the sources; ``is:materializable``, all the others
``+key:a`` ``key:a+`` ``+key:a+``  with its upstream, its downstream, both
``2+key:a`` ``key:a+1``            the same, this many steps far
``roots(...)`` ``sinks(...)``      those that have no others of them upstream, downstream
``not`` ``and`` ``or`` ``( )``     in any case; they bind in this order
``*``                              everything
=================================  ================================================================

and, in front of it all, the short form: a bare key (``market/prices``), the unique last part of one
(``prices``), or a bare pattern (``market/*``) means that asset or those assets, and has to find something,
whereas ``key:`` and ``group:`` may find nothing. ``+prices`` is ``+key:market/prices``: all of its upstream.

>>> from graph import selection as select
>>> print(select.group("market") & ~select.key("market/prices"))
group:market and not key:market/prices
>>> select.parse("+prices+1 and tag:tier=gold") == (
...     select.named("prices").around(down=1) & select.tag("tier", "gold")
... )
True

Sources are not built here, so what would select them by the way leaves them out, as in Dagster: ``*``,
``not``, ``group:``, ``tag:``, ``kind:`` and upstream. Named by key, owner or ``is:external`` they are in.
``resolve(graph, sources=True)`` treats them as any other asset; then the laws of sets hold throughout.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Protocol, assert_never

from graph.errors import near_miss
from graph.selection_text import (
    And,
    Both,
    Down,
    Everything,
    Group,
    Is,
    Key,
    Kind,
    Leaf,
    Named,
    Not,
    Or,
    Owner,
    Roots,
    SelectionError,
    Sinks,
    Step,
    Tag,
    Up,
    read,
    write,
)

__all__ = [
    "Selectable",
    "Selection",
    "SelectionError",
    "everything",
    "external",
    "group",
    "key",
    "kind",
    "materializable",
    "named",
    "owner",
    "parse",
    "tag",
]

_CANDIDATES_SHOWN = 5


# --- what a selection is resolved against ----------------------------------------------------------------


class SelectableLabels(Protocol):
    """What an asset is labelled with."""

    @property
    def tags(self) -> Mapping[str, str]: ...
    @property
    def kinds(self) -> Collection[str]: ...
    @property
    def owners(self) -> Collection[str]: ...


class SelectableAsset(Protocol):
    """As much of an asset as a selection looks at."""

    @property
    def group(self) -> str: ...
    @property
    def labels(self) -> SelectableLabels: ...
    @property
    def is_source(self) -> bool: ...


class Selectable(Protocol):
    """A graph without loops; both edge maps have every key of ``assets``, and no others."""

    @property
    def assets(self) -> Mapping[str, SelectableAsset]: ...
    @property
    def upstream_of(self) -> Mapping[str, Collection[str]]: ...
    @property
    def downstream_of(self) -> Mapping[str, Collection[str]]: ...


# --- the algebra -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, repr=False)
class Selection:
    """A part of any graph: made by ``parse`` or by the words below, combined with ``&``, ``|``, ``-``, ``~``.

    ``steps`` are in postfix order (see ``graph.selection_text``). Two selections are equal when they say
    the same in the same order; ``parse(str(selection)) == selection``.
    """

    steps: tuple[Step, ...]

    def __and__(self, other: Selection) -> Selection:
        """Those in both."""
        return Selection((*self.steps, *other.steps, And()))

    def __or__(self, other: Selection) -> Selection:
        """Those in either."""
        return Selection((*self.steps, *other.steps, Or()))

    def __sub__(self, other: Selection) -> Selection:
        """Those that are not in ``other``."""
        return Selection((*self.steps, *other.steps, Not(), And()))

    def __invert__(self) -> Selection:
        """Every asset but those."""
        return Selection((*self.steps, Not()))

    def upstream(self, depth: int | None = None) -> Selection:
        """Those and what they are made from, ``depth`` steps far; None: all the way."""
        return Selection((*self.steps, Up(depth=_checked(depth))))

    def downstream(self, depth: int | None = None) -> Selection:
        """Those and what is made from them, ``depth`` steps far; None: all the way."""
        return Selection((*self.steps, Down(depth=_checked(depth))))

    def around(self, up: int | None = None, down: int | None = None) -> Selection:
        """Those, their upstream ``up`` steps far and their downstream ``down`` steps far: ``+...+``."""
        return Selection((*self.steps, Both(up=_checked(up), down=_checked(down))))

    def roots(self) -> Selection:
        """Those that none of the others is upstream of, be it through assets that are not selected.

        Of ``a -> b -> c``, the roots of a and c together are a alone.
        """
        return Selection((*self.steps, Roots()))

    def sinks(self) -> Selection:
        """Those that none of the others is downstream of, be it through assets that are not selected."""
        return Selection((*self.steps, Sinks()))

    def resolve(self, graph: Selectable, *, sources: bool = False) -> frozenset[str]:
        """The keys that this selects in ``graph``; with ``sources``, none of them is left out by the way.

        Raises SelectionError where a bare key finds nothing, or a last part several keys.
        """
        mentionable = {key for key, asset in graph.assets.items() if sources or not asset.is_source}
        stack: list[set[str]] = []
        for step in self.steps:
            match step:
                case And():
                    right = stack.pop()
                    stack[-1] &= right
                case Or():
                    right = stack.pop()
                    stack[-1] |= right
                case Not():
                    stack[-1] = mentionable - stack[-1]
                case Up(depth=depth):
                    stack[-1] = (stack[-1] | _reached(stack[-1], graph.upstream_of, depth)) & mentionable
                case Down(depth=depth):
                    stack[-1] |= _reached(stack[-1], graph.downstream_of, depth)
                case Both(up=up, down=down):
                    above = _reached(stack[-1], graph.upstream_of, up) & mentionable
                    stack[-1] |= above | _reached(stack[-1], graph.downstream_of, down)
                case Roots():
                    stack[-1] -= _reached(stack[-1], graph.downstream_of, None)
                case Sinks():
                    stack[-1] -= _reached(stack[-1], graph.upstream_of, None)
                case _:
                    stack.append(_matching(step, graph, mentionable))
        return frozenset(stack.pop())

    def __str__(self) -> str:
        return write(self.steps)

    def __repr__(self) -> str:
        return f"parse({str(self)!r})"

    def __bool__(self) -> bool:
        raise TypeError("a selection is neither true nor false: combine with & | - ~, compare with None")


def _checked(depth: int | None) -> int | None:
    if depth is not None and depth < 0:
        raise ValueError(f"the depth of a selection is 0 or more, or None for all the way; not {depth}")
    return depth


# --- the words -------------------------------------------------------------------------------------------


def parse(text: str) -> Selection:
    """The selection that ``text`` says.

    >>> parse('+orders AND NOT (key:"*/prices")')
    parse('+orders and not key:"*/prices"')
    >>> parse("group:market, eta")
    Traceback (most recent call last):
    graph.selection_text.SelectionError: ',' means nothing here; write 'or' to select several.
      group:market, eta
                  ^
    """
    return Selection(read(text))


def named(name: str) -> Selection:
    """The asset of this key, or of this last part of a key, which has to be unique; ``market/*``: several."""
    return Selection((Named(name=name, text=name),))


def key(pattern: str) -> Selection:
    """Every asset whose whole key fits ``pattern``, ``*`` standing for anything; maybe none."""
    return Selection((Key(pattern=pattern),))


def group(pattern: str | None) -> Selection:
    """Every asset whose group fits ``pattern``, ``*`` standing for anything; maybe none."""
    return Selection((Group(pattern=pattern),))


def tag(name: str, value: str = "") -> Selection:
    """Every asset with the tag ``name`` of exactly this value; the empty value by default, not any value."""
    return Selection((Tag(name=name, value=value),))


def kind(name: str | None) -> Selection:
    """Every asset of this kind; None: of no kind at all."""
    return Selection((Kind(name=name),))


def owner(name: str | None) -> Selection:
    """Every asset of this owner. None finds nothing, as in Dagster."""
    return Selection((Owner(name=name),))


def external() -> Selection:
    """Every source."""
    return Selection((Is(what="external"),))


def materializable() -> Selection:
    """Every asset that is built here."""
    return Selection((Is(what="materializable"),))


def everything() -> Selection:
    """Every asset."""
    return Selection((Everything(),))


# --- the meaning of the steps: sets of keys, one pass over the graph each ----------------------------------


def _reached(start: set[str], edges: Mapping[str, Collection[str]], depth: int | None) -> set[str]:
    """What lies 1 to ``depth`` edges behind any of ``start``; some of ``start`` may be among it."""
    found: set[str] = set()
    edge = start
    while edge and depth != 0:
        edge = {following for key in edge for following in edges[key]} - found
        found |= edge
        depth = None if depth is None else depth - 1
    return found


def _matching(leaf: Leaf, graph: Selectable, mentionable: set[str]) -> set[str]:
    """The keys that ``leaf`` stands for, as a set of its own."""
    assets = graph.assets
    match leaf:
        case Named():
            return _called(leaf, assets)
        case Key(pattern=pattern):
            return _keys_fitting(pattern, assets)
        case Group(pattern=pattern):
            fits = _fits(pattern or "")
            return {key for key in mentionable if fits(assets[key].group)}
        case Tag(name=name, value=value):
            return {key for key in mentionable if assets[key].labels.tags.get(name) == value}
        case Kind(name=None):
            return {key for key in mentionable if not assets[key].labels.kinds}
        case Kind(name=name):
            return {key for key in mentionable if name in assets[key].labels.kinds}
        case Owner(name=name):  # a name of None is nobody's
            return {key for key, asset in assets.items() if name in asset.labels.owners}
        case Is(what=what):
            return {key for key, asset in assets.items() if asset.is_source == (what == "external")}
        case Everything():
            return set(mentionable)
        case _:
            assert_never(leaf)


def _keys_fitting(pattern: str, assets: Mapping[str, SelectableAsset]) -> set[str]:
    if "*" not in pattern:
        return {pattern} & assets.keys()
    fits = _fits(pattern)
    return {key for key in assets if fits(key)}


def _fits(pattern: str) -> Callable[[str], bool]:
    """Whether a whole text fits ``pattern``, in which ``*`` stands for any characters, ``/`` included."""
    if "*" not in pattern:
        return lambda text: text == pattern
    whole = re.compile(".*".join(re.escape(part) for part in re.split(r"\*+", pattern)), re.DOTALL)
    return lambda text: whole.fullmatch(text) is not None


def _called(leaf: Named, assets: Mapping[str, SelectableAsset]) -> set[str]:
    """The one asset of a bare key (or all that fit a bare pattern); an error says what else it could be."""
    name = leaf.name
    found = _keys_fitting(name, assets)
    if found:
        return found
    if "*" not in name:
        found = {key for key in assets if key.endswith(f"/{name}")}
    if len(found) == 1:
        return found
    if found:
        message = f"'{name}' could be {_some_of(found)}; write the one that you mean."
    elif "*" in name:
        message = f"no asset has a key like '{name}'."
    elif any(asset.group == name for asset in assets.values()):
        message = f"there is no asset '{name}', but a group. Did you mean 'group:{name}'?"
    else:
        message = f"there is no asset '{name}'.{near_miss(name, assets)}"
    raise SelectionError(leaf.text, leaf.position, message)


def _some_of(keys: Collection[str]) -> str:
    shown = [f"'{key}'" for key in sorted(keys)]
    if len(shown) > _CANDIDATES_SHOWN:
        shown = [*shown[:_CANDIDATES_SHOWN], f"{len(shown) - _CANDIDATES_SHOWN} more"]
    return f"{', '.join(shown[:-1])} or {shown[-1]}"
