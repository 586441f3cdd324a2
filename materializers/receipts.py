"""The value of an effect: a table of its receipts, made from what is on record."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from graph.fingerprint import Basis
from materializers.effect_records import Effect, EffectState
from materializers.ledger import Content, Made
from materializers.ledger_rows import lineage_of, lineage_text
from materializers.looking import Ready

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

_WORDS: Mapping[EffectState, str] = {
    "waiting": "waiting",
    "accepted": "performed",
    "refused": "refused",
    "given up": "given up",
    "dropped": "not performed",
    "rehearsed": "rehearsed",
}


def receipts(items: Iterable[Effect]) -> pa.Table:
    """One row an item, in the order of the intents.

    Its columns are ``occasion``, ``item``, ``attempt``, ``outcome``, ``reason``, ``at``, ``payload`` and ``receipt``.
    ``outcome`` is performed, refused, given up, not performed, waiting (a group that is not decided yet) or rehearsed;
    ``at`` is when it became that, in UTC; ``payload`` and ``receipt`` are JSON, the latter null where there is none.
    """
    import pyarrow as pa

    rows = [
        {
            "occasion": one.key.occasion,
            "item": one.key.item,
            "attempt": one.key.attempt,
            "outcome": _WORDS[one.state],
            "reason": one.reason or None,
            "at": one.changed_at,
            "payload": one.payload,
            "receipt": one.receipt or None,
        }
        for one in items
        if one.state in _WORDS and (one.state != "dropped" or one.reason)
    ]
    text = pa.string()
    schema = pa.schema(
        [
            ("occasion", text),
            ("item", text),
            ("attempt", pa.int64()),
            ("outcome", text),
            ("reason", text),
            ("at", pa.timestamp("us", "UTC")),
            ("payload", text),
            ("receipt", text),
        ]
    )
    return pa.Table.from_pylist(rows, schema=schema)


def made_from(one: Ready, basis: Basis, as_of: tuple[datetime | None, bool]) -> str:
    """All that a decision was made from, for what is published of it later."""
    moment, ends = as_of
    return json.dumps(
        {
            "code": basis.code,
            "config": basis.config,
            "resources": dict(basis.resources),
            "inputs": dict(one.found.inputs),
            "lineage": json.loads(lineage_text(one.lineage)),
            "as_of": moment.isoformat() if moment else None,
            "ends": ends,
        },
        sort_keys=True,
    )


def made(text: str, content: Content) -> Made:
    """The receipts as a materialization, made from what `made_from` wrote."""
    from datetime import datetime

    told: dict[str, Any] = json.loads(text)
    return Made(
        content=content,
        basis=Basis(code=told["code"], config=told["config"], resources=told["resources"]),
        inputs=told["inputs"],
        lineage=lineage_of(json.dumps(told["lineage"])),
        as_of=datetime.fromisoformat(told["as_of"]) if told["as_of"] else None,
        ends=told["ends"],
    )
