"""Modules become a graph; what cannot be imported, read or found in them is one sentence with its place."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from graph import AssetGraphError, UnknownAsset
from materializers import Project, ProjectError, open_workspace
from materializers.loading import ProjectSources, load_graph

ASSET = "from graph import asset\n@asset\ndef one() -> int:\n    return 1\n"


@pytest.fixture(autouse=True)
def _forgotten_modules() -> Iterator[None]:
    path, modules = list(sys.path), set(sys.modules)
    yield
    sys.path[:] = path
    for name in set(sys.modules) - modules:
        if name.partition(".")[0].startswith("shop"):
            del sys.modules[name]


def project(folder: Path, files: Mapping[str, str | bytes], name: str) -> Project:
    for file, text in files.items():
        path = folder / name / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return Project(root=folder, modules=(name,), home=folder / "home")


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        pytest.param(
            "__init__.py", "\n1 +\n", r"__init__\.py:2: SyntaxError: invalid syntax$", id="syntax, on top"
        ),
        pytest.param(
            "sub/__init__.py", "1 +\n", r"sub/__init__\.py:1: SyntaxError: .*$", id="syntax, in a sub-package"
        ),
        pytest.param("sub/deep.py", "1 +\n", r"sub/deep\.py:1: SyntaxError: .*$", id="syntax, in a module"),
        pytest.param(
            "sub/__init__.py", "\n1 / 0", r"sub/__init__\.py:2: ZeroDivisionError: .*$", id="any error"
        ),
        pytest.param(
            "sub/__init__.py", "import nowhere", r"sub/__init__\.py:1: ModuleNotFound.*$", id="an import"
        ),
        pytest.param("sub/__init__.py", "exit(3)", r"sub/__init__\.py:1: SystemExit: 3$", id="an exit"),
        pytest.param(
            "sub/a.py", "raise ValueError('two\\nlines')", r"a\.py:1: ValueError: two lines$", id="two lines"
        ),
        pytest.param("sub/a.py", b"x = '\xe9'", r"a\.py:.*SyntaxError: .*$", id="an encoding"),
    ],
)
def test_what_cannot_be_imported_is_told_with_its_place(
    tmp_path: Path, file: str, text: str | bytes, message: str
) -> None:
    name = f"shop_{abs(hash((file, text)))}"
    files = {"__init__.py": ASSET, "sub/__init__.py": "", file: text}
    with pytest.raises(ProjectError, match=r"the module 'shop_\d+[a-z.]*' cannot be imported: .*" + message):
        load_graph(project(tmp_path, files, name))


def test_all_that_lies_below_is_found_in_a_fixed_order(tmp_path: Path) -> None:
    files = {
        "__init__.py": "",
        "b.py": ASSET.replace("one", "in_b"),
        "a/__init__.py": ASSET.replace("one", "in_a"),
        "a/c/__init__.py": "",
        "a/c/d.py": ASSET.replace("one", "in_d"),
    }
    found = load_graph(project(tmp_path, files, "shop_order"))
    assert list(found.assets) == ["shop_order/in_a", "a/in_d", "shop_order/in_b"]


@pytest.mark.parametrize(
    "text", ["", "def one() -> int:\n    return 1\n"], ids=["an empty one", "one without assets"]
)
def test_a_project_that_declares_nothing_is_told_so(tmp_path: Path, text: str) -> None:
    given = project(tmp_path, {"__init__.py": text}, f"shop_nothing_{len(text)}")
    with pytest.raises(
        ProjectError, match=re.escape(f"the modules {list(given.modules)} of {tmp_path} declare no")
    ):
        load_graph(given)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(({"shop_config/on": {"x": 1}}, None), id="in the project"),
        pytest.param(({}, {"shop_config/on": {"x": 1}}), id="as an argument"),
    ],
)
def test_a_config_of_an_unknown_asset_is_refused(
    tmp_path: Path,
    given: tuple[Mapping[str, Mapping[str, object]], Mapping[str, Mapping[str, object]] | None],
) -> None:
    own, more = given
    made = project(tmp_path, {"__init__.py": ASSET}, "shop_config")
    opened = Project(root=made.root, modules=made.modules, home=made.home, config=own)
    with pytest.raises(UnknownAsset, match=r"no asset 'shop_config/on'\. Did you mean 'shop_config/one'\?"):
        open_workspace(opened, config=more)
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("# é\n".encode(), id="UTF-8"),
        pytest.param(b"\xef\xbb\xbf" + "# é\n".encode(), id="UTF-8 with a byte order mark"),
        pytest.param("# -*- coding: latin-1 -*-\n# é\n".encode("latin-1"), id="Latin-1 that says so"),
        pytest.param("# é\r\n".encode(), id="the line ends of Windows"),
    ],
)
def test_a_source_is_read_as_python_reads_it(tmp_path: Path, source: bytes) -> None:
    project(tmp_path, {"__init__.py": source}, "shop_text")
    sys.path.insert(0, str(tmp_path))
    found = ProjectSources(["shop_text"], tmp_path).text("shop_text")
    assert found is not None
    assert found.endswith("# é\n")
    assert "\ufeff" not in found


@pytest.mark.parametrize(
    "source",
    [
        pytest.param("# é\n".encode("latin-1"), id="Latin-1 that does not say so"),
        pytest.param(b"x = 1\n" * 9 + b"# \xe9\n", id="further down"),
        pytest.param(b"# coding: nonsense\n", id="a coding that does not exist"),
    ],
)
def test_a_source_that_cannot_be_decoded_is_named(tmp_path: Path, source: bytes) -> None:
    project(tmp_path, {"__init__.py": source}, "shop_wrong")
    sys.path.insert(0, str(tmp_path))
    with pytest.raises(AssetGraphError, match=r"shop_wrong/__init__\.py cannot be read as Python source"):
        ProjectSources(["shop_wrong"], tmp_path).text("shop_wrong")


def test_a_check_that_cannot_be_is_told_with_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "narrow_check.py").write_text(
        "from checks import between\nfrom graph import asset\n\n\n"
        "@asset(checks=[between('a', 5, 1)])\ndef one() -> int:\n    return 1\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ProjectError, match=r"narrow_check\.py:5: check 'between\(a\)'"):
        load_graph(Project(root=tmp_path, modules=("narrow_check",)))
