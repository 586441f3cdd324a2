"""In what two environments differ, without reading the data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from graph.partition_set import Partition
from graph.reasons import moved
from graph.state import Version
from materializers.ledger import Ledger, UnknownEnvironment


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What two environments show of one partition, where that is not the same version; None for nothing."""

    key: str
    partition: Partition
    here: Version | None
    there: Version | None

    @property
    def same_data(self) -> bool:
        """Whether the data are equal nevertheless."""
        return (
            self.here is not None
            and self.there is not None
            and self.here.data_version == self.there.data_version
        )

    def why(self) -> str:
        """In what the two differ, for people."""
        if self.here is None or self.there is None:
            return "only in the second" if self.here is None else "only in the first"
        reason = moved(self.there.basis, self.here.basis)
        made = reason.text if reason else "" if self.here.inputs == self.there.inputs else "its inputs differ"
        return "; ".join(filter(None, [made, "the data are equal" if self.same_data else "the data differ"]))


def differences(
    ledger: Ledger, here: str, there: str, keys: Iterable[str]
) -> Mapping[str, tuple[Difference, ...]]:
    """By key, the partitions of which two environments show different versions; keys without any are left out."""
    candidates = _candidates(ledger, here, there) & frozenset(keys)
    with ledger.state(here, candidates) as state:
        ours = {key: dict(state.published(key)) for key in candidates}
    with ledger.state(there, candidates) as state:
        theirs = {key: dict(state.published(key)) for key in candidates}
    found = {}
    for key in sorted(candidates):
        both = sorted(ours[key].keys() | theirs[key].keys())
        differing = [
            Difference(key=key, partition=at, here=ours[key].get(at), there=theirs[key].get(at))
            for at in both
            if _id(ours[key].get(at)) != _id(theirs[key].get(at))
        ]
        if differing:
            found[key] = tuple(differing)
    return found


def chain_of(ledger: Ledger, name: str) -> tuple[str, ...]:
    """An environment with those that it reads from, the nearest first.

    Raises:
        UnknownEnvironment: it is not there.
    """
    parents = {one.name: one.parent for one in ledger.environments()}
    found: list[str] = []
    at: str | None = name
    while at is not None:
        if at not in parents:
            raise UnknownEnvironment(at, parents)
        found.append(at)
        at = parents[at]
    return tuple(found)


def _candidates(ledger: Ledger, here: str, there: str) -> frozenset[str]:
    """The assets of which one of two environments shows something that does not come from where both read."""
    ours, theirs = chain_of(ledger, here), chain_of(ledger, there)
    apart = set(ours) ^ set(theirs)
    return frozenset().union(*(ledger.own_keys(name) for name in apart))


def _id(version: Version | None) -> str | None:
    return version.id if version else None
