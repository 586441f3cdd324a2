"""What a command cannot do as it was asked to."""

from __future__ import annotations

from graph.errors import AssetGraphError


class CommandError(AssetGraphError):
    """A command that cannot be carried out; ``exit_code`` is 2 where the command is wrong, 1 where the world is."""

    def __init__(self, message: str, *, exit_code: int = 2) -> None:
        self.exit_code = exit_code
        super().__init__(message)
