"""Partitions chosen by what is known of them: those that are missing, those that are outdated.

Everything else that people write of partitions is a matter of their definition alone; see `graph.partition_text`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from graph.horizon import BadPartition
from graph.partition_set import EMPTY, PartitionSet
from graph.reading import Reader
from graph.steps import Materialize, Plan

Condition = Literal["missing", "outdated"]
CONDITIONS: tuple[Condition, ...] = ("missing", "outdated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a text asks for: partitions by name, and of those perhaps only what meets one of some conditions.

    Args:
        among: the partitions by name, as `graph.partition_text.chosen` reads them.
        conditions: one of them has to hold; empty where all of ``among`` is meant.
    """

    among: str
    conditions: frozenset[Condition] = frozenset()


def read_choice(text: str) -> Choice:
    """What a text asks for: a choice of partitions, or ``missing`` and ``outdated``, by themselves or ``in`` a choice.

    >>> read_choice("missing in 2024-01..2024-06").among
    '2024-01..2024-06'
    >>> sorted(read_choice("missing, outdated").conditions), read_choice("missing").among
    (['missing', 'outdated'], 'all')
    >>> read_choice("2024-01,latest")
    Choice(among='2024-01,latest', conditions=frozenset())

    Raises:
        BadPartition: a condition stands beside partitions: it is not said whether both are meant, or what both name.
    """
    head, within, tail = text.partition(" in ")
    words = [word.strip() for word in head.split(",")]
    known = [word for word in words if word in CONDITIONS]
    if known and len(known) < len(words):
        rest = ",".join(word for word in words if word not in CONDITIONS)
        raise BadPartition(
            text, f"'{text}' mixes conditions and partitions: write '{','.join(known)} in {tail or rest}'."
        )
    if not known:
        return Choice(among=text)
    return Choice(among=tail if within else "all", conditions=frozenset(known))


def narrowed(
    found: Mapping[str, PartitionSet],
    conditions: frozenset[Condition],
    reader: Reader,
    planned: Callable[[Mapping[str, PartitionSet]], Plan],
) -> Mapping[str, PartitionSet]:
    """By key, those of some partitions that meet one of some conditions; all of them where there are none.

    Args:
        planned: answers the plan for these partitions, which says what is outdated. It is asked only then.
    """
    if not conditions:
        return found
    lacking = {key: partitions - reader.visible(key) for key, partitions in found.items()}
    built: Mapping[str, PartitionSet] = {}
    if "outdated" in conditions:
        there = {key: partitions & reader.visible(key) for key, partitions in found.items()}
        plan = planned(there)
        built = {key: to_build(plan, key) & partitions for key, partitions in there.items()}
    return {
        key: (lacking[key] if "missing" in conditions else EMPTY) | built.get(key, EMPTY) for key in found
    }


def to_build(plan: Plan, key: str) -> PartitionSet:
    """The partitions of an asset that a plan builds, or would build if upstream changes."""
    return PartitionSet.union(
        step.partitions for step in plan.steps if isinstance(step, Materialize) and key in step.outputs
    )


__all__ = ["CONDITIONS", "Choice", "Condition", "narrowed", "read_choice", "to_build"]
