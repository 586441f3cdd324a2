"""How sound some assets' data are: what their checks said last and before, what was held back, what is served."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias

from checks.plain_values import Plain, untagged
from checks.verdict import Verdict

Status: TypeAlias = Literal["passed", "failed", "cannot be judged", "not judged"]
"""What a check said: ``not judged`` when it was not asked yet, or was changed since it was."""

Standing: TypeAlias = Literal[
    "rejected",
    "failing",
    "cannot be judged",
    "warning",
    "nothing published",
    "not judged",
    "unchecked",
    "sound",
]
"""How an asset stands. ``failing`` is what is published although an error check fails."""

STANDINGS: tuple[Standing, ...] = (
    "rejected",
    "failing",
    "cannot be judged",
    "warning",
    "nothing published",
    "not judged",
    "unchecked",
    "sound",
)
"""The gravest first."""

_GRAVITY: Mapping[Status, int] = {"cannot be judged": 0, "failed": 1, "not judged": 2, "passed": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A version that is visible; ``partition`` is its key for people, empty for an asset without partitions."""

    version: str
    made_at: datetime
    partition: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """The newest version of a partition, which was held back.

    Args:
        reason: the checks that failed.
        served: what is visible instead; None for nothing.
    """

    version: str
    made_at: datetime
    reason: str
    partition: str = ""
    served: Published | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a check said last of one version, which is ``published`` or was rejected."""

    version: str
    judged_at: datetime
    verdict: Verdict
    published: bool
    partition: str = ""

    @property
    def status(self) -> Status:
        return status_of(passed=self.verdict.passed, error=self.verdict.error)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What a check said at one time: a point of its trend.

    Args:
        rejected: the version that it was said of was held back.
    """

    at: datetime
    version: str
    status: Status
    partition: str = ""
    observed: Plain = None
    failing: int | None = None
    rejected: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckQuality:
    """A declared check, with what it says of what is there now and what it said before.

    Args:
        promise: in words, without a full stop.
        said: of the newest version of each partition, and of what is served instead: all that did not pass, and the
            newest. The newest version comes first.
        judged: how many such versions there are, with those that passed.
        changed: it was judged, but by a promise that was changed since: ``said`` is empty.
        trend: what it said over the history, the oldest first.
    """

    name: str
    promise: str
    kind: str = ""
    severity: str = "error"
    columns: tuple[str, ...] = ()
    said: tuple[Said, ...] = ()
    judged: int = 0
    changed: bool = False
    trend: tuple[Point, ...] = ()

    @property
    def worst(self) -> Said | None:
        """The gravest that it says now; of several, what is published first, and then the newest."""
        return min(self.said, key=lambda one: (_GRAVITY[one.status], not one.published), default=None)

    @property
    def status(self) -> Status:
        worst = self.worst
        return "not judged" if worst is None else worst.status

    @property
    def is_mild(self) -> bool:
        """Whether it fails, and holds nothing back: it only tells, or the rows that fail were moved aside."""
        worst = self.worst
        return worst is not None and worst.status == "failed" and not worst.verdict.blocks

    @property
    def fails_published(self) -> bool:
        """Whether it fails for what is visible."""
        return any(one.published and one.status == "failed" for one in self.said)


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetQuality:
    """One asset.

    Args:
        freshness: its state: fresh, due soon, overdue, unknown or none; ``freshness_text`` says it with the reason.
        built: somebody has made, observed or tried it.
        published: the visible version; of a partitioned asset, that of its newest partition.
        partitions: how many are visible; None for an asset without partitions.
        unchecked: the reason that was given for having no checks.
    """

    key: str
    description: str = ""
    freshness: str = "none"
    freshness_text: str = ""
    as_of: datetime | None = None
    built: bool = True
    published: Published | None = None
    partitions: int | None = None
    unchecked: str | None = None
    checks: tuple[CheckQuality, ...] = ()
    rejected: tuple[Rejected, ...] = ()

    @property
    def standings(self) -> tuple[Standing, ...]:
        """All that can be said of how it stands, the gravest first; ``sound`` stands alone."""
        statuses = {check.status for check in self.checks}
        holds: dict[Standing, bool] = {
            "rejected": bool(self.rejected),
            "failing": any(check.fails_published and not check.is_mild for check in self.checks),
            "cannot be judged": "cannot be judged" in statuses,
            "warning": any(check.is_mild for check in self.checks),
            "nothing published": self.published is None,
            "not judged": self.published is not None and "not judged" in statuses,
            "unchecked": not self.checks,
        }
        return tuple(standing for standing in STANDINGS if holds.get(standing)) or ("sound",)

    @property
    def standing(self) -> Standing:
        """The gravest."""
        return self.standings[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """How sound the data of a selection are, at a time.

    Args:
        history: of so many versions of each asset it tells what was said.
        project: its name for people.
    """

    made_at: datetime
    assets: tuple[AssetQuality, ...]
    environment: str = "main"
    selection: str = "*"
    history: int = 100
    project: str = ""

    @property
    def checks(self) -> Iterator[CheckQuality]:
        """Every check of every asset."""
        return (check for asset in self.assets for check in asset.checks)

    def count(self, standing: Standing) -> int:
        """How many assets stand like this."""
        return sum(standing in asset.standings for asset in self.assets)

    def fails(self, level: Literal["error", "warn"]) -> bool:
        """Whether something is wrong: held back, or said by a check of this severity or a graver one."""
        return any(asset.rejected for asset in self.assets) or any(
            check.status in ("failed", "cannot be judged")
            and (level == "warn" or (check.severity != "warn" and not check.is_mild))
            for check in self.checks
        )


def status_of(*, passed: bool, error: str | None) -> Status:
    """The status that a verdict stands for."""
    return "passed" if passed else "failed" if error is None else "cannot be judged"


def point_of(
    verdict: str, *, at: datetime, version: str, partition: str = "", rejected: bool = False
) -> tuple[str, str, Point]:
    """The name and the digest of the check and the point of a verdict's JSON text; its sample is not read."""
    read = json.loads(verdict)
    point = Point(
        at=at,
        version=version,
        status=status_of(passed=read["passed"], error=read["error"]),
        partition=partition,
        observed=untagged(read["observed"]),
        failing=read["failing"],
        rejected=rejected,
    )
    return read["check"], read["digest"], point
