"""Do all five packages come from one project? Their names are short, and another package may bear one of them.

Used before anything else is imported: by the command line and by every flow a worker loads. Standard library only.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

PACKAGES = ("assets", "checks", "deployments", "graph", "materializers")


class ForeignPackage(ImportError):
    """A package of this project is missing, or Python finds another of the same name before it."""


def require_one_root() -> None:
    """Returns if all five packages lie beside this one; nothing is imported to find out.

    Raises:
        ForeignPackage: names every package that does not, with both paths and the remedy.
    """
    root = Path(__file__).resolve().parent.parent
    problems = [problem for package in PACKAGES if (problem := _problem_with(package, root))]
    if problems:
        raise ForeignPackage("\n".join(problems))


def _problem_with(package: str, root: Path) -> str | None:
    """One sentence if ``package`` is not the one under ``root``, else None."""
    found, own = _place_of(package), root / package
    if found is None:
        return (
            f"package '{package}' of this project is missing: expected at {own}. Install the project again."
        )
    if found == own:
        return None
    return (
        f"package '{package}' is taken from {found}, but this project's own is {own}. "
        f"{_remedy(package, found)}, or start Python where it is not found first."
    )


def _place_of(package: str) -> Path | None:
    """The folder, or the single file, that ``import package`` would take."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        return None
    folders = [Path(folder).resolve() for folder in spec.submodule_search_locations or ()]
    if folders:
        return folders[0]
    return Path(spec.origin).resolve() if spec.origin else None


def _remedy(package: str, found: Path) -> str:
    """What to do about the intruder at ``found``: uninstall what brought it, or rename it."""
    from importlib.metadata import packages_distributions  # slow, and only needed when something is wrong

    if "site-packages" in found.parts or "dist-packages" in found.parts:
        brought_by = [
            name for name in packages_distributions().get(package, []) if name != "prefect-asset-graph"
        ]
        if brought_by:
            return f"Uninstall {' and '.join(sorted(set(brought_by)))}"
    return f"Rename or move {found}"
