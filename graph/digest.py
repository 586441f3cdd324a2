"""The code digest of a function: what would have to stay the same for it to compute the same.

It is made of the function's own syntax, of every definition of the project that it reaches, and of the live values
that it carries: what its closure holds, its defaults, what it wraps. Nothing is run and nothing is read from a disk;
the sources are an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graph.fingerprint import digest
from graph.modules import Modules, Sources
from graph.reach import Reach
from graph.values import Values

__all__ = ["CodeDigest", "Digester", "Sources"]

_SCHEME = "code digest 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeDigest:
    """What a function's code is.

    Args:
        digest: 32 hexadecimal digits.
        reaches: the definitions of the project that it is made of, the function itself included, as
            ``module:qualname``, sorted.
        unresolved: what cannot be followed or digested, each in one line with its place. A change there does not
            move the digest.
    """

    digest: str
    reaches: tuple[str, ...] = ()
    unresolved: tuple[str, ...] = ()


class Digester:
    """Makes code digests for one state of the project's sources; what several functions reach is read once."""

    def __init__(self, sources: Sources) -> None:
        self._reach = Reach(Modules(sources))

    def of(
        self,
        thing: Callable[..., Any] | type,
        *,
        also: Sequence[Callable[..., Any] | type] = (),
        files: Mapping[str, bytes | str] | None = None,
        libraries: Mapping[str, str] | None = None,
        version: str | None = None,
    ) -> CodeDigest:
        """The code digest of a function, a class or anything else that can be called.

        Args:
            also: what is reached in ways that cannot be seen, in any order.
            files: by name, the contents of files that count.
            libraries: by name, the installed version of distributions that count.
            version: replaces all of it.
        """
        if version is not None:
            return CodeDigest(digest=digest(_SCHEME, "version", version))
        values = Values(self._reach)
        parts = [_SCHEME, values.told(thing, own=True)]
        parts += ["also", *sorted(values.told(each, own=True) for each in also)]
        for kind, named in (("files", files or {}), ("libraries", libraries or {})):
            parts.append(kind)
            for name in sorted(named):
                content = named[name]
                data = content.encode() if isinstance(content, str) else content
                parts += (name, data.decode("latin-1"))
        reached = self._reach.reached_from(values.places)
        unresolved = {line for definition in reached for line in definition.unresolved}
        return CodeDigest(
            digest=digest(*parts),
            reaches=tuple(sorted(values.reaches.union([definition.label for definition in reached]))),
            unresolved=tuple(sorted(unresolved | values.unresolved)),
        )
