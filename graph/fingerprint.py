"""Digests that decide: what would go into an asset, and whether that is what went into its published version."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from graph.partition_set import Partition

_MODULUS = 1 << 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """All that goes into an asset apart from its upstream.

    Args:
        code: the code digest of its function.
        config: its config as canonical JSON text; empty when it takes none.
        resources: by type, the identity of each resource as canonical JSON text, with the code digest of its class
            and, where it can be observed, the version that was seen.
    """

    code: str
    config: str = ""
    resources: Mapping[str, str] = field(default_factory=dict)


def digest(*parts: str) -> str:
    """32 hexadecimal digits for a sequence of texts; no two sequences run into each other."""
    hashed = sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        hashed.update(b"%d:" % len(data))
        hashed.update(data)
    return hashed.hexdigest()[:32]


def fingerprint(basis: Basis, partition: str | None, inputs: Mapping[str, str]) -> str:
    """What would go in: equal fingerprints mean that computing again would give the same.

    Args:
        inputs: by parameter, the data version (or set digest) of what it would read.
    """
    return digest(
        basis.code,
        basis.config,
        partition or "",
        *(text for name in sorted(basis.resources) for text in (name, basis.resources[name])),
        "inputs",
        *(text for name in sorted(inputs) for text in (name, inputs[name])),
    )


def set_digest(versions: Iterable[tuple[Partition, str]]) -> str:
    """The digest of a set of (partition, data version), in any order.

    It is a sum, so that one partition can be replaced without reading the others; see `replaced`.
    """
    return f"{sum(_member(partition, version) for partition, version in versions) % _MODULUS:032x}"


def replaced(whole: str, partition: Partition, old: str | None, new: str | None) -> str:
    """The set digest after one partition's version was replaced, added or removed.

    >>> one, two = Partition(ordinal=1), Partition(ordinal=2)
    >>> replaced(set_digest([(one, "a"), (two, "b")]), two, "b", "c") == set_digest([(one, "a"), (two, "c")])
    True
    """
    total = int(whole, 16)
    total -= _member(partition, old) if old is not None else 0
    total += _member(partition, new) if new is not None else 0
    return f"{total % _MODULUS:032x}"


def joined(one: str, other: str) -> str:
    """The set digest of two sets that have no partition in common.

    >>> first, second = (Partition(ordinal=1), "a"), (Partition(ordinal=2), "b")
    >>> joined(set_digest([first]), set_digest([second])) == set_digest([first, second])
    True
    """
    return f"{(int(one, 16) + int(other, 16)) % _MODULUS:032x}"


def _member(partition: Partition, version: str) -> int:
    text = f"{len(partition.slice)}:{partition.slice}{partition.ordinal}:{version}"
    return int.from_bytes(sha256(text.encode("utf-8", "surrogatepass")).digest()[:16])
