"""Quarantine: the asset that takes the rows which the checks of another one move aside."""

from __future__ import annotations

from graph.declare import Out

QUARANTINE = "quarantine"
"""The severity of a check that moves aside the rows that fail it, and the end of the name of the asset they go to."""


def aside_key(key: str, out: Out) -> str | None:
    """The key of the asset that takes the rows which are moved aside; None where no check moves any."""
    moves = any(check.severity == QUARANTINE for check in out.checks)
    return f"{key}_{QUARANTINE}" if moves else None


def aside_out(key: str) -> Out:
    """The declaration of that asset: it is made together with the one whose rows it takes."""
    return Out(
        name=f"{key}_{QUARANTINE}",
        stored_as="table",
        unchecked=f"the rows that checks moved out of {key}",
        description=f"The rows that checks moved out of {key}; the column failed_checks names the checks.",
    )
