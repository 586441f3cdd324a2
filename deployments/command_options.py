"""What several commands take: selections and keys, `--env`, `--json` and the others, and examples below their help."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 110}
EXIT_CODES = (
    "Exit codes: 0 done, 1 failed, 2 wrong definition or usage, 3 rejected by a check, 130 interrupted."
)


def examples(*lines: str, closing: str = "") -> str:
    """What stands below a command's help."""
    return "\n\n".join(
        filter(None, ["Examples:", "\b\n" + "\n".join(f"  {line}" for line in lines), closing])
    )


def complete_keys(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
    """The keys that what was typed may become; a leading ``+`` stays."""
    from click.shell_completion import CompletionItem

    from deployments.opening import project_graph

    start = typed[: len(typed) - len(typed.lstrip("+"))]
    try:
        _, graph = project_graph()
    except Exception:  # noqa: BLE001  # a project that cannot be read completes nothing, and says so when it is run
        return []
    word = typed.removeprefix(start)
    return [
        CompletionItem(f"{start}{key}")
        for key, asset in graph.assets.items()
        if key.startswith(word) or asset.name.startswith(word)
    ]


def selection(otherwise: str = "", *, needed: bool = True) -> Callable[[F], F]:
    """A selection, whose words may stand without quotes around all of them."""
    return click.argument(
        "selection",
        nargs=-1,
        required=needed and not otherwise,
        callback=lambda context, parameter, words: " ".join(words) or otherwise,
        shell_complete=complete_keys,
    )


def one_key(function: F) -> F:
    """The key of one asset."""
    return click.argument("key", shell_complete=complete_keys)(function)


as_json = click.option(
    "--json", "as_json", is_flag=True, expose_value=False, help="One JSON document on stdout."
)
env = click.option("--env", metavar="NAME", help="The environment; otherwise the project's (main).")
engine = click.option(
    "--engine",
    type=click.Choice(["local", "prefect"]),
    default="local",
    show_default=True,
    help="In this process, or as a Prefect flow.",
)
to_folder = click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="Where to.",
)
force = click.option("--force", is_flag=True, help="Build what is selected, whatever its state.")
only = click.option("--only", is_flag=True, help="Leave upstream as it is.")
partitions = click.option(
    "--partitions",
    metavar="TEXT",
    help="Only these of the selected: 2024-01-01..2024-03-31, latest, a,b or day=2024-03,symbol=AAPL;"
    " missing or outdated, by itself or in such a choice: 'missing in 2024'.",
)
config = click.option(
    "--config",
    multiple=True,
    metavar="KEY.FIELD=VALUE",
    help="Set a config field of an asset; may be repeated.",
)


def limit(number: int) -> Callable[[F], F]:
    """How much is shown."""
    return click.option(
        "--limit",
        type=click.IntRange(min=0),
        default=number,
        show_default=True,
        metavar="N",
        help="Show at most so many; 0 for all.",
    )


take_over = click.option(
    "--take-over", is_flag=True, help="Serve the environment from here, though another checkout does."
)


def moment(text: str) -> datetime:
    """A moment in ISO 8601; one without a time zone is in this machine's."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise click.BadParameter(
            f"'{text}' is no moment; write it like 2024-03-01 or 2024-03-01T16:00:00Z"
        ) from None


as_of = click.option(
    "--as-of", type=moment, metavar="TIME", help="As it was published then: 2024-03-01T16:00:00Z."
)


def said(text: str) -> str:
    """A text for the record that says something."""
    if not text.strip():
        raise click.BadParameter("it is empty; the record needs it")
    return text.strip()


by = click.option(
    "--by", "name", required=True, type=said, metavar="NAME", help="Who does it, for the record."
)
reason = click.option("--reason", required=True, type=said, metavar="TEXT", help="Why, for the record.")


def colours() -> bool:
    """Whether what a command says may be in colours."""
    from deployments.text_table import shows_colours

    return shows_colours(sys.stdout)
