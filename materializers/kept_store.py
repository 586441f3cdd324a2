"""A store whose content is not removed while the run lives that put it there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from materializers.address import Stored, StoreError
from materializers.garbage import Garbage
from materializers.store import Store

_WAIT_S = 0.02
_PATIENCE = 500
_ASK_WHO_EVERY = 10


class StillRemoving(StoreError):
    """Content that is just being removed, by somebody who does not get on with it."""

    def __init__(self, address: str) -> None:
        super().__init__(
            f"{address} is being removed from the store by `assets gc`, which does not end; run again"
        )
        self.address = address


def _wait() -> None:
    threading.Event().wait(_WAIT_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptStore:
    """See `materializers.store.Store`: what is put is asked to be kept (`Garbage.keep`), and put again if it had gone.

    Whatever was put by a run that lives is there until that run ends, whoever collects garbage meanwhile.

    Args:
        wait: what is done between two questions while content is just being removed.
    """

    store: Store
    garbage: Garbage
    wait: Callable[[], None] = _wait

    def __str__(self) -> str:
        return str(self.store)

    def put(self, data: bytes | memoryview, suffix: str = "") -> Stored:
        return self._kept(lambda: self.store.put(data, suffix))

    def put_file(self, path: Path, suffix: str = "") -> Stored:
        return self._kept(lambda: self.store.put_file(path, suffix))

    def _kept(self, put: Callable[[], Stored]) -> Stored:
        stored = put()
        for number in range(1, _PATIENCE + 1):
            if self.garbage.keep(stored.address):
                return stored if self.store.exists(stored.address) else put()
            self.wait()
            if number % _ASK_WHO_EVERY == 0:
                self.garbage.save(stored.address)
        raise StillRemoving(stored.address)

    def get(self, address: str, *, verify: bool = False) -> bytes:
        return self.store.get(address, verify=verify)

    def open(self, address: str) -> BinaryIO:
        return self.store.open(address)

    def local_path(self, address: str) -> Path | None:
        return self.store.local_path(address)

    def location(self, address: str) -> str:
        return self.store.location(address)

    def exists(self, address: str) -> bool:
        return self.store.exists(address)

    def delete(self, address: str) -> None:
        self.store.delete(address)

    def addresses(self) -> Iterator[str]:
        return self.store.addresses()

    def sweep_leftovers(self, older_than: datetime) -> int:
        return self.store.sweep_leftovers(older_than)
