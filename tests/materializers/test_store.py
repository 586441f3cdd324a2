"""Stores: one contract for all of them, and what a directory promises besides.

The contract is the functions ``test_every_store_…``; ``test_store_s3.py`` holds S3 to the same ones.
"""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from materializers.garbage import Garbage
from materializers.kept_store import KeptStore
from materializers.sql_ledger import open_sqlite_ledger
from materializers.store import (
    VERIFIED,
    ArrowStore,
    DamagedFile,
    LocalStore,
    MemoryStore,
    MissingFile,
    Store,
    StoreUnusable,
    WrongRoot,
    local_copy,
    open_store,
)

ROOT = Path(__file__).resolve().parents[2]
NOWHERE = "ab/cdefabcdefabcdefabcdefabcdefab.json"


@pytest.fixture
def garbage() -> Iterator[Garbage]:
    ledger = open_sqlite_ledger(None)
    yield ledger.garbage
    ledger.close()


@pytest.fixture(params=["directory", "directory with fsync", "memory", "pyarrow on a disk", "kept"])
def store(request: pytest.FixtureRequest, tmp_path: Path, garbage: Garbage) -> Store:
    match request.param:
        case "directory":
            return open_store(tmp_path / "store")
        case "directory with fsync":
            return open_store(tmp_path / "store", fsync=True)
        case "memory":
            return MemoryStore()
        case "kept":
            return KeptStore(store=open_store(tmp_path / "store"), garbage=garbage)
        case _:
            return ArrowStore.at((tmp_path / "store").as_uri())


def overwrite(store: Store, address: str, data: bytes) -> None:
    """Damage a file, as no one should."""
    match store:
        case KeptStore():
            overwrite(store.store, address, data)
        case LocalStore():
            path = store.root / address
            path.unlink()
            path.write_bytes(data)
        case MemoryStore():
            store.files[address] = data
        case ArrowStore():
            with store.filesystem.open_output_stream(f"{store.prefix}/{address}") as file:
                file.write(data)


# --- the contract ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"3.5", id="a number"),
        pytest.param(b"\0\xff\r\n" * 800_000, id="more than a piece"),
        pytest.param(memoryview(b"abc"), id="a view"),
        pytest.param(memoryview(pa.py_buffer(b"abc")), id="a view of Arrow's memory"),
    ],
)
def test_every_store_gives_back_what_it_was_given(store: Store, data: bytes | memoryview) -> None:
    stored = store.put(data, ".bin")
    assert stored.size == len(data)
    assert store.get(stored.address) == bytes(data)
    assert store.get(stored.address, verify=True) == bytes(data)


def test_every_store_gives_the_same_address(store: Store) -> None:
    digest = hashlib.sha256(b"abc").hexdigest()
    assert store.put(b"abc", ".json").address == f"{digest[:2]}/{digest[2:32]}.json"
    assert store.put(b"abc", ".json").digest == digest[:32]


def test_every_store_keeps_equal_bytes_once(store: Store) -> None:
    addresses = {store.put(b"abc", ".json").address for _ in range(3)}
    assert set(store.addresses()) == addresses
    assert len(addresses) == 1


def test_every_store_keeps_files_as_it_keeps_bytes(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(b"0123456789" * 300_000)
    stored = store.put_file(path, ".bin")
    assert stored == store.put(path.read_bytes(), ".bin") == store.put_file(path, ".bin")
    assert store.get(stored.address) == path.read_bytes()
    assert path.exists()


def test_every_store_opens_a_file_to_read_and_seek(store: Store) -> None:
    with store.open(store.put(b"0123456789").address) as file:
        assert file.read(2) == b"01"
        file.seek(8)
        assert file.read() == b"89"


def test_every_store_names_what_is_missing(store: Store) -> None:
    for read in (store.get, store.open, lambda address: local_copy(store, address)):
        with pytest.raises(MissingFile, match="is missing from the store at") as told:
            read(NOWHERE)
        assert told.value.address == NOWHERE
    assert not store.exists(NOWHERE)


def test_every_store_deletes_once_or_twice(store: Store) -> None:
    kept, gone = store.put(b"kept").address, store.put(b"gone").address
    store.delete(gone)
    store.delete(gone)
    assert not store.exists(gone)
    assert list(store.addresses()) == [kept]


def test_every_store_is_empty_at_first(store: Store) -> None:
    assert list(store.addresses()) == []
    assert store.sweep_leftovers(datetime.now(UTC)) == 0


def test_every_store_notices_damage(store: Store) -> None:
    address = store.put(b"abc", ".json").address
    overwrite(store, address, b"abd")
    with pytest.raises(DamagedFile, match=r"is damaged: .* delete it and materialize its asset") as told:
        store.get(address, verify=True)
    assert told.value.address == address


def test_every_store_has_locations_that_pyarrow_reads(store: Store) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"x": [1, 2]}), sink)
    address = store.put(memoryview(sink.getvalue()), ".parquet").address
    assert pq.read_table(store.location(address)).to_pydict() == {"x": [1, 2]}


def test_every_store_has_local_copies(store: Store) -> None:
    address = store.put(b"copied", ".txt").address
    path = local_copy(store, address)
    assert path.read_bytes() == b"copied"
    assert path.suffix == ".txt"
    assert local_copy(store, address) == path


def test_every_store_copies_no_damage(store: Store) -> None:
    address = store.put(b"to be damaged").address
    overwrite(store, address, b"damaged")
    with pytest.raises(DamagedFile):
        local_copy(store, address)


def test_a_large_file_on_this_disk_is_not_read_to_be_pointed_at(local: LocalStore) -> None:
    address = local.put(bytes(VERIFIED + 1)).address
    overwrite(local, address, b"x" * (VERIFIED + 1))
    assert local_copy(local, address) == local.local_path(address)
    with pytest.raises(DamagedFile):
        local.get(address, verify=True)


def test_every_store_mends_what_is_put_again(store: Store) -> None:
    address = store.put(b"abc").address
    overwrite(store, address, b"abd")
    store.put(b"abc")
    assert store.get(address, verify=True) == b"abc"


def test_a_large_file_is_mended_too(local: LocalStore) -> None:
    data = b"a" * (3 * VERIFIED + 1)
    address = local.put(data).address
    overwrite(local, address, data[:-1] + b"b")
    local.put(data)
    assert local.get(address, verify=True) == data


def test_every_store_bears_many_writers_of_the_same(store: Store) -> None:
    contents = [b"%d" % (number % 4) * 1000 for number in range(40)]
    with ThreadPoolExecutor(8) as pool:
        addresses = set(pool.map(lambda data: store.put(data).address, contents))
    assert set(store.addresses()) == addresses
    assert {store.get(address, verify=True)[:1] for address in addresses} == {b"0", b"1", b"2", b"3"}


@pytest.mark.parametrize("address", ["../../etc/passwd", "ab/../../x", "", "/etc/passwd", NOWHERE.upper()])
def test_every_store_has_nothing_at_what_is_no_address(store: Store, address: str) -> None:
    with pytest.raises(MissingFile):
        store.get(address)


@pytest.mark.parametrize("suffix", ["json", "./x", ".a/b", ".", ".toolongforasuffix", ".a.b.c"])
def test_every_store_refuses_strange_suffixes(store: Store, suffix: str) -> None:
    with pytest.raises(ValueError, match="a suffix is like"):
        store.put(b"", suffix)


# --- a directory -------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "store"


@pytest.fixture
def local(root: Path) -> LocalStore:
    return LocalStore(root=root)


def test_nothing_is_made_before_the_first_write(local: LocalStore) -> None:
    assert not local.exists(NOWHERE)
    assert list(local.addresses()) == []
    assert not local.root.parent.exists()


def test_files_are_read_only(local: LocalStore) -> None:
    assert (local.root / local.put(b"abc").address).stat().st_mode & 0o777 & 0o222 == 0


def test_a_file_that_lost_its_end_is_written_again(local: LocalStore) -> None:
    address = local.put(b"abc").address
    overwrite(local, address, b"a")
    local.put(b"abc")
    assert local.get(address, verify=True) == b"abc"


def test_a_file_that_is_put_again_counts_as_just_written(local: LocalStore) -> None:
    path = local.root / local.put(b"abc").address
    inode = path.stat().st_ino
    os.utime(path, (0, 0))
    local.put(b"abc")
    assert path.stat().st_mtime > 0
    assert path.stat().st_ino == inode


def test_foreign_files_are_no_addresses(local: LocalStore) -> None:
    address = local.put(b"abc").address
    (local.root / "README").write_text("hello")
    (local.root / address[:2] / "notes.txt").write_text("hello")
    assert list(local.addresses()) == [address]


@pytest.mark.parametrize(
    ("age", "swept"),
    [
        pytest.param(timedelta(hours=2), 2, id="older"),
        pytest.param(timedelta(minutes=59), 0, id="younger: its writer may be at work"),
    ],
)
def test_leftovers_are_swept_by_age(local: LocalStore, age: timedelta, swept: int) -> None:
    now = datetime.now(UTC)
    address = local.put(b"abc").address
    leftovers = [local.root / ".tmp-1-a", local.root / address[:2] / ".tmp-1-b"]
    for path in leftovers:
        path.write_bytes(b"half")
        os.utime(path, ((now - age).timestamp(),) * 2)
    assert local.sweep_leftovers(older_than=now - timedelta(hours=1)) == swept
    assert sum(path.exists() for path in leftovers) == 2 - swept
    assert list(local.addresses()) == [address]


def files_of(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def failing_pieces() -> Iterator[bytes]:
    yield b"the first half"
    raise KeyboardInterrupt


def test_an_interrupted_write_leaves_nothing(local: LocalStore) -> None:
    with pytest.raises(KeyboardInterrupt):
        local.put_pieces(failing_pieces())
    assert files_of(local.root) == []


@pytest.fixture
def small_files_only() -> Iterator[None]:
    """No file can grow past 64 KiB, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (65536, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.usefixtures("small_files_only")
def test_a_write_that_does_not_fit_leaves_nothing_and_says_so(local: LocalStore) -> None:
    with pytest.raises(
        StoreUnusable, match=r"cannot write to the store at .*: File too large; raise the limit"
    ):
        local.put(b"x" * 100_000)
    with pytest.raises(StoreUnusable, match="File too large"):
        local.put_pieces([b"x" * 50_000] * 2)
    assert files_of(local.root) == []


def test_a_root_that_is_a_file_is_told(root: Path) -> None:
    root.parent.mkdir()
    root.write_text("a file")
    with pytest.raises(
        StoreUnusable, match=r"cannot write to the store at .*/store: .*; set ASSETS_HOME to a directory"
    ):
        LocalStore(root=root).put(b"abc")


@pytest.mark.skipif(sys.platform != "linux", reason="/sys is a place where not even root can write")
def test_a_root_that_cannot_be_written_is_told() -> None:
    with pytest.raises(StoreUnusable, match=r"the store at /sys/.*; make it writable, or set ASSETS_HOME"):
        LocalStore(root=Path("/sys/assets")).put(b"abc")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        pytest.param(errno.ENOSPC, "No space left on device; free some space", id="a full disk"),
        pytest.param(errno.EDQUOT, "free some space", id="a used up quota"),
        pytest.param(errno.EROFS, "make it writable", id="a read-only file system"),
        pytest.param(errno.EIO, "Input/output error", id="anything else is told as it is"),
    ],
)
def test_what_the_system_says_comes_with_a_remedy(number: int, words: str) -> None:
    told = StoreUnusable("/data", "write to", OSError(number, os.strerror(number)))
    assert str(told).startswith("cannot write to the store at /data: ")
    assert words in str(told)
    assert told.errno == number


WRITER = """
import sys
from pathlib import Path
from materializers.store import LocalStore
store, number = LocalStore(root=Path(sys.argv[1])), 0
def pieces():
    for piece in range(4):
        yield b"%d" % number * 5000
        print("written", flush=True)
        sys.stdin.readline()
while True:
    store.put_pieces(pieces(), ".bin")
    store.put(b"%d" % number * 5000, ".json")
    number += 1
"""


def writer(root: Path, script: str) -> subprocess.Popen[str]:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", script, str(root)]
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True, bufsize=1)


@pytest.mark.faults(small=3, full=20)
def test_a_killed_writer_leaves_whole_files_and_one_leftover(local: LocalStore, fault_seed: int) -> None:
    with writer(local.root, WRITER) as process:
        for _ in range(3 * fault_seed):
            process.stdout.readline()
            process.stdin.write("go on\n")
        process.stdout.readline()  # and now it waits, in the middle of a file
        process.kill()
    whole = [Path(address).name for address in local.addresses()]
    assert len(whole) == 2 * (3 * fault_seed // 4)
    assert all(local.get(address, verify=True) for address in local.addresses())
    (leftover,) = {path.name for path in files_of(local.root)} - set(whole)
    assert leftover.startswith(".tmp-")
    assert local.sweep_leftovers(older_than=datetime.now(UTC) + timedelta(seconds=1)) == 1
    assert {path.name for path in files_of(local.root)} == set(whole)


SAME = """
import sys
from pathlib import Path
from materializers.store import LocalStore
store = LocalStore(root=Path(sys.argv[1]))
print("ready", flush=True)
for number in range(200):
    store.put(b"%d" % number * 1000)
print("done")
"""


def test_two_processes_write_the_same_at_once(local: LocalStore) -> None:
    with writer(local.root, SAME) as one, writer(local.root, SAME) as other:
        assert [process.communicate(timeout=60)[0].split() for process in (one, other)] == [
            ["ready", "done"]
        ] * 2
    assert len(files_of(local.root)) == 200
    assert {local.get(address, verify=True) for address in local.addresses()} == {
        b"%d" % n * 1000 for n in range(200)
    }


# --- opening -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        pytest.param("/data/assets", LocalStore(root=Path("/data/assets")), id="a path"),
        pytest.param(Path("/data/assets"), LocalStore(root=Path("/data/assets")), id="a Path"),
        pytest.param("file:///data/my%20assets", LocalStore(root=Path("/data/my assets")), id="a file URI"),
        pytest.param("assets", LocalStore(root=Path.cwd() / "assets"), id="a relative path, made absolute"),
        pytest.param("memory:", MemoryStore(), id="memory"),
    ],
)
def test_open_store(root: str | Path, expected: Store) -> None:
    assert open_store(root) == expected


@pytest.mark.parametrize(
    ("root", "words"),
    [
        pytest.param("ftp://host/data", "nrecognized filesystem", id="an unknown scheme"),
        pytest.param("s3://bucket/x?region=us-east-1&colour=red", "colour", id="an unknown option"),
        pytest.param(
            "s3://key:hunter2@bucket/x?region=us-east-1", "belong in the environment", id="a password"
        ),
        pytest.param(
            "abfs://c@a.dfs.core.windows.net/x?client_secret=hunter2", "client_secret", id="a secret option"
        ),
    ],
)
def test_open_store_says_what_is_wrong_and_no_secrets(root: str, words: str) -> None:
    with pytest.raises(WrongRoot, match=words) as told:
        open_store(root)
    assert "hunter2" not in str(told.value)
