"""What each asset costs: a thousand assets in chains of ten, everything durable, beside Dagster and Hamilton."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import ours
from measuring import CPU_EACH, WALL_EACH, Comparison, Goal, Scale, Subject, taking_turns
from peers import measured_by
from pipelines import Kind, write_chains

OURS = "plan and run, ledger and files"
EPHEMERAL, PERSISTENT = "Dagster, ephemeral instance", "Dagster, persistent instance"
HAMILTON = "Hamilton, persistent cache"


def measure(scale: Scale) -> Iterator[Comparison]:
    """Two tables: assets of one JSON number, and of a table of ten rows."""
    assets = scale.of(1000, 50)
    yield _numbers(_compared(scale, assets, "number", f"{assets:,} assets of one number"))
    yield _compared(scale, assets, "table", f"{assets:,} assets of a table of ten rows")


def _compared(scale: Scale, assets: int, kind: Kind, title: str) -> Comparison:
    folder = write_chains(scale.fresh("ours"), "ours", assets, kind)

    def build() -> Mapping[str, float]:
        return each(ours.built(folder, scale.fresh("home"), assets))

    def each(found: Mapping[str, float]) -> Mapping[str, float]:
        return {WALL_EACH: 1000 * found["wall_s"] / assets, CPU_EACH: 1000 * found["cpu_s"] / assets}

    def dagster(instance: str) -> Mapping[str, float]:
        own = write_chains(scale.fresh("dagster"), "dagster", assets, kind)
        return each(measured_by(scale, "dagster_process.py", "build", instance, own).document())

    def hamilton() -> Mapping[str, float]:
        own = write_chains(scale.fresh("hamilton"), "hamilton", assets, kind)
        return each(measured_by(scale, "hamilton_process.py", own).document())

    return taking_turns(
        f"{title}, in chains of ten, each cost",
        [
            Subject(name=OURS, run=build, rounds=scale.of(7, 1), ours=True),
            Subject(name=EPHEMERAL, run=lambda: dagster("ephemeral"), rounds=scale.of(2, 1)),
            Subject(name=PERSISTENT, run=lambda: dagster("persistent"), rounds=scale.of(2, 1)),
            Subject(name=HAMILTON, run=hamilton, rounds=scale.of(7, 1)),
        ],
    )


def _numbers(found: Comparison) -> Comparison:
    return replace(
        found,
        goals=(
            Goal(text="1 ms an asset or less", limit=1, measured=found.median(OURS, WALL_EACH)),
            Goal(
                text="100 times less than Dagster with a persistent instance, or more",
                limit=100,
                measured=found.ratio(PERSISTENT, OURS, WALL_EACH),
                sense="at least",
            ),
            Goal(
                text="2 times less than Hamilton with its cache, or more",
                limit=2,
                measured=found.ratio(HAMILTON, OURS, WALL_EACH),
                sense="at least",
            ),
        ),
    )
