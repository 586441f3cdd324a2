"""Twenty checks in a process of their own: ``checks_process.py table|file FILE TIMES`` prints figures as JSON.

``table`` judges what was read into memory; ``file`` judges the Parquet file where it lies.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any

from check_list import NOW, promises

import checks
from checks.table import ParquetFiles


def main(kind: str, file: str, times: int) -> dict[str, Any]:
    import pyarrow.parquet as pq

    data = pq.ParquetFile(file).read() if kind == "table" else ParquetFiles(paths=(file,))
    asked = []
    for number, promise in enumerate(promises(pq.read_metadata(file).num_rows)):
        make = getattr(checks, promise.check)
        asked.append(make(*promise.columns, **promise.options, name=f"promise {number}"))
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        verdicts = checks.evaluate(data, asked, now=NOW)
        seconds.append(time.perf_counter() - started)
    errors = [f"{verdict.check}: {verdict.error}" for verdict in verdicts if verdict.error]
    if errors:
        raise SystemExit("; ".join(errors))
    return {
        "seconds": seconds,
        "verdicts": [[verdict.passed, verdict.failing] for verdict in verdicts],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], sys.argv[2], int(sys.argv[3]))) + "\n")
