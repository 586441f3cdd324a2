"""Typed configuration of an asset: fields with defaults, part of the fingerprint."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Config(BaseModel):
    """Derive from it, give every field a default, and type a parameter with it.

    A field is set by ``--config group/name.field=value`` or in ``[tool.prefect-asset-graph.config]``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    __asset_config__: ClassVar[bool] = True
