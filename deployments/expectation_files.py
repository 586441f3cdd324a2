"""`assets suite` and `assets data-docs`: an asset's checks in Great Expectations' words, and its pages of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from deployments.amounts import counted
from deployments.answers import FAILED, Answer, note
from deployments.command_error import CommandError
from deployments.environment_views import one_key
from deployments.opening import workspace_for
from deployments.whole_files import put_whole
from graph import Asset
from graph.asset_graph import key_of
from graph.state import Version
from materializers.ledger import Judgement
from materializers.workspace import Workspace

if TYPE_CHECKING:
    from checks import Check
    from checks.data_docs import Documented


def export_suite(name: str, out: Path | None) -> Answer:
    """An asset's checks as a suite that Great Expectations reads, on stdout or in a file."""
    from checks import to_suite

    workspace = workspace_for(None)
    key = one_key(workspace, name)
    told = to_suite(key.replace("/", "."), cast("list[Check]", list(workspace.graph[key].checks)))
    for check, why in told.left_out.items():
        note(f"left out: {check}; {why}")
    text = json.dumps(told.document, indent=2, ensure_ascii=False) + "\n"
    if out is None:
        return Answer(text=lambda: text.rstrip("\n"), document=lambda: told.document)
    put_whole(out, lambda file: file.write_text(text, encoding="utf-8"))
    number = len(told.document["expectations"])
    return Answer(
        text=lambda: f"wrote {out}: {counted(number, 'expectation')}, {len(told.left_out)} left out",
        document=lambda: {"file": str(out), "expectations": number, "left_out": dict(told.left_out)},
    )


def data_docs(selection: str, folder: Path, *, environment: str | None) -> Answer:
    """Great Expectations' pages of what is published and what was said of it last."""
    from checks.data_docs import write_data_docs

    workspace = workspace_for(environment)
    documented = [one for key in sorted(workspace.keys(selection)) for one in _documented(workspace, key)]
    if not documented:
        message = f"nothing that '{selection}' names is published and judged; run: assets check"
        raise CommandError(message, exit_code=FAILED)
    try:
        page = write_data_docs(folder, documented)
    except ImportError as error:
        raise CommandError(f"Data Docs need Great Expectations, which is not installed ({error})") from error
    return Answer(
        text=lambda: f"wrote {page}, of {counted(len(documented), 'version')}",
        document=lambda: {"page": str(page), "versions": len(documented)},
    )


def _documented(workspace: Workspace, key: str) -> Iterator[Documented]:
    """Each published version of an asset of which checks said something; what an earlier promise said is left out."""
    from checks import Verdict
    from checks.data_docs import Documented

    asset = workspace.graph[key]
    versions = workspace.shown([key])[key]
    if not asset.checks:
        return
    checks = cast("list[Check]", list(workspace.checks(key)))
    digests = {check.name: check.digest for check in checks}
    heard = _last_heard(workspace, asset, versions.values())
    changed = 0
    for at, version in sorted(versions.items()):
        if version.id not in heard:
            continue
        judged_at, judgement = heard[version.id]
        verdicts = [Verdict.from_json(text) for text in judgement.verdicts]
        today = [one for one in verdicts if digests.get(one.check) == one.digest]
        changed += len(today) < len(checks)
        if today:
            yield Documented(
                name=key,
                version=key_of(asset, at) or version.id,
                judged_at=judged_at,
                checks=checks,
                verdicts=today,
            )
    if changed:
        note(
            f"{key}: {counted(changed, 'version')} not judged by all checks as they are now; run: assets check {key}"
        )


def _last_heard(
    workspace: Workspace, asset: Asset, versions: Iterable[Version]
) -> Mapping[str, tuple[datetime, Judgement]]:
    """By version, what was said of it last, and when: of one that was judged long ago, when it was made."""
    ledger, environment = workspace.ledger, workspace.environment
    made = {version.id: version.made_at for version in versions}
    recent = ledger.judgements(
        asset.key, environment=environment, producer=asset.producer, limit=max(400, 2 * len(made))
    )
    heard = {one.version_id: (one.judged_at, one.judgement) for one in recent if one.version_id in made}
    others = ledger.last_judgements([one for one in made if one not in heard], environment=environment)
    return {**heard, **{one: (made[one], judgement) for one, judgement in others.items()}}
