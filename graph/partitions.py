"""How assets are partitioned: all nouns on one page.

Time::

    Hourly(start="2024-03-01-00:00")        keys 2024-03-01-00:00; the second pass of an hour 2024-11-03-01:00-0500
    Daily(start="2024-03-01")               keys 2024-03-01
    Weekly(start="2024-03-01")              keys 2024-03-03, the first day of a week
    Monthly(start="2024-03-01")             keys 2024-03-01, the first day of a month
    Cron(cron="0 11 * * 1-5", start=...)    keys 2024-03-01, or with the time where a day has several

Keys::

    Static("AAPL", "MSFT")                  known beforehand
    Dynamic("symbols")                      a named set that changes while the project runs
    Product(day=Daily(...), symbol=...)     every combination; keys 2024-03-01|AAPL

An asset without partitions has None of these, and one partition: `WHOLE`. Which of them exist is decided by a
`Horizon`, which is where time, calendars and dynamic sets enter.
"""

from __future__ import annotations

from graph.horizon import BadPartition, Horizon, Partitions, Sessions, Window, no_dynamic
from graph.key_partitions import Dynamic, Product, Static, key_problem
from graph.partition_set import EMPTY, ONLY, WHOLE, Partition, PartitionSet
from graph.time_partitions import Cron, Daily, Hourly, Monthly, TimePartitions, Weekly, is_timed

__all__ = [
    "EMPTY",
    "ONLY",
    "WHOLE",
    "BadPartition",
    "Cron",
    "Daily",
    "Dynamic",
    "Horizon",
    "Hourly",
    "Monthly",
    "Partition",
    "PartitionSet",
    "Partitions",
    "Product",
    "Sessions",
    "Static",
    "TimePartitions",
    "Weekly",
    "Window",
    "is_timed",
    "key_problem",
    "no_dynamic",
]
