"""What is to be done about an effect, as far as the plan can know it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from graph import Intents, Item, effect
from graph.asset_graph import Asset
from graph.build import build_graph
from graph.effect_steps import EffectFacts, effect_step
from graph.effects import Trouble
from graph.fingerprint import Basis
from graph.partition_set import ONLY
from graph.reasons import Reason
from graph.state import Attempt, Version
from graph.steps import Check, Hold, Keep, Materialize

NOW = datetime(2024, 5, 6, tzinfo=UTC)
DAY = "2024-05-06"
REJECTED = Trouble(key="g/prices", kind="rejected", why="not_null")


def perform(item: Item) -> None: ...


@effect(name="g/sent", perform=perform, doubt="at most once")
def sent() -> Intents:
    return Intents(occasion=DAY, items={})


ASSET: Asset = build_graph([sent]).assets["g/sent"]


def version(mark: str = "now", checks: str = "", *, failing: bool = False) -> Version:
    return Version(
        id="v",
        key="g/sent",
        fingerprint=mark,
        basis=Basis(code="c"),
        inputs={},
        data_version="d",
        made_at=NOW,
        checks=checks,
        failing=failing,
    )


def tried(outcome: Any, mark: str = "now", until: datetime | None = None) -> Attempt:
    return Attempt(fingerprint=mark, outcome=outcome, ended_at=NOW, reason="because", until=until, checks="")


def step(**given: Any) -> str:
    usual: dict[str, Any] = {
        "facts": EffectFacts(),
        "published": None,
        "mark": "now",
        "checks": "",
        "tried": None,
        "moving": [],
        "sure": None,
        "troubles": (),
        "now": NOW,
    }
    occasion = given.pop("occasion", None)
    found = effect_step(ASSET, occasion, **(usual | given))
    kind = {Materialize: "perform", Hold: "hold", Keep: "keep", Check: "check"}[type(found)]
    when = "maybe " if isinstance(found, Materialize) and found.when != "always" else ""
    return f"{when}{kind}: {found.reason.text}"


MOVED = Reason.upstream_changed(["g/orders"])
HERE = EffectFacts(performed=frozenset({DAY}))
ALREADY = f"already performed for {DAY}; only `assets effects reissue` does it again"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({}, "perform: never built", id="never performed"),
        pytest.param({"published": version()}, "keep: up to date", id="performed with these inputs"),
        pytest.param(
            {"published": version(failing=True)},
            "keep: up to date, though its checks fail",
            id="marked failing",
        ),
        pytest.param({"published": version(checks="old")}, "check: its checks changed", id="other checks"),
        pytest.param(
            {"published": version("then"), "sure": MOVED}, "perform: upstream changed: g/orders", id="moved"
        ),
        pytest.param(
            {"published": version("then"), "sure": MOVED, "tried": tried("held"), "facts": HERE},
            "hold: because",
            id="moved, and it was found out that it was performed",
        ),
        pytest.param(
            {"published": version("then"), "sure": MOVED, "tried": tried("held")},
            "perform: upstream changed: g/orders",
            id="moved, and it was performed in another environment",
        ),
        pytest.param(
            {"published": version("then"), "sure": MOVED, "tried": tried("held", "then")},
            "perform: upstream changed: g/orders",
            id="moved again since",
        ),
        pytest.param(
            {"tried": tried("held", until=NOW)},
            "perform: never built",
            id="only a rehearsal, or held for a while",
        ),
        pytest.param(
            {"tried": tried("skipped", until=NOW + timedelta(hours=1))},
            "hold: skipped until 2024-05-06 01:00 UTC: because",
            id="skipped until later",
        ),
        pytest.param({"tried": tried("failed")}, "perform: never built", id="what failed is tried again"),
        pytest.param(
            {"occasion": DAY, "facts": EffectFacts(performed=frozenset({DAY})), "sure": MOVED},
            f"hold: {ALREADY}",
            id="a partition that has receipts",
        ),
        pytest.param(
            {"occasion": DAY, "facts": EffectFacts(performed=frozenset({"2024-05-05"}))},
            "perform: never built",
            id="receipts of another partition",
        ),
        pytest.param(
            {"published": version(), "facts": EffectFacts(inherited=ONLY)},
            "perform: never built",
            id="what the parent environment did counts for nothing",
        ),
        pytest.param(
            {"troubles": [REJECTED]},
            "hold: held: g/prices was rejected by its checks (not_null)",
            id="in trouble",
        ),
        pytest.param(
            {"published": version(), "troubles": [REJECTED]},
            "keep: up to date",
            id="nothing to do, whatever is wrong",
        ),
        pytest.param(
            {"published": version(), "facts": EffectFacts(unfinished={DAY: f"{DAY} (1 in doubt)"})},
            f"perform: not finished: {DAY} (1 in doubt)",
            id="what is open comes first",
        ),
        pytest.param(
            {"facts": EffectFacts(unfinished={DAY: f"{DAY} (1 in doubt)"}), "troubles": [REJECTED]},
            f"perform: not finished: {DAY} (1 in doubt)",
            id="asking is never held",
        ),
        pytest.param(
            {"occasion": DAY, "facts": EffectFacts(unfinished={"2024-05-05": "x"}), "published": version()},
            "keep: up to date",
            id="another partition is open",
        ),
        pytest.param(
            {"published": version(), "moving": ["g/orders"]},
            "maybe perform: if g/orders changes",
            id="moving above",
        ),
        pytest.param({"moving": ["g/orders"]}, "perform: never built", id="moving above, never performed"),
        pytest.param(
            {"published": version("then"), "moving": ["g/orders"], "sure": MOVED, "tried": tried("held")},
            "perform: upstream changed: g/orders",
            id="moving above: what was found out before means nothing",
        ),
    ],
)
def test_what_the_plan_says(given: dict[str, Any], expected: str) -> None:
    assert step(**given) == expected
