"""Collecting garbage: what nothing needs is condemned, and removed from the store after a time of grace."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from graph.partition_set import WHOLE
from materializers.garbage import COLLECTION
from materializers.ledger import MAIN, Ledger, LedgerError, RunRecord, Wanted
from materializers.store import Store

RETENTION = timedelta(days=30)
KEEP = 2
GRACE = timedelta(days=1)
_LEFT_BY_STOPPED = timedelta(hours=1)
_RENEW_EVERY = 100  # deletions


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What a collection did, or would do.

    Args:
        condemned: addresses that nothing needs, as of now; they go when the time of grace is over.
        removed: addresses that were condemned long enough, and are gone.
        leftovers: files of stopped writers that were swept.
        forgotten: runs of which only what the state of assets needs is still on record.
        kept: so many addresses are left in the store.
    """

    condemned: frozenset[str] = frozenset()
    removed: frozenset[str] = frozenset()
    leftovers: int = 0
    forgotten: int = 0
    kept: int = 0


def unneeded(
    ledger: Ledger, store: Store, *, retention: timedelta = RETENTION, last: int = KEEP
) -> Collected:
    """What a collection would condemn: running writes may yet need some of it."""
    there = frozenset(store.addresses())
    found = there - ledger.garbage.needed(retention=retention, last=last)
    return Collected(condemned=found, kept=len(there))


def collect(
    ledger: Ledger,
    store: Store,
    *,
    run_id: str,
    now: datetime,
    retention: timedelta = RETENTION,
    last: int = KEEP,
    grace: timedelta = GRACE,
) -> Collected:
    """Condemn what nothing needs, and remove what was condemned long enough and before every run that lives.

    Args:
        retention: versions that were made or visible within this time are kept; so are the rows of runs.
        last: so many of the newest good versions of each partition are kept.
        grace: how long something is condemned before it is removed.

    Raises:
        LedgerError: somebody else collects garbage.
    """
    steps = collecting(ledger, store, run_id=run_id, now=now, retention=retention, last=last, grace=grace)
    return deque(steps, maxlen=1).pop()


def collecting(
    ledger: Ledger,
    store: Store,
    *,
    run_id: str,
    now: datetime,
    retention: timedelta = RETENTION,
    last: int = KEEP,
    grace: timedelta = GRACE,
) -> Iterator[Collected]:
    """`collect` step by step; it may be killed after each. The last one tells all."""
    record = RunRecord(
        id=run_id, environment=MAIN, selection="assets gc", engine="local", started_at=now, plan=""
    )
    ledger.begin_run(record)
    outcome = "interrupted"
    try:
        wanted = {WHOLE: Wanted(fingerprint="", was=None)}
        begun = ledger.begin(MAIN, COLLECTION, wanted, run_id=run_id, number=1)
        if not isinstance(begun, tuple):
            raise LedgerError("somebody else collects garbage; wait until that has ended")
        there = frozenset(store.addresses())  # first: what is put from now on is not looked at
        done = Collected(kept=len(there))
        yield done
        needless = there - ledger.garbage.needed(retention=retention, last=last)
        yield done
        done = replace(done, condemned=ledger.garbage.condemn(needless))
        yield done
        for step in _removing(ledger, store, run_id, grace, done):
            done = step
            yield done
        done = replace(
            done,
            leftovers=store.sweep_leftovers(now - max(grace, _LEFT_BY_STOPPED)),
            forgotten=ledger.garbage.forget(retention=retention),
        )
        ledger.finish(
            begun[0], "kept", reason=f"removed {len(done.removed)}, condemned {len(done.condemned)}"
        )
        outcome = "succeeded"
        yield done
    finally:
        ledger.end_run(run_id, outcome)


def _removing(
    ledger: Ledger, store: Store, run_id: str, grace: timedelta, done: Collected
) -> Iterator[Collected]:
    while going := ledger.garbage.remove(grace=grace):
        for number, address in enumerate(sorted(going)):
            if number % _RENEW_EVERY == 0:
                ledger.renew(run_id)
            if not ledger.garbage.still(address):  # this run was taken for dead, and somebody needs it
                continue
            store.delete(address)
            yield done
            ledger.garbage.removed([address])
            done = replace(done, removed=done.removed | {address}, kept=done.kept - 1)
            yield done


__all__ = ["GRACE", "KEEP", "RETENTION", "Collected", "collect", "collecting", "unneeded"]
