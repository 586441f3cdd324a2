"""What is known of assets beside the ledger when a plan is made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from graph.declare import Check
from graph.effect_steps import EffectFacts
from graph.fingerprint import Basis, digest
from graph.state import Observed


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What outside settings and the world make of the assets of a plan.

    Args:
        bases: by key, for every asset in scope that is not a source.
        observed: by key, for every source in scope.
        checks: by key, the digest of the asset's checks; see `checks_digest`.
        unready: by key, why an asset has no basis: something that it reads outside could not be looked at.
        observed_resources: the resources whose state could be seen, so that only a change of it is a reason.
        effects: by key, what is on record of every effect in scope and above it.
    """

    bases: Mapping[str, Basis]
    observed: Mapping[str, Observed] = field(default_factory=dict)
    checks: Mapping[str, str] = field(default_factory=dict)
    unready: Mapping[str, str] = field(default_factory=dict)
    observed_resources: frozenset[str] = frozenset()
    effects: Mapping[str, EffectFacts] = field(default_factory=dict)


def checks_digest(checks: Sequence[Check]) -> str:
    """The digest of an asset's checks, whatever their order; empty when it has none."""
    return digest(*sorted(check.digest for check in checks)) if checks else ""
