"""S3, spoken by a server on this machine: the contract of all stores, and what only an object store promises."""

from __future__ import annotations

import importlib.util
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.fs
import pytest

from materializers.formats import choose, decode
from materializers.store import ArrowStore, Store, StoreUnusable, WrongRoot, open_store

ROOT = Path(__file__).resolve().parents[2]
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "hunter2",
    "AWS_EC2_METADATA_DISABLED": "true",
}
_numbers = count()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a server that speaks S3, host and port; credentials are in the environment meanwhile."""
    moto = pytest.importorskip("moto.server", reason="moto[server] is not installed")
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    with pytest.MonkeyPatch.context() as environment:
        for name, value in CREDENTIALS.items():
            environment.setenv(name, value)
        running = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
        running.start()
        host, port = running.get_host_and_port()
        yield f"{host}:{port}"
        running.stop()


@pytest.fixture
def root(server: str) -> str:
    """A bucket of its own, as the text that names a store in it."""
    bucket = f"bucket{next(_numbers)}"
    options = f"endpoint_override={server}&scheme=http&region=us-east-1"
    pyarrow.fs.FileSystem.from_uri(f"s3://{bucket}?{options}&allow_bucket_creation=true")[0].create_dir(
        bucket
    )
    return f"s3://{bucket}/some/prefix?{options}"


@pytest.fixture
def store(root: str) -> Store:
    return open_store(root)


def _contract() -> ModuleType:
    path = Path(__file__).with_name("test_store.py")
    spec = importlib.util.spec_from_file_location("store_contract", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


globals().update(
    {name: test for name, test in vars(_contract()).items() if name.startswith("test_every_store_")}
)


def files_in(store: ArrowStore) -> list[str]:
    selector = pyarrow.fs.FileSelector(store.prefix.partition("/")[0], recursive=True, allow_not_found=True)
    return [info.path for info in store.filesystem.get_file_info(selector) if info.is_file]


def test_files_lie_below_the_prefix(store: ArrowStore) -> None:
    address = store.put(b"abc", ".json").address
    assert files_in(store) == [f"{store.prefix}/{address}"]
    assert store.prefix.endswith("/some/prefix")


def test_a_table_and_a_value_come_back(store: Store) -> None:
    table = pa.table({"symbol": ["AAPL", None], "close": [1.5, 2.5]})
    for value, annotation in ((table, "pa.Table"), ({"a": [1, 2.5]}, "dict"), (b"\x89PNG...", "bytes")):
        encoded = choose(value, annotation, None, key="market/prices").encode(value, store)
        assert decode(encoded, store, annotation) == value
    relation = decode(choose(table, None, None).encode(table, store), store, "DuckDBPyRelation")
    assert relation.filter("symbol is not null").fetchall() == [("AAPL", 1.5)]


def failing_pieces() -> Iterator[bytes]:
    yield b"x" * 11_000_000  # two parts of a multipart upload
    raise KeyboardInterrupt


def test_an_interrupted_upload_shows_nothing(store: ArrowStore) -> None:
    with pytest.raises(KeyboardInterrupt):
        store._write("ab/cdefabcdefabcdefabcdefabcdefab.bin", failing_pieces())
    assert files_in(store) == []


UPLOADER = """
import sys
from materializers.store import open_store
def pieces():
    yield b"x" * 11_000_000
    print("two parts are on their way", flush=True)
    sys.stdin.readline()
open_store(sys.argv[1])._write("ab/cdefabcdefabcdefabcdefabcdefab.bin", pieces())
"""


def test_a_killed_upload_shows_nothing(store: ArrowStore, root: str) -> None:
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", UPLOADER, root]
    with subprocess.Popen(
        command, cwd=ROOT, env=dict(os.environ), stdin=pipe, stdout=pipe, text=True
    ) as process:
        assert process.stdout.readline().startswith("two parts")
        process.kill()
    assert files_in(store) == []


def test_a_large_file_is_not_sent_twice(store: ArrowStore, tmp_path: Path) -> None:
    path = tmp_path / "large.bin"
    path.write_bytes(b"0123456789" * 200_000)
    address = store.put_file(path).address
    (before,) = store.filesystem.get_file_info([f"{store.prefix}/{address}"])
    store.put(path.read_bytes())
    (after,) = store.filesystem.get_file_info([f"{store.prefix}/{address}"])
    assert after.mtime_ns == before.mtime_ns


def test_a_bucket_that_is_not_there_is_told(root: str) -> None:
    elsewhere = open_store(root.replace("bucket", "nobucket", 1))
    with pytest.raises(
        StoreUnusable, match=r"cannot write to the store at s3://nobucket\d+/some/prefix: "
    ) as told:
        elsewhere.put(b"abc")
    assert "NO_SUCH_BUCKET" in str(told.value)
    assert "hunter2" not in str(told.value)


def test_the_location_holds_no_secrets(store: Store, root: str) -> None:
    location = store.location(store.put(b"abc", ".json").address)
    assert location.startswith(root.partition("?")[0])
    assert "hunter2" not in location
    with pytest.raises(WrongRoot, match="belong in the environment"):
        open_store(root.replace("s3://", "s3://testing:hunter2@"))


def test_a_pipeline_runs_with_its_data_on_s3_and_its_ledger_here(root: str) -> None:
    from checks import not_null
    from graph import asset
    from materializers import in_memory, load, materialize

    @asset(checks=[not_null("x")])
    def numbers() -> pa.Table:
        return pa.table({"x": [1, 2, 3]})

    @asset
    def total(numbers: duckdb.DuckDBPyRelation) -> int:  # noqa: F821  # as text
        return int(numbers.sum("x").fetchall()[0][0])

    workspace = in_memory([numbers, total])
    workspace.store = open_store(root)
    assert [one.outcome for one in materialize("total", workspace=workspace).results] == ["published"] * 2
    assert load("total", workspace=workspace) == 6
    assert load("numbers", workspace=workspace, as_type="pd.DataFrame")["x"].tolist() == [1, 2, 3]
    assert len(list(workspace.store.addresses())) == 2
    assert [one.outcome for one in materialize("total", workspace=workspace).results] == ["kept"] * 2
