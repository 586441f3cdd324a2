"""A key of Redis that shows what is published of an asset.

Plain values are JSON, files their bytes, and tables an Arrow IPC stream (``pyarrow.ipc.open_stream(data).read_all()``
reads it). The key with ``:version`` added says which version it is; both are set in one transaction.

In the environment ``main`` the key has the name that was declared, in any other that environment's name stands
before it: ``signals:latest`` is ``dev:signals:latest`` in ``dev``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from materializers.conversion import kind_of
from materializers.destination import HasUrl, Mark, NotOurs, OutsideError, url_of
from materializers.exchange import json_of
from materializers.table_format import arrow_of, table_library

if TYPE_CHECKING:
    import redis
    from pydantic import SecretStr

_SOCKET_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisKey:
    """For ``stored_as=``: a key of Redis shows what is published, whole.

    Args:
        name: the key.
        connection: the type of a resource that has ``url: SecretStr``, such as ``redis://:password@host:6379/0``.
        ttl: how long the key lives after the last run that found the asset up to date. Then it is gone, until a run
            finds the asset up to date again: nobody reads what nobody looks after.
    """

    name: str = field(kw_only=False)
    connection: type[HasUrl]
    ttl: timedelta | None = None

    @property
    def format(self) -> None:
        """See `graph.destination.Outside`."""
        return

    @property
    def expires(self) -> bool:
        """See `graph.destination.Outside`."""
        return self.ttl is not None

    def problems(self) -> list[str]:
        """See `graph.destination.Outside`."""
        found = [] if self.name.strip() else ["is copied to a Redis key without a name."]
        if self.ttl is not None and self.ttl < timedelta(milliseconds=1):
            found.append(f"is copied to a Redis key that lives for {self.ttl}, which must be positive.")
        return found

    def place(self, environment: str) -> str:
        """See `graph.destination.Outside`."""
        return f"Redis {self._key(environment)}"

    def open(self, connection: object, *, key: str, environment: str) -> RedisDestination:
        """See `graph.destination.Outside`."""
        place = self.place(environment)
        return RedisDestination(
            url=url_of(connection, place), key=key, place=place, name=self._key(environment), ttl=self.ttl
        )

    def _key(self, environment: str) -> str:
        return self.name if environment == "main" else f"{environment}:{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisDestination:
    """See `graph.destination.Destination`.

    The version outlives a value that has expired: the copy was made, and its time was over.
    """

    url: SecretStr
    key: str
    place: str
    name: str
    ttl: timedelta | None

    def current(self) -> str | None:
        """See `graph.destination.Destination`."""
        with self._connected() as client:
            is_there, _, mark = self._look(client)
        if mark is None or mark.key != self.key:
            return None
        return mark.data_version if self.ttl is not None or is_there else None

    def replace(self, value: object, data_version: str) -> None:
        """See `graph.destination.Destination`."""
        data = self._bytes(value)
        mark = Mark(key=self.key, data_version=data_version).text()
        with self._connected() as client:

            def write(pipe: redis.client.Pipeline) -> None:
                self._refuse_others(client)  # read after it is watched: nobody sets it meanwhile
                pipe.multi()
                pipe.set(self.name, data, px=self.ttl)
                pipe.set(self._beside, mark)

            client.transaction(write, self.name, self._beside)

    def remove(self) -> None:
        """See `graph.destination.Destination`."""
        with self._connected() as client:

            def write(pipe: redis.client.Pipeline) -> None:
                self._refuse_others(client)  # read after it is watched: nobody sets it meanwhile
                pipe.multi()
                pipe.delete(self.name, self._beside)

            client.transaction(write, self.name, self._beside)

    @property
    def _beside(self) -> str:
        return f"{self.name}:version"

    @contextmanager
    def _connected(self) -> Iterator[redis.Redis]:
        try:
            import redis
        except ImportError as error:
            remedy = "redis is not installed; pip install 'prefect-asset-graph[redis]'"
            raise OutsideError(f"asset '{self.key}' cannot be copied to {self.place}: {remedy}") from error
        try:
            with redis.Redis.from_url(
                self.url.get_secret_value(), socket_timeout=_SOCKET_S, socket_connect_timeout=_SOCKET_S
            ) as client:
                yield client
        except (redis.RedisError, ValueError) as error:  # ValueError: a URL of another kind
            reason = " ".join(str(error).split())
            raise OutsideError(f"asset '{self.key}' cannot be copied to {self.place}: {reason}") from error

    def _look(self, client: redis.Redis) -> tuple[bool, bool, Mark | None]:
        """Whether the key and its version are there, and the mark, at one moment."""
        with client.pipeline(transaction=True) as pipe:
            pipe.exists(self.name)
            pipe.get(self._beside)
            is_there, held = pipe.execute()
        mark = Mark.of(held.decode("utf-8", "replace")) if isinstance(held, bytes) else None
        return bool(is_there), held is not None, mark

    def _refuse_others(self, client: redis.Redis) -> None:
        """Refuse a key that this asset did not set."""
        is_there, is_marked, mark = self._look(client)
        if mark is None and (is_there or is_marked):
            raise NotOurs(self.key, self.place, None)
        if mark is not None and mark.key != self.key:
            raise NotOurs(self.key, self.place, mark.key)

    def _bytes(self, value: object) -> bytes:
        if isinstance(value, Path):
            return value.read_bytes()
        if isinstance(value, (bytes, bytearray, memoryview)):
            return bytes(value)
        return _stream(value) if table_library(value) is not None else json_of(value)


def _stream(table: object) -> bytes:
    import pyarrow as pa

    content = arrow_of(table)
    if content is None:
        raise OutsideError(f"{kind_of(table)} is no table")
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, content.schema) as stream:
        for batch in content.to_batches() if isinstance(content, pa.Table) else content:
            stream.write_batch(batch)
    return bytes(sink.getvalue())
