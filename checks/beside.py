"""What a value is judged beside: what it was made from, and what was observed of its like before."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from checks.plain_values import Plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """What a check observed of an earlier value of the same asset, which was published.

    Args:
        at: the time that the value speaks of, aware: where its partition begins, or when it was made.
    """

    at: datetime
    observed: Plain


def _nothing(check: str) -> Sequence[Earlier]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What a check may look at besides the value itself.

    Args:
        at: the time that the value speaks of, as in `Earlier`; None for the time of judging.
        upstream: by parameter of the asset's function, what loads the value that it was given.
        earlier: by the name of a check, what it observed before, the oldest first; of other partitions, each once.
        remake: makes the value again from other values of some parameters, the rest being as they were; None where
            that cannot be done.
    """

    at: datetime | None = None
    upstream: Mapping[str, Callable[[], object]] = field(default_factory=dict)
    earlier: Callable[[str], Sequence[Earlier]] = _nothing
    remake: Callable[[Mapping[str, object]], object] | None = None


ALONE = Beside()
"""A value of which nothing else is known."""
