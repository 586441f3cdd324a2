"""One measurement of Hamilton with its persistent cache, run by the peers' interpreter; prints figures as JSON.

``hamilton_process.py FOLDER``: compute the ends of all chains. FOLDER holds the pipeline and the cache; what the
cache knows already is read from it.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from pathlib import Path

from hamilton import driver


def execute(folder: Path) -> dict[str, float]:
    sys.path.insert(0, str(folder))
    module = importlib.import_module("pipeline")
    names = [name for name in vars(module) if name.startswith("a") and name[1:].isdigit()]
    ends = [name for name in names if name.endswith("9")]
    built = driver.Builder().with_modules(module).with_cache(path=str(folder / "cache")).build()
    started, before = time.perf_counter(), time.process_time()
    built.execute(ends)
    return {"wall_s": time.perf_counter() - started, "cpu_s": time.process_time() - before}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(execute(Path(sys.argv[1]))) + "\n")
