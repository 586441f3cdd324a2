"""A store in a directory, with nothing but the standard library."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from materializers.address import (
    LEFTOVER,
    PIECE,
    MissingFile,
    Stored,
    StoreUnusable,
    address_of,
    checked,
    is_address,
    leftover_name,
    pieces_of,
    verified,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStore:
    """A directory. Files are written under a temporary name, then renamed; they are read-only.

    A file that is put again is compared with what is there, and written again only if that was damaged; else its
    time is renewed, so that whoever collects old files sees it as just written.
    """

    root: Path
    fsync: bool = False

    def __str__(self) -> str:
        return str(self.root)

    def put(self, data: bytes | memoryview, suffix: str = "") -> Stored:
        octets = memoryview(data).cast("B")
        address = address_of(hashlib.sha256(octets).hexdigest(), suffix)
        path = self.root / address
        try:
            if not _renewed(path, octets):
                aside = _aside(path.parent)
                self._write(aside, [octets])
                self._move(aside, path)
        except OSError as error:
            raise StoreUnusable(str(self), "write to", error) from error
        return Stored(address=address, size=octets.nbytes)

    def put_file(self, path: Path, suffix: str = "") -> Stored:
        with path.open("rb") as file:
            return self.put_pieces(pieces_of(file), suffix)

    def put_pieces(self, pieces: Iterable[bytes], suffix: str = "") -> Stored:
        """Keep bytes that come in pieces."""
        digest = hashlib.sha256()
        aside = _aside(self.root)
        try:
            size = self._write(aside, _digested(pieces, digest))
            address = address_of(digest.hexdigest(), suffix)
            self._move(aside, self.root / address)
        except OSError as error:
            raise StoreUnusable(str(self), "write to", error) from error
        return Stored(address=address, size=size)

    def get(self, address: str, *, verify: bool = False) -> bytes:
        with self.open(address) as file:
            data = file.read()
        return verified(data, address, self) if verify else data

    def open(self, address: str) -> BinaryIO:
        try:
            return self._path(address).open("rb")
        except FileNotFoundError:
            raise MissingFile(address, str(self)) from None
        except OSError as error:
            raise StoreUnusable(str(self), "read", error) from error

    def local_path(self, address: str) -> Path | None:
        return self._path(address)

    def location(self, address: str) -> str:
        return str(self._path(address))

    def exists(self, address: str) -> bool:
        return self._path(address).exists()

    def delete(self, address: str) -> None:
        try:
            self._path(address).unlink(missing_ok=True)
        except OSError as error:
            raise StoreUnusable(str(self), "delete from", error) from error

    def addresses(self) -> Iterator[str]:
        for path in self._files():
            address = f"{path.parent.name}/{path.name}"
            if is_address(address):
                yield address

    def sweep_leftovers(self, older_than: datetime) -> int:
        swept = 0
        for path in self._files():
            with suppress(FileNotFoundError):  # its writer has finished, or another sweep was faster
                if path.name.startswith(LEFTOVER) and path.stat().st_mtime < older_than.timestamp():
                    path.unlink()
                    swept += 1
        return swept

    def _files(self) -> Iterator[Path]:
        """Every file at the root and in the folders that addresses begin with."""
        try:
            for path in self.root.iterdir():
                if len(path.name) == 2 and path.is_dir():
                    yield from path.iterdir()
                else:
                    yield path
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreUnusable(str(self), "list", error) from error

    def _path(self, address: str) -> Path:
        return self.root / checked(address, self)

    def _write(self, aside: Path, pieces: Iterable[bytes | memoryview]) -> int:
        """Write a new file, all of it or none; its size."""
        descriptor = _create(aside)
        try:
            with open(descriptor, "wb", buffering=0) as file:  # noqa: PTH123  # pathlib opens no descriptors
                size = sum(_write_all(file, memoryview(piece)) for piece in pieces)
                if self.fsync:
                    os.fsync(descriptor)
        except BaseException:  # a full disk, Ctrl-C: nothing half stays behind
            _remove(aside)
            raise
        return size

    def _move(self, aside: Path, path: Path) -> None:
        """Give a finished file its name."""
        try:
            try:
                aside.replace(path)
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                aside.replace(path)
        except BaseException:
            _remove(aside)
            raise
        if self.fsync:
            _fsync_directory(path.parent)
            _fsync_directory(self.root)


def _aside(folder: Path) -> Path:
    return folder / leftover_name()


def _create(path: Path) -> int:
    """A new file that only this descriptor can write to; its directory is made if need be."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    try:
        return os.open(path, flags, 0o444)
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        return os.open(path, flags, 0o444)


def _write_all(file: io.FileIO, octets: memoryview) -> int:
    rest = octets
    while rest:  # the system may take less than it is given
        rest = rest[file.write(rest) :]
    return octets.nbytes


def _renewed(path: Path, octets: memoryview) -> bool:
    """Whether the file is there with just these bytes; if so it counts as written now."""
    try:
        if path.stat().st_size != octets.nbytes or not _holds(path, octets):  # a power loss, a bad disk
            return False
        os.utime(path)
    except FileNotFoundError:
        return False
    except PermissionError:  # another user's file
        return True
    except OSError as error:
        if error.errno != errno.EROFS:
            raise
    return True


def _holds(path: Path, octets: memoryview) -> bool:
    with path.open("rb") as file:
        starts = range(0, octets.nbytes, PIECE)
        return all(file.read(PIECE) == octets[start : start + PIECE].tobytes() for start in starts)


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()


def _digested(pieces: Iterable[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    for piece in pieces:
        digest.update(piece)
        yield piece


def _fsync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
