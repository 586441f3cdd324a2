"""The address of bytes, and what can be wrong with a store.

StoreError
├── MissingFile       nothing lies at the address
├── DamagedFile       what lies there is not what was written
├── StoreUnusable     the store itself cannot be read or written: disk full, no permission, no network
└── WrongRoot         the text given for a store names none
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from graph.errors import AssetGraphError

LEFTOVER = ".tmp-"
"""How the name of a file begins until all of it is there."""

PIECE = 1 << 20
"""Bytes moved at once."""

VERIFIED = 1 << 20
"""Bytes up to which a file is compared with its address whenever it is read, in whatever way."""

DIGEST_CHARACTERS = 33
"""Of an address, before its suffix: ``ab/`` and 30 more."""

_ADDRESS = re.compile(r"[0-9a-f]{2}/[0-9a-f]{30}(\.[A-Za-z0-9]{1,12}){0,2}")
_SUFFIX = re.compile(r"(\.[A-Za-z0-9]{1,12}){0,2}")


class StoreError(AssetGraphError):
    """Something is wrong with a store or with a file in it."""


class MissingFile(StoreError):
    """Nothing lies at the address."""

    def __init__(self, address: str, store: str, key: str = "") -> None:
        self.address, self.store, self.key = address, store, key
        super().__init__(
            f"file {address}{_of(key)} is missing from the store at {store}; restore it, or {_again(key)}"
        )


class DamagedFile(StoreError):
    """What lies at the address is not what was written there."""

    def __init__(self, address: str, store: str, key: str = "") -> None:
        self.address, self.store, self.key = address, store, key
        super().__init__(
            f"file {address}{_of(key)} in the store at {store} is damaged: its content does not match its address; "
            f"delete it and {_again(key)}"
        )


class StoreUnusable(StoreError):
    """The store cannot be read or written at all."""

    def __init__(self, store: str, action: str, error: OSError) -> None:
        self.store, self.action, self.errno = store, action, error.errno
        reason = error.strerror or str(error)
        super().__init__(f"cannot {action} the store at {store}: {reason}{_remedy(error.errno)}")


class WrongRoot(StoreError):
    """The text given for a store names none."""

    def __init__(self, root: str, reason: str) -> None:
        self.root, self.reason = root, reason
        super().__init__(f"'{root}' is no place for a store: {reason}")


def _of(key: str) -> str:
    return f" of asset '{key}'" if key else ""


def _again(key: str) -> str:
    return f"materialize {key or 'its asset'} with --force"


def _remedy(number: int | None) -> str:
    match number:
        case errno.ENOSPC | errno.EDQUOT:
            return "; free some space, or set ASSETS_HOME to a place that has it"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return "; make it writable, or set ASSETS_HOME to a place that is"
        case errno.EFBIG:
            return "; raise the limit on the size of files (ulimit -f)"
        case errno.ENOTDIR | errno.EEXIST:
            return "; set ASSETS_HOME to a directory"
        case _:
            return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """Where bytes were put, and how many they are."""

    address: str
    size: int

    @property
    def digest(self) -> str:
        """The part of the bytes' SHA-256 that the address holds."""
        return self.address[:2] + self.address[3:DIGEST_CHARACTERS]


def address_of(digest: str, suffix: str) -> str:
    """The address of bytes with this SHA-256, in hexadecimal."""
    if _SUFFIX.fullmatch(suffix) is None:
        raise ValueError(f"a suffix is like '.parquet' or '.tar.gz', not {suffix!r}")
    return f"{digest[:2]}/{digest[2:32]}{suffix}"


def verified(data: bytes, address: str, store: object) -> bytes:
    """The bytes, if they are those that the address names."""
    digest = hashlib.sha256(data).hexdigest()
    if not address.startswith(f"{digest[:2]}/{digest[2:32]}"):
        raise DamagedFile(address, str(store))
    return data


def pieces_of(file: BinaryIO) -> Iterator[bytes]:
    """A file's bytes, a piece at a time."""
    while piece := file.read(PIECE):
        yield piece


def is_address(text: str) -> bool:
    """Whether a text has the form of an address."""
    return _ADDRESS.fullmatch(text) is not None


def checked(address: str, store: object) -> str:
    """The address, if it can be one: a text that leads out of the store is missing from it."""
    if not is_address(address):
        raise MissingFile(address, str(store))
    return address


def leftover_name() -> str:
    """A name that no other writer, on any machine, gives at the same time."""
    return f"{LEFTOVER}{os.getpid():x}-{os.urandom(8).hex()}"
