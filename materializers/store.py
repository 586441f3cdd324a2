"""Where the bytes lie: immutable files, named by what they contain.

An address is the SHA-256 of the bytes (128 bits of it) and a suffix, as ``ab/cdef….parquet``. What has an address
never changes, so writing is idempotent, two writers of the same content cannot disturb each other, and a reader
never sees half a file. What is *visible* is for the ledger to say; a store only keeps bytes.
"""

from __future__ import annotations

import atexit
import hashlib
import io
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from materializers.address import (
    DIGEST_CHARACTERS,
    VERIFIED,
    DamagedFile,
    MissingFile,
    Stored,
    StoreError,
    StoreUnusable,
    WrongRoot,
    address_of,
    pieces_of,
    verified,
)
from materializers.arrow_store import ArrowStore
from materializers.local_store import LocalStore

__all__ = [
    "VERIFIED",
    "ArrowStore",
    "DamagedFile",
    "LocalStore",
    "MemoryStore",
    "MissingFile",
    "Store",
    "StoreError",
    "StoreUnusable",
    "Stored",
    "WrongRoot",
    "local_copy",
    "open_store",
]


class Store(Protocol):
    """Bytes by address.

    Laws:
        ``get(put(data).address) == data``; putting the same bytes with the same suffix again gives the same address.
        Putting again what is damaged mends it.
        A file is at its address wholly or not at all, whenever and however its writer is stopped.
        ``delete`` of what is absent is no error; reading it is `MissingFile`.
        `StoreUnusable` tells that the store itself failed; nothing is half done then.
    """

    def put(self, data: bytes | memoryview, suffix: str = "") -> Stored:
        """Keep these bytes. ``suffix`` (".parquet") is for people and readers; it is part of the address."""

    def put_file(self, path: Path, suffix: str = "") -> Stored:
        """Keep a copy of a file's bytes, in pieces, never all of them in memory."""

    def get(self, address: str, *, verify: bool = False) -> bytes:
        """The bytes. With ``verify`` they are compared with their address (`DamagedFile`)."""

    def open(self, address: str) -> BinaryIO:
        """The bytes as a readable, seekable file, to be closed by the caller."""

    def local_path(self, address: str) -> Path | None:
        """The file itself, where the store is on this machine's disk; it must not be changed. See `local_copy`."""

    def location(self, address: str) -> str:
        """A path or URI that pyarrow can read; DuckDB too where the store is on a disk."""

    def exists(self, address: str) -> bool:
        """Whether something lies at the address."""

    def delete(self, address: str) -> None:
        """Remove it, if it is there."""

    def addresses(self) -> Iterator[str]:
        """Every address that holds something, in no order."""

    def sweep_leftovers(self, older_than: datetime) -> int:
        """Remove what stopped writers left behind before that moment; how many there were."""


def open_store(root: str | Path, *, fsync: bool = False) -> Store:
    """The store at a path or URI: a directory, ``memory:``, or what `pyarrow.fs` knows (s3, gs, abfs, hdfs).

    Nothing is created before the first write. ``fsync`` makes a directory's files survive power loss, not only
    SIGKILL; object stores do anyway. S3 takes its options in the query:
    ``s3://bucket/prefix?region=eu-north-1``, ``…&endpoint_override=localhost:9000&scheme=http``.

    Raises:
        WrongRoot: an unknown scheme or option, or credentials in the text; they belong in the environment.
    """
    text = str(root)
    scheme = text.split(":", 1)[0] if re.match(r"[a-z][a-z0-9+.]+:", text) else ""
    match scheme:
        case "":
            return LocalStore(root=Path(text).absolute(), fsync=fsync)
        case "memory":
            return MemoryStore()
        case "file":
            return LocalStore(root=Path(unquote(urlsplit(text).path)).absolute(), fsync=fsync)
        case _:
            return ArrowStore.at(text)


def local_copy(store: Store, address: str) -> Path:
    """A path on this machine's disk that holds the bytes: the store's own file, or one downloaded once.

    Downloads are verified, live in a temporary directory of this process, and go with it. The store's own file is
    verified when it has no more than `VERIFIED` bytes; reading a larger one twice would cost too much.
    """
    path = store.local_path(address)
    if path is not None:
        if not path.exists():
            raise MissingFile(address, str(store))
        if path.stat().st_size <= VERIFIED:
            store.get(address, verify=True)
        return path
    downloads = _downloads()
    if not downloads.exists(address):
        with store.open(address) as file:
            if downloads.put_pieces(pieces_of(file), address[DIGEST_CHARACTERS:]).address != address:
                raise DamagedFile(address, str(store))
    return downloads.root / address


@cache
def _downloads() -> LocalStore:
    directory = tempfile.mkdtemp(prefix="assets-downloads-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return LocalStore(root=Path(directory))


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryStore:
    """A dictionary, for notebooks and tests; gone with the process."""

    files: dict[str, bytes] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return "memory:"

    def put(self, data: bytes | memoryview, suffix: str = "") -> Stored:
        octets = bytes(data)
        address = address_of(hashlib.sha256(octets).hexdigest(), suffix)
        self.files[address] = octets
        return Stored(address=address, size=len(octets))

    def put_file(self, path: Path, suffix: str = "") -> Stored:
        return self.put(path.read_bytes(), suffix)

    def get(self, address: str, *, verify: bool = False) -> bytes:
        try:
            data = self.files[address]
        except KeyError:
            raise MissingFile(address, str(self)) from None
        return verified(data, address, self) if verify else data

    def open(self, address: str) -> BinaryIO:
        return io.BytesIO(self.get(address))

    def local_path(self, address: str) -> Path | None:
        return None

    def location(self, address: str) -> str:
        return str(local_copy(self, address))

    def exists(self, address: str) -> bool:
        return address in self.files

    def delete(self, address: str) -> None:
        self.files.pop(address, None)

    def addresses(self) -> Iterator[str]:
        return iter(tuple(self.files))

    def sweep_leftovers(self, older_than: datetime) -> int:
        return 0
