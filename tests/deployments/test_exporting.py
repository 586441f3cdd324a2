from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from deployments.command_error import CommandError
from deployments.exporting import export, latest_file
from graph import Daily, Observation, UnknownAsset, asset, source
from graph.partitions import Partitions, Static
from materializers import Project, in_memory, run_plan
from materializers.store import MemoryStore, open_store
from materializers.workspace import Workspace


@source(name="t/outside")
def outside() -> Observation:
    return Observation(version="1")


@asset(name="t/prices")
def prices() -> pa.Table:
    return pa.table({"x": [1, 2]})


@asset(name="t/mean")
def mean(prices: pa.Table) -> float:
    return 1.5


@asset(name="t/page", stored_as="file")
def page() -> bytes:
    return b"<!doctype html><p>hello</p>"


@asset(name="t/boom")
def boom() -> int:
    return 1 // 0


@pytest.fixture(params=["local", "memory"])
def workspace(request: pytest.FixtureRequest, tmp_path: Path) -> Workspace:
    home = tmp_path / "home"
    opened = replace(
        in_memory([outside, prices, mean, page, boom]),
        store=open_store(home / "data") if request.param == "local" else MemoryStore(),
        project=Project(root=tmp_path, home=home),
    )
    run_plan(opened.plan("*"), opened, jobs=1)
    return opened


def page_version(workspace: Workspace) -> str:
    (version,) = workspace.published("t/page").values()
    return version.id


def test_every_kind_of_value_gets_a_readable_name(workspace: Workspace, tmp_path: Path):
    folder = tmp_path / "out"
    answer = export(workspace, "prices or mean or page", folder)

    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()) == [
        "t/mean.json",
        "t/page.html",
        "t/prices.parquet",
    ]
    assert pq.read_table(folder / "t" / "prices.parquet").to_pydict() == {"x": [1, 2]}
    assert (folder / "t" / "mean.json").read_text() == "1.5"
    assert answer.exit_code == 0
    assert answer.text().splitlines()[-1] == "wrote 3 files"
    assert f"t/page -> {folder}/t/page.html (27 B)" in answer.text()


def test_exporting_again_replaces_and_what_was_exported_may_be_changed(workspace: Workspace, tmp_path: Path):
    export(workspace, "page", tmp_path / "out")
    file = tmp_path / "out" / "t" / "page.html"
    file.write_text("mine")

    export(workspace, "page", tmp_path / "out")

    assert file.read_bytes() == page()
    assert workspace.load("page").read_bytes() == page()


def test_what_is_not_published_is_told_and_fails(workspace: Workspace, tmp_path: Path):
    answer = export(workspace, "boom or prices", tmp_path / "out")

    assert answer.exit_code == 1
    assert "t/boom has no published version; run: materialize t/boom" in answer.text()
    assert answer.document()["not_published"] == ["t/boom"]
    assert [file["key"] for file in answer.document()["files"]] == ["t/prices"]


def test_what_is_stored_elsewhere_is_told(workspace: Workspace, tmp_path: Path):
    answer = export(workspace, "outside", tmp_path / "out")

    assert answer.exit_code == 0
    assert "t/outside is stored elsewhere" in answer.text()


def test_an_unknown_selection_is_an_error(workspace: Workspace, tmp_path: Path):
    with pytest.raises(UnknownAsset):
        export(workspace, "group:nowhere", tmp_path / "out")


def test_a_place_that_cannot_be_written_is_told(workspace: Workspace, tmp_path: Path):
    (tmp_path / "out").write_text("a file")

    with pytest.raises(CommandError, match="cannot be written") as told:
        export(workspace, "prices", tmp_path / "out")
    assert told.value.exit_code == 1


def test_the_latest_file_has_a_readable_name_in_the_home(workspace: Workspace, tmp_path: Path):
    path = latest_file(workspace, page_version(workspace), "t/page")

    assert path == tmp_path / "home" / "latest" / "t" / "page.html"
    assert path.read_bytes() == page()
    assert [file.name for file in path.parent.iterdir()] == ["page.html"]


def test_the_latest_file_of_another_environment_is_apart(workspace: Workspace, tmp_path: Path):
    other = replace(workspace, environment="dev")

    assert latest_file(other, page_version(workspace), "t/page") == tmp_path / "home/latest-dev/t/page.html"


def test_asking_twice_is_the_same_file(workspace: Workspace):
    version = page_version(workspace)

    assert latest_file(workspace, version, "t/page") == latest_file(workspace, version, "t/page")


def test_the_latest_file_follows_the_version(workspace: Workspace, tmp_path: Path):
    path = tmp_path / "home" / "latest" / "t" / "page.html"
    path.parent.mkdir(parents=True)
    path.write_text("an older one")

    latest_file(workspace, page_version(workspace), "t/page")

    assert path.read_bytes() == page()


def test_on_a_disk_it_is_a_link_that_costs_nothing(workspace: Workspace):
    path = latest_file(workspace, page_version(workspace), "t/page")

    assert path is not None
    stored = workspace.store.local_path(
        workspace.ledger.materialization(page_version(workspace)).content.address or ""
    )
    assert path.stat().st_nlink == (2 if stored else 1)


def test_what_is_no_file_has_none(workspace: Workspace):
    (version,) = workspace.published("t/prices").values()

    assert latest_file(workspace, version.id, "t/prices") is None


def test_partitions_of_an_earlier_definition_are_history(tmp_path: Path):
    def made_for(partitions: Partitions | None):
        @asset(name="t/made", partitions=partitions)
        def made() -> int:
            return 1

        return made

    workspace = in_memory([made_for(None)])
    for partitions in (None, Static("x", "y"), Static("x"), Daily(start="2024-01-01", end="2024-01-02")):
        declared = in_memory([made_for(partitions)])
        declared.ledger, declared.store = workspace.ledger, workspace.store
        run_plan(declared.plan("*"), declared)
        found = export(declared, "t/made", tmp_path / str(partitions)[:40])
        assert len(list((tmp_path / str(partitions)[:40]).rglob("*.json"))) == len(
            declared.horizon().existing(partitions)
        ), found.text()
