"""Where the bytes lie: immutable files, named by what they contain.

An address is the SHA-256 of the bytes (128 bits of it) and a suffix, as ``ab/cdef….parquet``. What has an address
never changes, so writing is idempotent, two writers of the same content cannot disturb each other, and a reader
never sees half a file. What is *visible* is for the ledger to say; a store only keeps bytes.

StoreError
├── MissingFile       nothing lies at the address
├── DamagedFile       what lies there is not what was written
├── StoreUnusable     the store itself cannot be read or written: disk full, no permission, no network
└── WrongRoot         the text given for a store names none
"""

from __future__ import annotations

import atexit
import errno
import hashlib
import io
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn, Protocol, cast
from urllib.parse import parse_qsl, unquote, urlsplit

from graph.errors import AssetGraphError

if TYPE_CHECKING:
    from pyarrow import NativeFile
    from pyarrow.fs import FileSystem

_ADDRESS = re.compile(r"[0-9a-f]{2}/[0-9a-f]{30}(\.[A-Za-z0-9]{1,12}){0,2}")
_SUFFIX = re.compile(r"(\.[A-Za-z0-9]{1,12}){0,2}")
_DIGEST_CHARACTERS = 33  # of an address, before its suffix
_LEFTOVER = ".tmp-"  # how a file is called until all of it is there
_PIECE = 1 << 20  # bytes moved at once


class StoreError(AssetGraphError):
    """Something is wrong with a store or with a file in it."""


class MissingFile(StoreError):
    """Nothing lies at the address."""

    def __init__(self, address: str, store: str) -> None:
        self.address, self.store = address, store
        super().__init__(
            f"file {address} is missing from the store at {store}; restore it, or materialize its asset with --force"
        )


class DamagedFile(StoreError):
    """What lies at the address is not what was written there."""

    def __init__(self, address: str, store: str) -> None:
        self.address, self.store = address, store
        super().__init__(
            f"file {address} in the store at {store} is damaged: its content does not match its address; "
            "delete it and materialize its asset with --force"
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
        return self.address[:2] + self.address[3:_DIGEST_CHARACTERS]


class Store(Protocol):
    """Bytes by address.

    Laws:
        ``get(put(data).address) == data``; putting the same bytes with the same suffix again gives the same address.
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

    Downloads are verified, live in a temporary directory of this process, and go with it.
    """
    path = store.local_path(address)
    if path is not None:
        if not path.exists():
            raise MissingFile(address, str(path.parents[1]))
        return path
    downloads = _downloads()
    if not downloads.exists(address):
        with store.open(address) as file:
            if downloads.put_pieces(_pieces(file), address[_DIGEST_CHARACTERS:]).address != address:
                raise DamagedFile(address, str(store))
    return downloads.root / address


@cache
def _downloads() -> LocalStore:
    directory = tempfile.mkdtemp(prefix="assets-downloads-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return LocalStore(root=Path(directory))


def _address(digest: str, suffix: str) -> str:
    if _SUFFIX.fullmatch(suffix) is None:
        raise ValueError(f"a suffix is like '.parquet' or '.tar.gz', not {suffix!r}")
    return f"{digest[:2]}/{digest[2:32]}{suffix}"


def _verified(data: bytes, address: str, store: object) -> bytes:
    digest = hashlib.sha256(data).hexdigest()
    if not address.startswith(f"{digest[:2]}/{digest[2:32]}"):
        raise DamagedFile(address, str(store))
    return data


def _pieces(file: BinaryIO) -> Iterator[bytes]:
    while piece := file.read(_PIECE):
        yield piece


# --- on a disk ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalStore:
    """A directory. Files are written under a temporary name, then renamed; they are read-only.

    A file that is put again is not written again; its time is renewed, so that whoever collects old files sees it
    as just written.
    """

    root: Path
    fsync: bool = False

    def __str__(self) -> str:
        return str(self.root)

    def put(self, data: bytes | memoryview, suffix: str = "") -> Stored:
        octets = memoryview(data).cast("B")
        address = _address(hashlib.sha256(octets).hexdigest(), suffix)
        path = self.root / address
        try:
            if not _renewed(path, octets.nbytes):
                aside = _aside(path.parent)
                self._write(aside, [octets])
                self._move(aside, path)
        except OSError as error:
            raise StoreUnusable(str(self), "write to", error) from error
        return Stored(address=address, size=octets.nbytes)

    def put_file(self, path: Path, suffix: str = "") -> Stored:
        with path.open("rb") as file:
            return self.put_pieces(_pieces(file), suffix)

    def put_pieces(self, pieces: Iterable[bytes], suffix: str = "") -> Stored:
        """Keep bytes that come in pieces."""
        digest = hashlib.sha256()
        aside = _aside(self.root)
        try:
            size = self._write(aside, _digested(pieces, digest))
            address = _address(digest.hexdigest(), suffix)
            self._move(aside, self.root / address)
        except OSError as error:
            raise StoreUnusable(str(self), "write to", error) from error
        return Stored(address=address, size=size)

    def get(self, address: str, *, verify: bool = False) -> bytes:
        with self.open(address) as file:
            data = file.read()
        return _verified(data, address, self) if verify else data

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
            if _ADDRESS.fullmatch(address):
                yield address

    def sweep_leftovers(self, older_than: datetime) -> int:
        swept = 0
        for path in self._files():
            with suppress(FileNotFoundError):  # its writer has finished, or another sweep was faster
                if path.name.startswith(_LEFTOVER) and path.stat().st_mtime < older_than.timestamp():
                    path.unlink()
                    swept += 1
        return swept

    def _files(self) -> Iterator[Path]:
        """Every file at the root and in the folders that addresses begin with."""
        try:
            for path in self.root.iterdir():
                if len(path.name) == 2:
                    yield from path.iterdir()
                else:
                    yield path
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreUnusable(str(self), "list", error) from error

    def _path(self, address: str) -> Path:
        return self.root / _checked(address, self)

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


def _checked(address: str, store: object) -> str:
    """The address, if it can be one: a text that leads out of the store is missing from it."""
    if _ADDRESS.fullmatch(address) is None:
        raise MissingFile(address, str(store))
    return address


def _leftover() -> str:
    """A name that no other writer, on any machine, gives at the same time."""
    return f"{_LEFTOVER}{os.getpid():x}-{os.urandom(8).hex()}"


def _aside(folder: Path) -> Path:
    return folder / _leftover()


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


def _renewed(path: Path, size: int) -> bool:
    """Whether the file is there in full; if so it counts as written now."""
    try:
        if path.stat().st_size != size:  # cut short by a power loss: to be written again
            return False
        with suppress(PermissionError):  # another user's file
            os.utime(path)
    except FileNotFoundError:
        return False
    return True


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


# --- anywhere that pyarrow reaches -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ArrowStore:
    """A prefix on a `pyarrow.fs` file system.

    An object store has no rename and needs none: an object appears when its upload is complete, and not before. On
    others (hdfs) files are written aside and moved. Uploads that a killed writer left open are invisible; a rule
    on the bucket (abort incomplete multipart uploads) removes them.
    """

    filesystem: FileSystem
    prefix: str
    uri: str
    query: str = ""

    @classmethod
    def at(cls, uri: str) -> ArrowStore:
        """The store at a URI; see `open_store`."""
        from pyarrow.fs import FileSystem

        base, _, query = uri.partition("?")
        _refuse_secrets(base, query)
        options = query
        if (
            base.startswith("s3:") and "allow_delayed_open" not in query
        ):  # one request a small file, not three
            options = f"{query}&allow_delayed_open=true".lstrip("&")
        try:
            filesystem, prefix = FileSystem.from_uri(f"{base}?{options}" if options else base)
        except (OSError, ValueError) as error:
            raise WrongRoot(base, str(error)) from error
        return cls(filesystem=filesystem, prefix=prefix.rstrip("/"), uri=base.rstrip("/"), query=query)

    def __str__(self) -> str:
        return self.uri

    def put(self, data: bytes | memoryview, suffix: str = "") -> Stored:
        octets = memoryview(data).cast("B")
        address = _address(hashlib.sha256(octets).hexdigest(), suffix)
        if octets.nbytes < _PIECE or not self._has(address, octets.nbytes):  # small: asking costs as much
            self._write(address, [octets])
        return Stored(address=address, size=octets.nbytes)

    def put_file(self, path: Path, suffix: str = "") -> Stored:
        with path.open("rb") as file:
            address = _address(hashlib.file_digest(file, "sha256").hexdigest(), suffix)
            size = file.tell()
            if not self._has(address, size):
                file.seek(0)
                self._write(address, _pieces(file))
        return Stored(address=address, size=size)

    def get(self, address: str, *, verify: bool = False) -> bytes:
        try:
            with self.open(address) as file:
                data = file.read()
        except OSError as error:
            self._fail("read", error)
        return _verified(data, address, self) if verify else data

    def open(self, address: str) -> BinaryIO:
        try:
            return cast("BinaryIO", self.filesystem.open_input_file(self._path(address)))
        except FileNotFoundError:
            raise MissingFile(address, str(self)) from None
        except OSError as error:
            self._fail("read", error)

    def local_path(self, address: str) -> Path | None:
        return None

    def location(self, address: str) -> str:
        uri = f"{self.uri}/{_checked(address, self)}"
        return f"{uri}?{self.query}" if self.query else uri

    def exists(self, address: str) -> bool:
        return self._size(address) is not None

    def delete(self, address: str) -> None:
        try:
            self.filesystem.delete_file(self._path(address))
        except FileNotFoundError:
            pass
        except OSError as error:
            self._fail("delete from", error)

    def addresses(self) -> Iterator[str]:
        for path, _ in self._files():
            address = path.removeprefix(f"{self.prefix}/")
            if _ADDRESS.fullmatch(address):
                yield address

    def sweep_leftovers(self, older_than: datetime) -> int:
        if self._puts_at_once:
            return 0
        swept = 0
        for path, modified in self._files():
            if path.rpartition("/")[2].startswith(_LEFTOVER) and modified < older_than:
                with suppress(FileNotFoundError):
                    self.filesystem.delete_file(path)
                    swept += 1
        return swept

    @property
    def _puts_at_once(self) -> bool:
        """Whether a file appears only when it is complete."""
        return self.filesystem.type_name in ("s3", "gcs", "abfs")

    def _path(self, address: str) -> str:
        return f"{self.prefix}/{_checked(address, self)}"

    def _size(self, address: str) -> int | None:
        try:
            info = self.filesystem.get_file_info(self._path(address))
        except OSError as error:
            self._fail("read", error)
        return cast("int", info.size) if info.is_file else None

    def _has(self, address: str, size: int) -> bool:
        return self._size(address) == size

    def _files(self) -> Iterator[tuple[str, datetime]]:
        from pyarrow.fs import FileSelector

        selector = FileSelector(self.prefix, recursive=True, allow_not_found=True)
        try:
            yield from (
                (info.path, info.mtime) for info in self.filesystem.get_file_info(selector) if info.is_file
            )
        except OSError as error:
            self._fail("list", error)

    def _write(self, address: str, pieces: Iterable[bytes | memoryview]) -> None:
        final = self._path(address)
        folder = final.rpartition("/")[0]
        path = final if self._puts_at_once else f"{folder}/{_leftover()}"
        try:
            if path != final:
                self.filesystem.create_dir(folder, recursive=True)
            self._upload(path, pieces)
            if path != final:
                self.filesystem.move(path, final)
        except OSError as error:
            self._fail("write to", error)

    def _upload(self, path: str, pieces: Iterable[bytes | memoryview]) -> None:
        stream: NativeFile = self.filesystem.open_output_stream(path)
        try:
            for piece in pieces:
                stream.write(piece)
            stream.close()
        except (
            BaseException
        ):  # pyarrow cannot abort: closing shows what was sent so far, so it is removed at once
            with suppress(OSError):
                stream.close()
            with suppress(OSError):
                self.filesystem.delete_file(path)
            raise

    def _fail(self, action: str, error: OSError) -> NoReturn:
        raise StoreUnusable(str(self), action, error) from error


def _refuse_secrets(base: str, query: str) -> None:
    """A root is written to ledgers and logs; a password must not be."""
    parts = urlsplit(base)
    shown = base.replace(f"{parts.username or ''}:{parts.password}@", "") if parts.password else base
    names = [name for name, _ in parse_qsl(query, keep_blank_values=True)]
    secret = [name for name in names if re.search(r"secret|token|password|credential$|_key$|^sig$", name)]
    if parts.password or secret:
        what = f"'{secret[0]}'" if secret else "a password"
        raise WrongRoot(
            shown, f"it holds {what}; credentials belong in the environment (AWS_ACCESS_KEY_ID, …)"
        )


# --- in memory ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryStore:
    """A dictionary, for notebooks and tests; gone with the process."""

    files: dict[str, bytes] = field(default_factory=dict, repr=False)

    def __str__(self) -> str:
        return "memory:"

    def put(self, data: bytes | memoryview, suffix: str = "") -> Stored:
        octets = bytes(data)
        address = _address(hashlib.sha256(octets).hexdigest(), suffix)
        self.files.setdefault(address, octets)
        return Stored(address=address, size=len(octets))

    def put_file(self, path: Path, suffix: str = "") -> Stored:
        return self.put(path.read_bytes(), suffix)

    def get(self, address: str, *, verify: bool = False) -> bytes:
        try:
            data = self.files[address]
        except KeyError:
            raise MissingFile(address, str(self)) from None
        return _verified(data, address, self) if verify else data

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
