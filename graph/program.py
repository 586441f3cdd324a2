"""What an asset's function returns where another program makes the value: a script, a binary, anything executable."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from graph.errors import AssetGraphError, near_miss

_PLACEHOLDER = re.compile(r"(?<!\$)\{([\w./-]+)\}")
_VARIABLE = re.compile(r"[A-Za-z_]\w*")


class UnusableProgram(AssetGraphError):
    """A `Program` that cannot be run as it is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A command, the files that it finds in a folder of its own, and the file that it must leave there.

    In the folder lie the files that the asset's `Code` names, so that what is run is part of the code digest, and
    the inputs. A file's suffix says its form: ``.parquet``, ``.arrow`` and ``.csv`` are tables, ``.json`` is a plain
    value or the rows of a table, and any other is the bytes of a ``Path``, ``bytes`` or ``str``.

    ``{metrics.csv}`` in an argument stands for the full path of the file ``metrics.csv``; so does the variable
    ``FILE_METRICS_CSV`` in the environment.

    Args:
        command: the program, which is looked up on the PATH, and its arguments. Where there is none on this machine,
            the asset is skipped.
        output: the file that it must leave; for a `multi_asset`, by the name of each output.
        inputs: by file name, the values that it is given.
        environment: its variables, besides a few plain ones (PATH, HOME, the language, the time zone): text as it
            is, what else as JSON; None leaves one out.
        passes: the variables of our own environment that it gets too, such as a key. Their values are blotted out
            of what is kept of its output.
        needs: programs that the command itself calls; where one is missing, the asset is skipped as well.

    >>> sort = Program(
    ...     ["sort", "{names.txt}", "-o", "{sorted.txt}"], inputs={"names.txt": "b"}, output="sorted.txt"
    ... )
    >>> sort.files()
    ('names.txt', 'sorted.txt')
    """

    command: Sequence[str] = field(kw_only=False)
    output: str | Mapping[str, str]
    inputs: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, object] = field(default_factory=dict)
    passes: Sequence[str] = ()
    needs: Sequence[str] = ()

    def __post_init__(self) -> None:
        for problem in self._problems():
            raise UnusableProgram(f"the program {' '.join(map(str, self.command)) or '(none)'!r} {problem}")

    def outputs(self) -> tuple[str, ...]:
        """The files that it must leave."""
        return (self.output,) if isinstance(self.output, str) else tuple(self.output.values())

    def files(self) -> tuple[str, ...]:
        """The files that placeholders and variables stand for: inputs, then outputs."""
        return (*self.inputs, *self.outputs())

    def arguments(self, path_of: Mapping[str, str]) -> list[str]:
        """The command with the path of each file in the place of its placeholder."""
        return [
            _PLACEHOLDER.sub(lambda found: path_of.get(found[1], found[0]), word) for word in self.command
        ]

    def _problems(self) -> Iterator[str]:
        if isinstance(self.command, str) or not self.command:
            yield "is no list of words; write it as ['Rscript', 'figure.R']"
            return
        files = self.files()
        if not files[len(self.inputs) :]:
            yield "leaves no file; name its output"
        for name in files:
            parts = PurePosixPath(name).parts
            if not parts or name.startswith("/") or ".." in parts or "\\" in name:
                yield f"has a file '{name}', which is no name within its folder; write 'data.csv' or 'in/data.csv'"
        for name in {name for name in files if files.count(name) > 1}:
            yield f"has two files '{name}'; give one another name"
        named = [variable(name) for name in files]
        for name in {name for name in named if named.count(name) > 1}:
            yield f"has two files whose variable is {name}; give one another name"
        for name in (*self.environment, *self.passes):
            if not _VARIABLE.fullmatch(name):
                yield f"has a variable '{name}', which is no name; use letters, digits and '_'"
        for word in self.command:
            for name in _PLACEHOLDER.findall(word):
                if name not in files and PurePosixPath(name).suffix:  # others are braces of the program's own
                    near = near_miss(name, files)
                    yield f"has a placeholder {{{name}}} for no file that it is given or leaves.{near}"


def variable(file: str) -> str:
    """The environment variable that holds a file's path.

    >>> variable("metrics.csv")
    'FILE_METRICS_CSV'
    """
    return f"FILE_{re.sub(r'[^A-Za-z0-9]', '_', file).upper()}"
