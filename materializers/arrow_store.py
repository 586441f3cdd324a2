"""A store on any file system that pyarrow reaches: S3, Google Cloud Storage, Azure, HDFS."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn, cast
from urllib.parse import parse_qsl, urlsplit

from materializers.address import (
    LEFTOVER,
    PIECE,
    MissingFile,
    Stored,
    StoreUnusable,
    WrongRoot,
    address_of,
    checked,
    is_address,
    leftover_name,
    pieces_of,
    verified,
)

if TYPE_CHECKING:
    from pyarrow import NativeFile
    from pyarrow.fs import FileSystem


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
        address = address_of(hashlib.sha256(octets).hexdigest(), suffix)
        if octets.nbytes < PIECE or not self._has(address, octets.nbytes):  # small: asking costs as much
            self._write(address, [octets])
        return Stored(address=address, size=octets.nbytes)

    def put_file(self, path: Path, suffix: str = "") -> Stored:
        with path.open("rb") as file:
            address = address_of(hashlib.file_digest(file, "sha256").hexdigest(), suffix)
            size = file.tell()
            if not self._has(address, size):
                file.seek(0)
                self._write(address, pieces_of(file))
        return Stored(address=address, size=size)

    def get(self, address: str, *, verify: bool = False) -> bytes:
        try:
            with self.open(address) as file:
                data = file.read()
        except OSError as error:
            self._fail("read", error)
        return verified(data, address, self) if verify else data

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
        uri = f"{self.uri}/{checked(address, self)}"
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
            if is_address(address):
                yield address

    def sweep_leftovers(self, older_than: datetime) -> int:
        if self._puts_at_once:
            return 0
        swept = 0
        for path, modified in self._files():
            if path.rpartition("/")[2].startswith(LEFTOVER) and modified < older_than:
                with suppress(FileNotFoundError):
                    self.filesystem.delete_file(path)
                    swept += 1
        return swept

    @property
    def _puts_at_once(self) -> bool:
        """Whether a file appears only when it is complete."""
        return self.filesystem.type_name in ("s3", "gcs", "abfs")

    def _path(self, address: str) -> str:
        return f"{self.prefix}/{checked(address, self)}"

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
        path = final if self._puts_at_once else f"{folder}/{leftover_name()}"
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
