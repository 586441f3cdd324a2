"""Which partitions of an asset an environment shows: a row for each slice, so that one is read and written alone.

The ranges of the slice without a name, the only one of most assets, lie in the asset's own row. Named slices have a
row each, and the asset's own row says whether there are any.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from graph.partition_set import EMPTY, PartitionSet, Range
from materializers.database import Reading, Row, Writing, listed
from materializers.ledger_rows import partitions_of

MANY = 256
"""Whoever has asked for so many slices of an asset gets all of them, in one reading."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Showing:
    """The partitions of an asset that have a visible version, and those that were made invisible."""

    partitions: PartitionSet = EMPTY
    withdrawn: PartitionSet = EMPTY

    def moved(self, shown: PartitionSet, hidden: PartitionSet) -> Showing:
        """The same, after some partitions became visible and others invisible."""
        return Showing(
            partitions=(self.partitions - hidden) | shown, withdrawn=(self.withdrawn - shown) | hidden
        )

    def among(self, partitions: PartitionSet) -> Showing:
        """As much of it as lies in a set."""
        return Showing(partitions=partitions & self.partitions, withdrawn=partitions & self.withdrawn)


def showing_of(row: Row | None) -> Showing:
    """What the row of an asset itself says: that of the slice without a name."""
    if row is None:
        return Showing()
    return Showing(
        partitions=partitions_of(row["partitions"]),
        withdrawn=partitions_of(row["withdrawn"]),
    )


def read_slices(db: Reading, environment: str, key: str, names: Iterable[str] | None) -> Showing:
    """What the rows of some named slices say; None for all."""
    among, values = ("", ()) if names is None else (" AND slice IN LISTED(?)", (listed(names),))
    rows = db.rows(
        f"SELECT slice, partitions, withdrawn FROM asset_slices WHERE environment = ? AND asset = ?{among}",
        (environment, key, *values),
    )
    shown, hidden = (
        {row["slice"]: spans for row in rows if (spans := _spans_of(row[column]))}
        for column in ("partitions", "withdrawn")
    )
    return Showing(partitions=PartitionSet(shown), withdrawn=PartitionSet(hidden))


def write_showing(
    db: Writing, environment: str, key: str, showing: Showing, *, sequence: int, digest: str
) -> None:
    """Renew the row of an asset, and those of the named slices in a showing; other named slices stay as they are."""
    shown, hidden = dict(showing.partitions.spans), dict(showing.withdrawn.spans)
    own = [PartitionSet({"": spans} if spans else {}) for spans in (shown.pop("", ()), hidden.pop("", ()))]
    named = shown.keys() | hidden.keys()
    db.execute(
        "INSERT INTO asset_state VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (environment, asset) DO UPDATE SET"
        " sequence = excluded.sequence, partitions = excluded.partitions, withdrawn = excluded.withdrawn,"
        " digest = excluded.digest,"
        " sliced = CASE WHEN excluded.sliced > asset_state.sliced THEN excluded.sliced ELSE asset_state.sliced END",
        (environment, key, sequence, *(one.to_json() for one in own), digest, int(bool(named))),
    )
    db.executemany(
        "INSERT INTO asset_slices VALUES (?, ?, ?, ?, ?) ON CONFLICT (environment, asset, slice) DO UPDATE SET"
        " partitions = excluded.partitions, withdrawn = excluded.withdrawn",
        [
            (environment, key, name, _spans_text(shown.get(name, ())), _spans_text(hidden.get(name, ())))
            for name in sorted(named)
        ],
    )


class Slices:
    """What one asset shows, read as far as somebody asks."""

    __slots__ = ("_found", "_known", "_place", "complete")

    def __init__(self, db: Reading, environment: str, key: str, row: Row | None) -> None:
        self._place = db, environment, key
        self._found = showing_of(row)
        self._known = {""}
        self.complete = row is None or not row["sliced"]

    def all(self) -> Showing:
        """Everything."""
        if not self.complete:
            self._learn(None)
            self.complete = True
        return self._found

    def of(self, partitions: PartitionSet) -> Showing:
        """What is shown of some partitions."""
        if not self.complete:
            missing = partitions.spans.keys() - self._known
            if len(missing) + len(self._known) > MANY:
                self.all()
            elif missing:
                self._learn(missing)
        return self._found.among(partitions)

    def slices(self, names: set[str]) -> Showing:
        """All that some slices show."""
        if not self.complete and (missing := names - self._known):
            self._learn(missing)
        parts = self._found.partitions.spans, self._found.withdrawn.spans
        shown, hidden = ({name: spans[name] for name in names if name in spans} for spans in parts)
        return Showing(partitions=PartitionSet(shown), withdrawn=PartitionSet(hidden))

    def _learn(self, names: set[str] | None) -> None:
        read = read_slices(*self._place, names)
        self._known |= names or set()
        self._found = Showing(
            partitions=self._found.partitions | read.partitions,
            withdrawn=self._found.withdrawn | read.withdrawn,
        )


@lru_cache(maxsize=1024)
def _spans_of(text: str) -> tuple[Range, ...]:
    """The ranges of one slice from their text. Most slices have one of a few."""
    return tuple((first, last) for first, last in json.loads(text))


def _spans_text(spans: tuple[Range, ...]) -> str:
    return json.dumps(spans, separators=(",", ":"))
