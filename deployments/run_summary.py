"""What a run has done, told at its end: what was built, what was held back and why, and where the files are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from deployments.amounts import counted, first_line, size_text, span_text
from deployments.exporting import latest_file
from deployments.progress import outcome_word
from deployments.text_table import aligned, bounded, painted
from graph import Asset
from graph.partition_set import WHOLE
from graph.steps import Adopt, Materialize, Observe, Plan, name_of
from materializers.runner import RunResult
from materializers.step import Result
from materializers.workspace import Workspace

_ROWS_SHOWN = 40
_PROBLEMS_SHOWN = 10
_ERROR_LINES = 6
_ORDER = (
    "built",
    "observed",
    "adopted",
    "rejected",
    "fails",
    "failed",
    "held",
    "skipped",
    "interrupted",
    "cancelled",
    "judged",
    "kept",
)


def summary_text(
    result: RunResult, files: Sequence[Path], elapsed: timedelta, *, colours: bool = False, width: int = 100
) -> str:
    """The summary for people; the readable paths of files come last."""
    paths = [_short(path) for path in files]
    if not result.plan.steps:
        return nothing_to_do(result.plan)
    if all(step.outcome == "kept" for step in result.results):
        assets = len({step.step.key for step in result.results})
        failing = [f"{step.name}: {step.reason}" for step in result.results if _keeps_failing(step)]
        up_to_date = f"everything is up to date ({counted(assets, 'asset')})"
        return "\n".join([*failing, up_to_date, *_left_out(result.plan), *result.told, *paths])
    changed = [step for step in result.results if step.outcome != "kept"]
    rest = f"; see: assets runs show {result.run_id}"
    rows = aligned((_row(group, width) for group in _grouped(changed)), right=[2, 3, 4], colours=colours)
    parts = ["\n".join(bounded(rows.splitlines(), _ROWS_SHOWN, rest))]
    problems = [text for alike in _alike(changed) for text in _problems(alike, result, colours=colours)]
    parts.extend(bounded(problems, _PROBLEMS_SHOWN, rest))
    closing = f"{_counts(result)} in {span_text(elapsed)}; run {result.run_id}"
    parts.append("\n".join([*_left_out(result.plan), *result.told, closing, *paths]))
    return "\n\n".join(parts)


def nothing_to_do(plan: Plan) -> str:
    """What is said of a plan without any step: what a policy left out, or that no such partition was there."""
    if plan.left_out:
        return "\n".join(["nothing to do", *_left_out(plan)])
    return f"nothing to do: {', '.join(plan.targets)} has no partition of that kind"


def summary_document(
    result: RunResult, files: Mapping[str, Path], elapsed: timedelta, engine: str
) -> dict[str, Any]:
    """The same for machines: each step of the plan with what came of it."""
    return {
        "run": result.run_id,
        "outcome": result.outcome,
        "exit_code": result.exit_code,
        "selection": result.plan.selection,
        "environment": result.plan.environment,
        "engine": engine,
        "duration_s": round(elapsed.total_seconds(), 6),
        "counts": _counted(result),
        "steps": [_step_document(step) for step in result.results],
        "told": list(result.told),
        "files": {name: str(path.absolute()) for name, path in files.items()},
    }


def readable_files(result: RunResult, workspace: Workspace) -> dict[str, Path]:
    """By step, the readable path of each file that the run built, and of each that it was asked for and kept.

    What was asked for comes last.
    """
    targets = frozenset(result.plan.targets)
    found: dict[str, Path] = {}
    for step in sorted(result.results, key=lambda one: one.step.key in targets):
        for key, version in _visible_versions(step, workspace, targets):
            path = latest_file(workspace, version, key, step.label or None)
            if path is not None:
                found[step.name if key == step.step.key else key] = path
    return found


def _visible_versions(
    step: Result, workspace: Workspace, targets: frozenset[str]
) -> Iterable[tuple[str, str]]:
    if step.outcome in ("published", "adopted"):
        return step.versions.items()
    key = step.step.key
    if step.outcome != "kept" or key not in targets or not _may_be_file(workspace.graph[key]):
        return ()
    if workspace.graph[key].partitions is not None:
        return ()
    version = workspace.published(key).get(WHOLE)
    return [(key, version.id)] if version else ()


def _may_be_file(asset: Asset) -> bool:
    """Whether its declaration allows a file, so that the ledger is asked for few of the kept."""
    if asset.stored_as is not None or asset.is_source:
        return asset.stored_as == "file"
    return asset.returns is None or asset.returns.rpartition(".")[2] in ("Path", "bytes")


def _keeps_failing(result: Result) -> bool:
    """Whether what is kept is marked failing: it is up to date, and more is said of it."""
    reason = result.step.reason
    return reason.kind == "up to date" and reason.text != reason.kind


def _grouped(results: Iterable[Result]) -> list[list[Result]]:
    """Results in lines: those of one step that ended in the same way are one line."""
    found: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        found.setdefault((name_of(result.step), result.outcome), []).append(result)
    return list(found.values())


def _row(group: Sequence[Result], width: int) -> list[str]:
    result = group[0]
    counts = [one.rows for one in group if one.rows is not None]
    rows = counted(sum(counts), "row") if counts else ""
    size = sum(one.size for one in group)
    word = outcome_word(result.step, result.outcome)
    took = sum((one.duration for one in group), timedelta(0))
    shown = any(one.attempts for one in group) or word in ("built", "failed", "rejected")
    others = len(result.step.outputs) - 1 if isinstance(result.step, Materialize) else 0
    partitions = sum(len(one.partitions) for one in group)
    name = result.name if len(group) == 1 else name_of(result.step)
    name += f" and {others} more" if others else ""
    name += f" ({counted(partitions, 'partition')})" if partitions > 1 else ""
    return [
        word,
        name,
        rows,
        size_text(size) if size else "",
        span_text(took) if shown else "",
        first_line(result.reason, width),
    ]


def _left_out(plan: Plan) -> list[str]:
    """What the catch-up policies left out."""
    return [
        f"left out: {counted(len(one.partitions), 'partition')} of {one.key} ({one.text})"
        for one in plan.left_out
    ]


def _alike(results: Iterable[Result]) -> list[list[Result]]:
    """Results that are told together: partitions of one step that ended alike, for the same reason."""
    found: dict[tuple[str, str, str, tuple[str, ...]], list[Result]] = {}
    for result in results:
        found.setdefault((name_of(result.step), result.outcome, result.reason, result.notes), []).append(
            result
        )
    return list(found.values())


def _problems(alike: Sequence[Result], run: RunResult, *, colours: bool) -> Iterable[str]:
    """What somebody has to know of a step beyond its line: failing checks with their rows, errors, notes."""
    result = alike[0]
    word = outcome_word(result.step, result.outcome)
    lines = []
    for key, verdicts in result.verdicts.items():
        for verdict in verdicts:
            if not verdict.passed:
                warns = "" if verdict.blocks else "warning: "
                name = f"{key}: " if len(result.verdicts) > 1 else ""
                lines.append(f"{name}{warns}{verdict.describe()}")
    if word == "rejected":
        lines.append(_still_served(result))
    if word == "failed":
        lines.extend(_own_frame(result.error))
        lines.extend(result.reason.splitlines()[:_ERROR_LINES])
        lines.append(f"all of it: assets runs logs {run.run_id} {result.step.key}")
    if result.step.reason.kind == "rejected before":
        lines.append(f"the rows that failed: assets show {result.step.key}")
    lines.extend(result.notes)
    if lines:
        more = sum(len(one.partitions) for one in alike[1:])
        head = f"{word} {result.name}" + (f" (attempt {result.attempts})" if result.attempts > 1 else "")
        head += f" and {counted(more, 'partition')} more" if more else ""
        body = "\n".join(lines).replace("\n", "\n  ")
        yield f"{painted(head, 'bold') if colours else head}\n  {body}"


def _own_frame(error: str) -> list[str]:
    """Where in a traceback the asset's own code was last: the place and the line of source."""
    lines = error.splitlines()
    frames = [
        at for at, line in enumerate(lines) if line.startswith('  File "') and "site-packages" not in line
    ]
    return [line.removeprefix("  ") for line in lines[frames[-1] : frames[-1] + 2]] if frames else []


def _still_served(result: Result) -> str:
    match result.step:
        case Materialize(served=served) | Adopt(served=served) if result.partitions <= served:
            return "the last good version is still the visible one"
        case Materialize() | Adopt():
            return "no version was ever good, so what is made from it waits"
        case Observe():
            return "what was seen before stays visible"
        case _:
            return "it stays visible, marked failing"


def _counted(result: RunResult) -> dict[str, int]:
    counts: dict[str, int] = {}
    for step in result.results:
        word = outcome_word(step.step, step.outcome)
        counts[word] = counts.get(word, 0) + len(step.partitions)
    return {word: counts[word] for word in _ORDER if word in counts}


def _counts(result: RunResult) -> str:
    return ", ".join(f"{number:,} {word}" for word, number in _counted(result).items())


def _step_document(result: Result) -> dict[str, Any]:
    return {
        "key": result.step.key,
        "partition": result.label or None,
        "partitions": len(result.partitions),
        "step": type(result.step).__name__.lower(),
        "outcome": result.outcome,
        "reason": {"kind": result.step.reason.kind, "text": result.reason or result.step.reason.text},
        "error": result.error or None,
        "rows": result.rows,
        "bytes": result.size,
        "attempts": result.attempts,
        "duration_s": round(result.duration.total_seconds(), 6),
        "versions": dict(result.versions),
        "checks": {key: [verdict_document(one) for one in said] for key, said in result.verdicts.items()},
        "notes": list(result.notes),
    }


def verdict_document(verdict: Any) -> dict[str, Any]:
    """What one check said, for machines."""
    return {
        "check": verdict.check,
        "kind": verdict.kind,
        "promise": verdict.promise,
        "severity": verdict.severity,
        "passed": verdict.passed,
        "blocks": verdict.blocks,
        "failing": verdict.failing,
        "counted": verdict.counted,
        "rows": verdict.rows,
        "moved_aside": verdict.aside,
        "observed": verdict.observed,
        "sample": [dict(row) for row in verdict.sample],
        "error": verdict.error,
    }


def _short(path: Path) -> str:
    """A path as one would type it here."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
