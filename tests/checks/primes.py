"""An expectation of one's own, as Great Expectations' documentation has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from great_expectations.core import ExpectationSuite  # noqa: F401  # its import comes first
from great_expectations.execution_engine import PandasExecutionEngine
from great_expectations.expectations.expectation import ColumnMapExpectation
from great_expectations.expectations.metrics import ColumnMapMetricProvider, column_condition_partial

if TYPE_CHECKING:
    import pandas as pd


class ColumnValuesPrime(ColumnMapMetricProvider):
    """Whether each value is a prime number."""

    condition_metric_name = "column_values.prime"
    condition_value_keys = ("above",)

    @column_condition_partial(engine=PandasExecutionEngine)
    def _pandas(cls, column: pd.Series[Any], above: int = 0, **options: Any) -> pd.Series[bool]:  # noqa: N805  # as it is called
        def is_prime(n: float) -> bool:
            return n > above and n > 1 and all(n % d for d in range(2, int(n**0.5) + 1))

        return column.map(is_prime)


class ExpectColumnValuesToBePrime(ColumnMapExpectation):
    """Expect every value to be a prime number."""

    above: int = 0
    map_metric = "column_values.prime"
    success_keys = ("mostly", "above")
