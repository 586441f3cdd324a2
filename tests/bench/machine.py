"""The machine that the figures were taken on."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path

OURS = ("prefect-asset-graph", "prefect", "duckdb", "pyarrow", "great-expectations", "pandas")


def described() -> dict[str, str]:
    """What somebody who compares figures has to know, one line each."""
    load = ", ".join(f"{one:.2f}" for one in os.getloadavg())
    return {
        "processor": f"{_field('/proc/cpuinfo', 'model name') or platform.processor()}, {_cores()} cores",
        "memory": _memory(),
        "system": f"{_system()}, Linux {platform.release()}"
        if platform.system() == "Linux"
        else platform.platform(),
        "python": platform.python_version(),
        "versions": ", ".join(f"{name} {_version(name)}" for name in OURS),
        "load at the start": f"{load} (1, 5 and 15 minutes)",
    }


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _field(file: str, name: str) -> str:
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")


def _memory() -> str:
    kilobytes = _field("/proc/meminfo", "MemTotal").split(" ")[0]
    return f"{int(kilobytes) / 2**20:.0f} GiB" if kilobytes.isdigit() else "unknown"


def _system() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "Linux"


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "missing"
