"""What earlier materializations took, for estimates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta

from graph.estimate import Measured
from materializers.database import Reading, listed

SAMPLE = 25
"""So many versions of an asset are looked at: of its newest partitions, which are most like those to come."""
_MOST = 20_000
"""So many versions are looked at altogether: fewer of each where there are many assets."""

_SAMPLES = """
SELECT (SELECT JOINED(s.id, ',') FROM (SELECT v.id FROM versions v WHERE v.asset = k.value
    ORDER BY v.asset DESC, v.slice DESC, v.ordinal DESC, v.fingerprint DESC LIMIT ?) s) AS ids
FROM LISTED(?) k
"""
_MEASURED = """
SELECT v.asset, v.code, v.duration, v.size,
    (SELECT count(*) FROM versions b WHERE b.id >= substr(v.id, 1, 13) AND b.id < substr(v.id, 1, 13) || 'g'
        AND b.asset = v.asset AND b.run_id = v.run_id) AS together
FROM versions v WHERE v.id IN LISTED(?)
"""
"""The versions of one call are recorded together, under ids that begin alike; each has the duration of the call."""


def measured(db: Reading, keys: Iterable[str]) -> Mapping[str, tuple[Measured, ...]]:
    """By key, what some partitions took and gave; without those of which nothing was ever made."""
    found: dict[str, list[Measured]] = {}
    asked = list(keys)
    each = max(1, min(SAMPLE, _MOST // max(1, len(asked))))
    samples = [row["ids"] for row in db.rows(_SAMPLES, (each, listed(asked))) if row["ids"]]
    for row in db.rows(_MEASURED, (listed(",".join(samples).split(",")),)):
        duration = timedelta(microseconds=row["duration"]) / max(1, row["together"])
        found.setdefault(row["asset"], []).append(
            Measured(code=row["code"], duration=duration, size=row["size"])
        )
    return {key: tuple(ones) for key, ones in found.items()}
