"""Which partitions of its upstream each partition of an asset reads, in both directions.

A mapping lies on an edge between an asset (*down*) and one that it reads (*up*). It answers on sets, and calculates
with the ends of their ranges::

    Identity()                       the same key
    Overlap(start_offset=-6)         windows of time that overlap; offsets make them roll
    All()                            everything that exists
    Last()                           the newest that exists
    Specific("2024-01-01")           the same ones for every partition
    Table({"eu": ["de", "fr"]})      what a table says
    Dimensions(day=Overlap())        dimension by dimension, for products

Law: ``q`` is in ``downstream({p})`` exactly if ``p`` is in ``upstream({q}).read``, of all partitions that exist; and
both distribute over unions.
"""

from __future__ import annotations

from graph.dimension_mapping import Along, Dimensions
from graph.mapped import Mapped, PartitionMapping
from graph.partitions import (
    Partitions,
    Product,
    is_timed,
)
from graph.simple_mappings import All, Identity, Last, Overlap, Specific, Table

__all__ = [
    "All",
    "Along",
    "Dimensions",
    "Identity",
    "Last",
    "Mapped",
    "Overlap",
    "PartitionMapping",
    "Specific",
    "Table",
    "default_mapping",
]


def default_mapping(down: Partitions | None, up: Partitions | None) -> PartitionMapping:
    """The mapping of an edge that declares none: Dagster's defaults.

    All where either side has no partitions, overlap between windows of time, otherwise equal keys. Between a product
    and a single dimension, the dimension that is the same, or else the only one that is time as well.
    """
    if down is None or up is None:
        return All()
    if isinstance(down, Product) != isinstance(up, Product):
        product, single = (down, up) if isinstance(down, Product) else (up, down)
        same = [name for name, each in product.dimensions if each == single]
        timed = [name for name, each in product.dimensions if is_timed(each)]
        if len(same) == 1:
            return Dimensions(**{same[0]: Identity()})
        if not same and len(timed) == 1 and is_timed(single):
            return Dimensions(**{timed[0]: Overlap()})
    return Overlap() if is_timed(down) and is_timed(up) else Identity()
