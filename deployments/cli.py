"""The two commands, `materialize` and `assets`: the guard first, then the commands themselves.

Nothing but the standard library is imported until the guard has passed.
"""

from __future__ import annotations

import sys

from deployments.guard import ForeignPackage, require_one_root

WRONG_SETUP = 2
"""The exit code for anything that is wrong before the work begins."""


def materialize() -> None:
    """Builds a selection of assets, with everything upstream that has to be built."""
    _refuse_foreign_packages()
    from deployments.commands import materialize_main

    materialize_main()


def assets() -> None:
    """Everything else: list, show, plan, lineage, status, history, runs, sql, export, new."""
    _refuse_foreign_packages()
    from deployments.commands import assets_main

    assets_main()


def _refuse_foreign_packages() -> None:
    """Ends the process with both paths and the remedy if a package is not this project's own."""
    try:
        require_one_root()
    except ForeignPackage as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(WRONG_SETUP) from None
