"""What the world outside is told at the end of a run: copies in places outside, and events of what was published."""

from __future__ import annotations

from collections.abc import Iterable

from graph.steps import Materialize
from materializers.result import Result
from materializers.workspace import Workspace


def subscribe(workspace: Workspace) -> None:
    """Note in the ledger who wants to hear of what is published; before anything is."""
    if workspace.project is not None and workspace.project.events:
        from materializers.delivery import subscribe_all

        subscribe_all(workspace)


def tell_outside(results: Iterable[Result], workspace: Workspace) -> tuple[str, ...]:
    """Bring the copies of all that a run looked at up to date, then tell subscribers.

    Answers a line for each copy that was made and each subscriber that was told, and for what failed: that the next
    run makes up for, and this one has not failed.
    """
    found = list(results)
    lines: list[str] = []
    keys = frozenset(key for result in found for key in _keys(result))
    if any(workspace.graph[key].outside is not None for key in keys):
        from materializers.copying import copy_published

        good = [result for result in found if result.outcome in ("published", "kept", "adopted")]
        verified = {key for result in good for key in _keys(result)}
        copies = copy_published(workspace, keys, verified=verified)
        lines.extend(str(copy) for copy in copies if copy.state not in ("current", "not published"))
    if workspace.project is not None and workspace.project.events:
        from materializers.delivery import subscribe_all, tell_published

        told = tell_published(workspace, subscribe_all(workspace))
        lines.extend(str(one) for one in told if one.sent or one.failed)
    return tuple(lines)


def _keys(result: Result) -> tuple[str, ...]:
    return result.step.outputs if isinstance(result.step, Materialize) else (result.step.key,)
