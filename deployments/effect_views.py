"""What was done to the outside world: `assets effects list`, `show`, `reconcile`, `resolve` and `reissue`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from deployments.amounts import counted, first_line, moment_text
from deployments.answers import FAILED, SUCCEEDED, Answer
from deployments.asset_list import selected
from deployments.command_error import CommandError
from deployments.text_table import aligned, bounded
from graph import Item
from materializers.effect_items import Items
from materializers.effect_records import Effect, EffectKey
from materializers.workspace import Workspace

_HEADS = ["asset", "occasion", "item", "attempt", "state", "since", "why"]


def list_effects(
    workspace: Workspace, selection: str, *, open_only: bool, limit: int, colours: bool = False
) -> Answer:
    """The items of effects, newest occasions last, each with its last attempt."""
    keys = _effects(workspace, selection)
    found = [
        one
        for key in keys
        for one in workspace.ledger.effects.of(workspace.environment, key, open_only=open_only)
    ]
    unfinished = [
        one for one in workspace.ledger.effects.unfinished(workspace.environment) if one.key in set(keys)
    ]

    def text() -> str:
        if not found:
            named = "is open" if open_only else "was recorded"
            return f"nothing {named} of {counted(len(keys), 'effect')} in {workspace.environment}"
        rows = aligned(map(_row, found), heads=_HEADS, right=[3], colours=colours)
        lines = bounded(rows.splitlines(), limit + 1 if limit else len(found) + 1, "; see --limit")
        lines.extend(
            f"not finished: {one.key} for {one.occasion}; run: materialize {one.key}" for one in unfinished
        )
        return "\n".join(lines)

    return Answer(text=text, document=lambda: [_document(one) for one in found])


def show_effect(
    workspace: Workspace, name: str, occasion: str | None, item: str | None, *, colours: bool = False
) -> Answer:
    """All that happened to the items of one effect, with what was to be done and the receipts."""
    key = _effect(workspace, name)
    effects = workspace.ledger.effects
    found = [
        one
        for one in effects.of(workspace.environment, key, occasion=occasion)
        if item in (None, one.key.item)
    ]
    if not found:
        raise _no_such(key, occasion, item)
    histories = {one.key: effects.history(one.key) for one in found}

    def text() -> str:
        parts = []
        for one in found:
            rows = [
                [moment_text(event.changed_at, seconds=True), event.state, event.run_id, _why(event)]
                for event in histories[one.key]
            ]
            lines = [str(one.key), f"  key      {_told_key(one.key)}", f"  payload  {one.payload}"]
            lines.extend([f"  receipt  {one.receipt}"] if one.receipt else [])
            lines.extend(f"  {line}" for line in aligned(rows, colours=colours).splitlines())
            parts.append("\n".join(lines))
        return "\n\n".join(parts)

    return Answer(
        text=text,
        document=lambda: [
            {**_document(one), "history": [_document(event) for event in histories[one.key]]} for one in found
        ],
    )


def reconcile(workspace: Workspace, selection: str, *, colours: bool = False) -> Answer:
    """Ask the outside world for all that is in doubt; fails while something stays so."""
    asked: list[Effect] = []
    silent: list[Effect] = []
    for key in _effects(workspace, selection):
        asset = workspace.graph[key]
        doubtful = [
            one
            for one in workspace.ledger.effects.of(workspace.environment, key, open_only=True)
            if one.state == "in doubt"
        ]
        if asset.deed is None or asset.deed.reconcile is None:
            silent.extend(doubtful)
            continue
        performer = Items(asset=asset, deed=asset.deed, workspace=workspace, run_id=None)
        asked.extend(performer.ask(one) for one in doubtful)
    left = [one for one in (*asked, *silent) if one.state == "in doubt"]

    def text() -> str:
        if not asked and not silent:
            return "nothing is in doubt"
        rows = aligned(map(_row, (*asked, *silent)), heads=_HEADS, right=[3], colours=colours)
        lines = [rows]
        if silent:
            lines.append("where nobody can be asked, say it yourself: assets effects resolve --help")
        if any(one.state == "planned" for one in asked):
            lines.append("what was not performed is performed by the next run: materialize KEY")
        return "\n".join(lines)

    return Answer(
        text=text,
        document=lambda: [_document(one) for one in (*asked, *silent)],
        exit_code=FAILED if left else SUCCEEDED,
    )


def resolve(
    workspace: Workspace,
    name: str,
    occasion: str,
    item: str,
    *,
    performed: bool,
    receipt: str | None,
    by: str,
    reason: str,
) -> Answer:
    """Put on record what a person found out about an item in doubt."""
    key = _effect(workspace, name)
    found = [
        one
        for one in workspace.ledger.effects.of(workspace.environment, key, occasion=occasion)
        if one.key.item == item
    ]
    if not found:
        raise _no_such(key, occasion, item)
    told = _receipt(receipt) if performed else ""
    new = workspace.ledger.effects.record(
        found[0].key,
        "accepted" if performed else "not performed",
        receipt=told,
        reason=workspace.hidden(reason),
        name=by,
    )
    follows = f"the receipts are published by the next run: materialize {key}"
    if not performed:
        follows = f"it is performed by the next run: materialize {key}"
    return Answer(text=lambda: f"{new.key}: {new.state}; {follows}", document=lambda: _document(new))


def reissue(
    workspace: Workspace, name: str, occasion: str, items: Sequence[str], *, by: str, reason: str
) -> Answer:
    """Have items performed once more, under another key: those that are named, or all of the occasion."""
    key = _effect(workspace, name)
    there = workspace.ledger.effects.of(workspace.environment, key, occasion=occasion)
    wanted = list(items) or [
        one.key.item for one in there if one.state in ("accepted", "refused", "given up")
    ]
    if not wanted:
        raise _no_such(key, occasion, None)
    new = workspace.ledger.effects.reissue(
        workspace.environment, key, occasion, wanted, name=by, reason=workspace.hidden(reason)
    )
    return Answer(
        text=lambda: "\n".join([*map(str, (one.key for one in new)), f"run: materialize {key}"]),
        document=lambda: [_document(one) for one in new],
    )


def _effects(workspace: Workspace, selection: str) -> list[str]:
    keys = [key for key in selected(workspace.graph, selection) if workspace.graph[key].is_effect]
    if not keys:
        known = [key for key, asset in workspace.graph.assets.items() if asset.is_effect]
        raise CommandError(
            f"'{selection}' names no effect; there {'are' if known else 'is none'}"
            + (f": {', '.join(known)}" if known else "; declare one with @effect")
        )
    return keys


def _effect(workspace: Workspace, name: str) -> str:
    keys = _effects(workspace, name)
    if len(keys) > 1:
        raise CommandError(f"'{name}' names {counted(len(keys), 'effect')}; name one: {keys[0]}")
    return keys[0]


def _receipt(text: str | None) -> str:
    if text is None:
        return ""
    try:
        return json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"))
    except ValueError:
        return json.dumps(text)


def _no_such(key: str, occasion: str | None, item: str | None) -> CommandError:
    what = f"no item '{item}'" if item is not None else "nothing"
    when = f" for {occasion}" if occasion is not None else ""
    return CommandError(f"{key} has {what} on record{when}; see: assets effects list {key}", exit_code=FAILED)


def _row(one: Effect) -> list[str]:
    key = one.key
    since = moment_text(one.changed_at)
    return [key.key, key.occasion, key.item, str(key.attempt), one.state, since, first_line(_why(one))]


def _why(one: Effect) -> str:
    return f"{one.reason} ({one.name})" if one.name else one.reason


def _told_key(key: EffectKey) -> str:
    return Item(effect=key.key, occasion=key.occasion, name=key.item, attempt=key.attempt, payload=None).key


def _document(one: Effect) -> dict[str, Any]:
    key = one.key
    return {
        "asset": key.key,
        "environment": key.environment,
        "occasion": key.occasion,
        "item": key.item,
        "attempt": key.attempt,
        "key": _told_key(key),
        "state": one.state,
        "payload": json.loads(one.payload) if one.payload else None,
        "receipt": json.loads(one.receipt) if one.receipt else None,
        "reason": one.reason,
        "by": one.name,
        "planned_at": one.planned_at,
        "changed_at": one.changed_at,
        "run": one.run_id,
    }
