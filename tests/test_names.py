"""Files are named for what they hold, and like nothing that somebody else may want to import."""

from __future__ import annotations

import sys
from importlib.metadata import packages_distributions
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("assets", "checks", "deployments", "graph", "materializers")
SAYS_NOTHING = {"base", "common", "core", "helpers", "manager", "misc", "utils"}
LONG = 550
"""Lines; a longer file says in its docstring why, with the words "long because"."""

MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def words_of(path: Path) -> list[str]:
    """The folder names and the file name below the package, as Python would import them."""
    return list(path.relative_to(ROOT).with_suffix("").parts[1:])


def test_the_packages_have_modules() -> None:
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == set(PACKAGES)


def test_no_module_is_named_like_the_standard_library_or_another_library() -> None:
    # With a file as entry point, Python looks for every import in that file's own folder first.
    taken = (sys.stdlib_module_names | set(packages_distributions())) - set(PACKAGES) - {"__init__"}
    shadows = [str(path.relative_to(ROOT)) for path in MODULES if taken & set(words_of(path))]
    assert shadows == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    empty = [str(path.relative_to(ROOT)) for path in MODULES if SAYS_NOTHING & set(words_of(path))]
    assert empty == []


def test_a_file_stays_readable() -> None:
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in MODULES}
    long = {name: text for name, text in texts.items() if text.count("\n") > LONG}
    assert [name for name, text in long.items() if "long because" not in text.split('"""')[1].lower()] == []


def test_nothing_makes_the_tests_importable() -> None:
    assert not list((ROOT / "tests").rglob("__init__.py"))
