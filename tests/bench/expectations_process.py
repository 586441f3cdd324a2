"""The same promises by Great Expectations, in a process of its own: ``expectations_process.py FILE TIMES``."""

from __future__ import annotations

import json
import logging
import resource
import sys
import time
import warnings
from typing import Any

from check_list import promises


def main(file: str, times: int) -> dict[str, Any]:
    import great_expectations as gx
    import pandas as pd

    logging.disable(logging.WARNING)
    frame = pd.read_parquet(file)
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = gx.data_context.types.base.ProgressBarsConfig(globally=False)
    batch = (
        context.data_sources.add_pandas("pandas")
        .add_dataframe_asset("trades")
        .add_batch_definition_whole_dataframe("whole")
        .get_batch({"dataframe": frame})
    )
    expectations = [
        getattr(gx.expectations, one.expectation)(**one.expected, meta={"promise": number})
        for number, one in enumerate(promises(len(frame)))
    ]
    suite = gx.ExpectationSuite(name="trades", expectations=expectations)
    seconds = []
    for _ in range(times):
        started = time.perf_counter()
        found = batch.validate(suite)
        seconds.append(time.perf_counter() - started)
    raised = [one.exception_info for one in found.results if one.exception_info.get("raised_exception")]
    if raised:
        raise SystemExit(str(raised[0])[:500])
    in_order = sorted(
        found.results, key=lambda one: one.expectation_config.meta["promise"]
    )  # they come by column
    return {
        "seconds": seconds,
        "verdicts": [[one.success, one.result.get("unexpected_count")] for one in in_order],
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
    }


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.stdout.write(json.dumps(main(sys.argv[1], int(sys.argv[2]))) + "\n")
