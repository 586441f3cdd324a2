"""What may be told of settings, and what may not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def told(error: ValueError) -> str:
    """A wrong value in one line, without the value itself: it may be a secret.

    >>> told(ValueError("too long,   by far"))
    'too long, by far'
    """
    problems = getattr(error, "errors", None)
    if problems is None:
        return " ".join(str(error).split())
    found = problems(include_url=False, include_input=False, include_context=False)
    return "; ".join(f"{'.'.join(map(str, one['loc'])) or 'it'}: {one['msg']}" for one in found)


def secrets_of(settings: Any) -> Iterator[str]:
    """The secret values among some settings, which appear in no text that is kept."""
    for value in vars(settings).values():
        yield from _secrets_in(value)


def _secrets_in(value: Any) -> Iterator[str]:
    if hasattr(value, "get_secret_value"):
        secret = value.get_secret_value()
        if isinstance(secret, str) and secret:
            yield secret
    elif hasattr(type(value), "model_fields"):
        yield from secrets_of(value)
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _secrets_in(one)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            yield from _secrets_in(one)
