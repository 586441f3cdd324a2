"""Exact numbers where text enters: money in cents, quantities in billionths of a share."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

Money = Annotated[Decimal, Field(decimal_places=2, allow_inf_nan=False)]
Quantity = Annotated[Decimal, Field(decimal_places=9, allow_inf_nan=False)]
