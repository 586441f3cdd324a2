"""Content that was condemned or removed, as those meet it who make versions visible."""

from __future__ import annotations

from collections.abc import Iterable

from materializers.database import Writing, listed
from materializers.records import ContentGone, LedgerError


def revive(db: Writing, addresses: Iterable[str]) -> None:
    """Content that was just written is needed again.

    Raises:
        LedgerError: it is being removed at this moment, because whoever wrote it did not ask for it to be kept.
    """
    asked = listed(addresses)
    found = db.rows("SELECT address, state FROM tombstones WHERE address IN LISTED(?)", (asked,))
    for row in found:
        if row["state"] == "removing":
            raise LedgerError(f"the content {row['address']} is just being removed from the store; run again")
    if found:
        db.execute("DELETE FROM tombstones WHERE address IN LISTED(?)", (asked,))


def check_there(db: Writing, version_ids: Iterable[str]) -> None:
    """That the content of versions that become visible again was not removed from the store.

    Raises:
        ContentGone: it was, or is being removed.
    """
    gone = db.rows(
        "SELECT v.asset, v.id FROM versions v JOIN tombstones t ON t.address = v.address"
        " WHERE v.id IN LISTED(?) AND t.state <> 'condemned' LIMIT 1",
        (listed(version_ids),),
    )
    if gone:
        raise ContentGone(
            f"asset '{gone[0]['asset']}': the content of version '{gone[0]['id']}' was removed from the store by"
            " `assets gc`; materialize it again"
        )
