"""Plans in files: to be looked at, kept, and carried out later."""

from __future__ import annotations

import secrets
from contextlib import suppress
from pathlib import Path

from deployments.amounts import moment_text
from deployments.answers import FAILED
from deployments.command_error import CommandError
from graph.errors import PlanRefused
from graph.plan_text import from_json, to_json
from graph.steps import Plan


def save(plan: Plan, file: Path) -> str:
    """Write a plan into a file, whole or not at all; answers what to do with it."""
    aside = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        try:
            aside.write_text(to_json(plan) + "\n", "utf-8")
            aside.replace(file)
        finally:
            with suppress(FileNotFoundError):
                aside.unlink()
    except OSError as error:
        raise CommandError(
            f"{file} cannot be written: {error.strerror or error}", exit_code=FAILED
        ) from error
    until = f", until {moment_text(plan.valid_until)}" if plan.valid_until else ""
    return f"saved{until}; to carry it out: materialize --apply {file}"


def saved_plan(file: Path) -> Plan:
    """The plan in a file.

    Raises:
        PlanRefused: there is none in it.
    """
    try:
        return from_json(file.read_text("utf-8"))
    except OSError as error:
        raise CommandError(f"{file} cannot be read: {error.strerror or error}") from error
    except (UnicodeDecodeError, PlanRefused) as error:
        raise PlanRefused(f"{file} holds no plan of `materialize --plan --out`: {error}") from error
