"""What moves a code digest, what does not, and what is told where it cannot be known."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from textwrap import dedent
from types import ModuleType

import pytest

from graph.digest import CodeDigest, Digester

Texts = Mapping[str, str]


class Project(MetaPathFinder, Loader):
    """Modules that exist as texts only: they are imported from here, and are the sources of the digests."""

    def __init__(self, texts: Texts | str) -> None:
        given = {"acme": texts} if isinstance(texts, str) else texts
        self.texts = {name: dedent(text) for name, text in given.items()}

    def text(self, module: str) -> str | None:
        return self.texts.get(module)

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if name not in self.texts:
            return None
        is_package = any(each.startswith(f"{name}.") for each in self.texts)
        return spec_from_loader(name, self, origin=f"{name}.py", is_package=is_package)

    def exec_module(self, module: ModuleType) -> None:
        exec(compile(self.texts[module.__name__], f"{module.__name__}.py", "exec"), module.__dict__)

    @contextmanager
    def imported(self) -> Iterator[None]:
        sys.meta_path.insert(0, self)
        try:
            yield
        finally:
            sys.meta_path.remove(self)
            for name in self.texts:
                sys.modules.pop(name, None)


def digest_of(texts: Texts | str, thing: str = "f", **options: object) -> CodeDigest:
    """The digest of something of the module ``acme``; ``thing`` is an expression there."""
    project = Project(texts)
    with project.imported():
        module = importlib.import_module("acme")
        return Digester(project).of(eval(thing, module.__dict__), **options)  # type: ignore[arg-type]


def same(promise: str, before: Texts | str, after: Texts | str, thing: str = "f") -> object:
    return pytest.param(before, after, thing, True, id=f"{promise}: same")


def differs(promise: str, before: Texts | str, after: Texts | str, thing: str = "f") -> object:
    return pytest.param(before, after, thing, False, id=f"{promise}: differs")


PLAIN = """
def f(x):
    return x + 1
"""
HELPED = """
RATE = 2
OTHER = 3

def helper(x):
    return x * RATE

def stranger(x):
    return x * OTHER

def f(x):
    return helper(x)
"""

WRITING = [
    same("a comment", PLAIN, "# why\ndef f(x):\n    # because\n    return x + 1  # so\n"),
    same("a docstring", PLAIN, "def f(x):\n    '''Adds one.'''\n    return x + 1\n"),
    same("a text that stands alone", PLAIN, "def f(x):\n    return x + 1\n    'never read'\n"),
    same("blank lines, indentation and breaks", PLAIN, "\n\n\ndef f( x ) :\n  return (x\n    + 1)\n"),
    same("parentheses", "def f(x): return (((x + 1))) * 2", "def f(x): return (x + 1) * 2"),
    differs("parentheses that matter", "def f(x): return (x + 1) * 2", "def f(x): return x + 1 * 2"),
    same("quotes and implicit concatenation", "def f(): return 'ab'", 'def f(): return "a" "b"'),
    same("an f-string without fields", "def f(): return 'ab'", "def f(): return f'a' 'b'"),
    same("f-strings joined", "def f(x): return f'a{x}bc'", "def f(x): return 'a' f'{x}b' 'c'"),
    differs("the format of an f-string", "def f(x): return f'{x:.2f}'", "def f(x): return f'{x:.3f}'"),
    differs("the conversion of an f-string", "def f(x): return f'{x!r}'", "def f(x): return f'{x}'"),
    same("pass beside statements", PLAIN, "def f(x):\n    pass\n    return x + 1\n"),
    same("an empty body, whatever it says", "def f(): pass", "def f(): ..."),
    same("a number written otherwise", "def f(): return 255", "def f(): return 0xFF"),
    same("digits grouped", "def f(): return 1000000", "def f(): return 1_000_000"),
    differs("an integer and a float", "def f(): return 1", "def f(): return 1.0"),
    differs("an integer and a boolean", "def f(): return 1", "def f(): return True"),
    differs("a text and bytes", "def f(): return 'a'", "def f(): return b'a'"),
    differs("a constant", PLAIN, "def f(x):\n    return x + 2\n"),
    differs("an operator", PLAIN, "def f(x):\n    return x - 1\n"),
    differs("the name of a parameter", PLAIN, "def f(y):\n    return y + 1\n"),
    differs("a parameter by keyword only", "def f(a, b): ...", "def f(a, *, b): ..."),
    differs("a parameter by position only", "def f(a, b): ...", "def f(a, /, b): ..."),
    differs("async", "def f(): ...", "async def f(): ..."),
    differs("a generator", "def f(): return [1]", "def f(): yield [1]"),
    differs("the order of statements", "def f(a):\n a.x()\n a.y()", "def f(a):\n a.y()\n a.x()"),
    differs(
        "an annotation, which may say how values are stored", "def f() -> int: ...", "def f() -> str: ..."
    ),
    same("the place in the file", PLAIN, "import os\nUNRELATED = 1\ndef g(): ...\n\n\n" + PLAIN),
]

REACHING = [
    differs("a constant that a helper uses", HELPED, HELPED.replace("RATE = 2", "RATE = 2.5")),
    differs("the helper itself", HELPED, HELPED.replace("x * RATE", "x / RATE")),
    same("a constant that only others use", HELPED, HELPED.replace("OTHER = 3", "OTHER = 4")),
    same("a helper that only others use", HELPED, HELPED.replace("x * OTHER", "x")),
    same("a stranger's name", HELPED, HELPED.replace("stranger", "visitor")),
    same("a comment in the helper", HELPED, HELPED.replace("return x * RATE", "return x * RATE  # yes")),
    same(
        "a helper's docstring",
        HELPED,
        HELPED.replace("    return x * RATE", "    'Doc.'\n    return x * RATE"),
    ),
    same(
        "the order of definitions",
        "A = 1\nB = 2\ndef f(): return A + B",
        "B = 2\ndef f(): return A + B\nA = 1",
    ),
    differs(
        "three helpers deep",
        *(f"A = {n}\ndef c(): return A\ndef b(): return c()\ndef f(): return b()" for n in (1, 2)),
    ),
    differs("through a lambda", *(f"A = {n}\nb = lambda: A\ndef f(): return b()" for n in (1, 2))),
    differs("an annotated constant", *(f"A: int = {n}\ndef f(): return A" for n in (1, 2))),
    differs("a constant added to", *(f"A = 1\nA += {n}\ndef f(): return A" for n in (1, 2))),
    differs("a constant set twice", *(f"A = {n}\nA = A + 1\ndef f(): return A" for n in (1, 2))),
    differs("unpacked", *(f"A, (B, *C) = 1, (2, {n})\ndef f(): return C" for n in (1, 2))),
    differs("a constant made from another", *(f"A = {n}\nB = A * 2\ndef f(): return B" for n in (1, 2))),
    differs("a walrus", *(f"if (A := {n}): B = 1\ndef f(): return A" for n in (1, 2))),
    differs(
        "a definition in a condition",
        *(f"if True:\n def b(): return {n}\nelse:\n def b(): return 9\ndef f(): return b()" for n in (1, 2)),
    ),
    differs(
        "the condition of a definition",
        *(f"import sys\nif sys.maxsize > {n}:\n A = 1\nelse:\n A = 1\ndef f(): return A" for n in (1, 2)),
    ),
    same("what else a condition guards", *(f"if True:\n A = 1\n B = {n}\ndef f(): return A" for n in (1, 2))),
    differs(
        "a definition in a try",
        *(
            f"try:\n import nothing_here as b\nexcept ImportError:\n b = {n}\ndef f(): return b"
            for n in (1, 2)
        ),
    ),
    differs(
        "a definition under with",
        *(
            f"import contextlib\nwith contextlib.suppress(KeyError):\n A = {n}\ndef f(): return A"
            for n in (1, 2)
        ),
    ),
    differs(
        "a definition in a match",
        *(f"match {n}:\n case int() as A: pass\n case _: A = 0\ndef f(): return A" for n in (1, 2)),
    ),
    differs(
        "a table filled in a loop",
        *(f"T = {{}}\nfor k in range({n}):\n T[k] = k\ndef f(): return T" for n in (1, 2)),
    ),
    differs(
        "a table filled through a name of the loop",
        *(f"T = {{}}\nfor k in range(3):\n v = k * {n}\n T[k] = v\ndef f(): return T" for n in (1, 2)),
    ),
    differs(
        "what a loop leaves out",
        *(
            f"T = {{}}\nfor k in range(3):\n if k == {n}:\n  continue\n T[k] = k\ndef f(): return T"
            for n in (1, 2)
        ),
    ),
    differs("a list that is appended to", *(f"T = []\nT.append({n})\ndef f(): return T" for n in (1, 2))),
    differs("an attribute that is set", *(f"class C: pass\nC.x = {n}\ndef f(): return C" for n in (1, 2))),
    differs(
        "a registry that a decorator fills",
        *(
            f"class R(dict):\n def add(self, g):\n  self[g.__name__] = g\nr = R()\n@r.add\ndef one(): return {n}\ndef f(): return r"
            for n in (1, 2)
        ),
    ),
    differs(
        "a registered single dispatch",
        *(
            f"import functools\n@functools.singledispatch\ndef area(x): ...\n@area.register\ndef _(x: int): return {n}\ndef f(x): return area(x)"
            for n in (1, 2)
        ),
    ),
    differs(
        "a global that another function sets",
        *(f"C = None\ndef fill():\n global C\n C = {n}\ndef f(): return C" for n in (1, 2)),
    ),
    differs(
        "a global that only another function makes",
        *(f"def fill():\n global C\n C = {n}\ndef f(): return C" for n in (1, 2)),
    ),
    differs("a name from globals()", *(f"A = {n}\ndef f(): return globals()['A']" for n in (1, 2))),
    differs("a nested function", *(f"def f():\n def g(): return {n}\n return g()" for n in (1, 2))),
    differs(
        "what a nested function reaches",
        *(f"A = {n}\ndef f():\n def g(): return A\n return g()" for n in (1, 2)),
    ),
    differs(
        "what a nested class reaches",
        *(f"A = {n}\ndef f():\n class G:\n  def m(self): return A\n return G" for n in (1, 2)),
    ),
    differs(
        "a default in a helper", *(f"A = {n}\ndef g(x=A): return x\ndef f(): return g()" for n in (1, 2))
    ),
    differs(
        "a helper given to map", *(f"def g(x): return x + {n}\ndef f(xs): return map(g, xs)" for n in (1, 2))
    ),
    differs(
        "a helper in a lambda given on",
        *(f"def g(x): return x + {n}\ndef f(xs): return map(lambda x: g(x), xs)" for n in (1, 2)),
    ),
    differs("in a comprehension", *(f"A = {n}\ndef f(xs): return [x + A for x in xs if x]" for n in (1, 2))),
    differs(
        "as the first iterable of a comprehension",
        *(f"x = [{n}]\ndef f(): return [x for x in x]" for n in (1, 2)),
    ),
    differs(
        "in a match statement",
        *(f"class P:\n A = {n}\ndef f(v):\n match v:\n  case P.A: return 1" for n in (1, 2)),
    ),
    differs("in an f-string", *(f"A = {n}\ndef f(): return f'{{A:{{A}}}}'" for n in (1, 2))),
    differs(
        "behind getattr with a plain name",
        {"acme": "import h\ndef f(): return getattr(h, 'g')()", "h": "def g(): return 1"},
        {"acme": "import h\ndef f(): return getattr(h, 'g')()", "h": "def g(): return 2"},
    ),
]

SHADOWED = [
    same("a parameter of the same name", *(f"A = {n}\ndef f(A): return A" for n in (1, 2))),
    same("a local of the same name", *(f"A = {n}\ndef f():\n A = 0\n return A" for n in (1, 2))),
    same("a loop's name", *(f"A = {n}\ndef f():\n for A in []: print(A)" for n in (1, 2))),
    same("a comprehension's name", *(f"A = {n}\ndef f(xs): return [A for A in xs]" for n in (1, 2))),
    differs(
        "a comprehension's name is not the function's",
        *(f"A = {n}\ndef f(xs): return [A for A in xs], A" for n in (1, 2)),
    ),
    same(
        "a walrus in a comprehension",
        *(f"A = {n}\ndef f(xs): return [A := x for x in xs], A" for n in (1, 2)),
    ),
    same(
        "the name of an exception",
        *(f"A = {n}\ndef f():\n try: ...\n except KeyError as A: print(A)" for n in (1, 2)),
    ),
    same("a with's name", *(f"A = {n}\ndef f(c):\n with c as A: print(A)" for n in (1, 2))),
    same("a pattern's name", *(f"A = {n}\ndef f(v):\n match v:\n  case [*A]: return A" for n in (1, 2))),
    same(
        "the rest of a pattern", *(f"A = {n}\ndef f(v):\n match v:\n  case {{**A}}: return A" for n in (1, 2))
    ),
    same("a nested function's name", *(f"A = {n}\ndef f():\n def A(): ...\n return A()" for n in (1, 2))),
    same(
        "a name of the function around",
        *(f"A = {n}\ndef f():\n A = 0\n def g(): return A\n return g" for n in (1, 2)),
    ),
    same("an import inside", *(f"A = {n}\ndef f():\n import os as A\n return A" for n in (1, 2))),
    differs("declared global", *(f"A = {n}\ndef f():\n global A\n A = A + 1" for n in (1, 2))),
    same("a class's own name", *(f"A = {n}\nclass C:\n A = 0\n B = A\ndef f(): return C" for n in (1, 2))),
    differs(
        "a method does not see its class's names",
        *(f"A = {n}\nclass C:\n A = 0\n def m(self): return A\ndef f(): return C" for n in (1, 2)),
    ),
    differs(
        "a class's name that it takes over",
        *(f"A = {n}\nclass C:\n A = A\ndef f(): return C" for n in (1, 2)),
    ),
    same(
        "nonlocal",
        *(f"A = {n}\ndef f():\n A = 0\n def g():\n  nonlocal A\n  A += 1\n return g" for n in (1, 2)),
    ),
]

CLASSES = [
    differs("a method", *(f"class C:\n def m(self): return {n}\ndef f(): return C().m()" for n in (1, 2))),
    differs(
        "what a method reaches",
        *(f"A = {n}\nclass C:\n def m(self): return A\ndef f(): return C().m()" for n in (1, 2)),
    ),
    differs(
        "a base",
        *(f"class B:\n def m(self): return {n}\nclass C(B): ...\ndef f(): return C().m()" for n in (1, 2)),
    ),
    differs("a constant of a class", *(f"class C:\n A = {n}\ndef f(): return C.A" for n in (1, 2))),
    differs(
        "a member of an enum",
        *(f"from enum import Enum\nclass C(Enum):\n A = {n}\ndef f(): return C.A" for n in (1, 2)),
    ),
    differs(
        "a field of a dataclass",
        *(
            f"from dataclasses import dataclass\n@dataclass\nclass C:\n a: int = {n}\ndef f(): return C()"
            for n in (1, 2)
        ),
    ),
    differs(
        "a field's type",
        *(
            f"from dataclasses import dataclass\n@dataclass\nclass C:\n a: {t}\ndef f(): return C(1)"
            for t in ("int", "str")
        ),
    ),
    differs(
        "the model of a field, which pydantic runs",
        *(
            f"from pydantic import BaseModel\nclass In(BaseModel):\n a: int = {n}\nclass C(BaseModel):\n rows: list[In]\ndef f(): return C"
            for n in (1, 2)
        ),
    ),
    differs(
        "a property",
        *(f"class C:\n @property\n def m(self): return {n}\ndef f(c): return C.m" for n in (1, 2)),
    ),
    differs(
        "a metaclass",
        *(
            f"class M(type):\n def m(cls): return {n}\nclass C(metaclass=M): ...\ndef f(): return C.m()"
            for n in (1, 2)
        ),
    ),
    same(
        "a class's docstring",
        "class C:\n 'Doc.'\n a = 1\ndef f(): return C",
        "class C:\n a = 1\n 'About a.'\ndef f(): return C",
    ),
    same("another class", *(f"class C: ...\nclass D:\n a = {n}\ndef f(): return C" for n in (1, 2))),
    differs("a class given itself", *(f"class C:\n def m(self): return {n}" for n in (1, 2)), "C"),
    differs("a method given itself", *(f"A = {n}\nclass C:\n def m(self): return A" for n in (1, 2)), "C.m"),
    differs(
        "super",
        *(
            f"class B:\n def m(self): return {n}\nclass C(B):\n def m(self): return super().m()"
            for n in (1, 2)
        ),
        "C.m",
    ),
    differs(
        "a class attribute set by a nested class",
        *(f"class C:\n class D:\n  a = {n}\ndef f(): return C.D.a" for n in (1, 2)),
    ),
]

ANNOTATED = [
    same(
        "a class that is only in an annotation",
        *(f"class C:\n a = {n}\ndef f(x: C) -> C: return x" for n in (1, 2)),
    ),
    same(
        "a class that is only in a local's annotation",
        *(f"class C:\n a = {n}\ndef f():\n x: C = 1\n return x" for n in (1, 2)),
    ),
    differs(
        "a class that is in an annotation and in the code",
        *(f"class C:\n a = {n}\ndef f(x: C): return C()" for n in (1, 2)),
    ),
    same(
        "an import for the type checker",
        PLAIN,
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n from nowhere import T\n" + PLAIN,
    ),
    same(
        "a module that only the type checker imports",
        *(
            {
                "acme": "from __future__ import annotations\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n from h import T\ndef f(x: T): return x",
                "h": f"class T:\n a = {n}",
            }
            for n in (1, 2)
        ),
    ),
    differs(
        "what runs instead of the type checker's part",
        *(
            f"import typing\nif typing.TYPE_CHECKING:\n A = 0\nelse:\n A = {n}\ndef f(): return A"
            for n in (1, 2)
        ),
    ),
    same(
        "what a script does when it is run",
        *(f"A = 1\nif __name__ == '__main__':\n A = {n}\ndef f(): return A" for n in (1, 2)),
    ),
]


def imports(
    how: str, used: str, where: str = "h", extra: Texts | None = None, indent: str = ""
) -> tuple[Texts, Texts]:
    """A function that uses ``g``, which returns 1 or 2, through one way of importing it."""
    head, inside = ("", f" {how}\n") if indent else (f"{how}\n", "")
    one, two = (
        {
            "acme": f"{head}def f():\n{inside} return {used}()",
            where: f"def g(): return {n}\ndef other(): return 0",
            **(extra or {}),
        }
        for n in (1, 2)
    )
    return one, two


IMPORTS = [
    differs("from x import y", *imports("from h import g", "g")),
    differs("from x import y as z", *imports("from h import g as z", "z")),
    differs("import x", *imports("import h", "h.g")),
    differs("import x as z", *imports("import h as z", "z.g")),
    differs("import x.y as z", *imports("import p.h as z", "z.g", "p.h", {"p": ""})),
    differs("import x.y", *imports("import p.h", "p.h.g", "p.h", {"p": ""})),
    differs("from package import module", *imports("from p import h", "h.g", "p.h", {"p": ""})),
    differs("a star", *imports("from h import *", "g")),
    differs("a star through a package", *imports("from p import *", "g", "p.h", {"p": "from .h import *"})),
    differs("re-exported by a package", *imports("from p import g", "g", "p.h", {"p": "from .h import g"})),
    differs(
        "re-exported under another name", *imports("import p", "p.z", "p.h", {"p": "from p.h import g as z"})
    ),
    differs(
        "a package's module as its attribute", *imports("import p", "p.h.g", "p.h", {"p": "from . import h"})
    ),
    differs("an import inside the function", *imports("from h import g", "g", indent=" ")),
    differs(
        "a module imported inside the function",
        *imports("import p.h as z", "z.g", "p.h", {"p": ""}, indent=" "),
    ),
    differs("importlib with a plain name", *imports("import importlib", "importlib.import_module('h').g")),
    differs("__import__ with a plain name", *imports("", "__import__('h').g")),
    differs("an import in a try", *imports("try:\n from h import g\nexcept ImportError:\n g = None", "g")),
    differs(
        "an alternative import",
        *imports("try:\n import nothing_here as z\nexcept ImportError:\n import h as z", "z.g"),
    ),
    differs("a module handed on", *imports("import h\ndef call(m): return m.g", "call(h)")),
    differs(
        "a module's __getattr__",
        *imports("import h", "h.late", "h", {"h": "def __getattr__(name): return print"}),
    )
    if False
    else differs(
        "a module's __getattr__",
        *(
            {"acme": "import h\ndef f(): return h.late", "h": f"def __getattr__(name): return {n}"}
            for n in (1, 2)
        ),
    ),
    differs(
        "relative, in a package",
        *(
            {
                "acme": "from acme.a import f",
                "acme.a": "from .h import g\ndef f(): return g()",
                "acme.h": f"def g(): return {n}",
            }
            for n in (1, 2)
        ),
    ),
    differs(
        "relative, a module",
        *(
            {
                "acme": "from acme.a import f",
                "acme.a": "from . import h\ndef f(): return h.g()",
                "acme.h": f"def g(): return {n}",
            }
            for n in (1, 2)
        ),
    ),
    differs(
        "relative, from two packages up",
        *(
            {
                "acme": "from acme.s.a import f",
                "acme.s": "",
                "acme.s.a": "from ..h import g\ndef f(): return g()",
                "acme.h": f"def g(): return {n}",
            }
            for n in (1, 2)
        ),
    ),
    differs(
        "relative, in the package itself",
        *(
            {"acme": "from .h import g\ndef f(): return g()", "acme.h": f"def g(): return {n}"}
            for n in (1, 2)
        ),
    ),
    differs(
        "relative, inside the function",
        *(
            {"acme": "def f():\n from .h import g\n return g()", "acme.h": f"def g(): return {n}"}
            for n in (1, 2)
        ),
    ),
    differs(
        "modules in a circle",
        *(
            {
                "acme": "import h\ndef k(): return 1\ndef f(): return h.g()",
                "h": f"import acme\ndef g(): return acme.k() + {n}",
            }
            for n in (1, 2)
        ),
    ),
    same(
        "what else is in the module",
        *(
            {"acme": "import h\ndef f(): return h.g()", "h": f"def g(): return 1\ndef other(): return {n}"}
            for n in (1, 2)
        ),
    ),
    same(
        "what else a package imports",
        *(
            {
                "acme": "from p import g\ndef f(): return g()",
                "p": f"from .h import g\nA = {n}",
                "p.h": "def g(): return 1",
            }
            for n in (1, 2)
        ),
    ),
    same("an unused import", PLAIN, "import h\n" + PLAIN if False else "import math\n" + PLAIN),
    differs(
        "which library",
        "from math import sqrt as g\ndef f(x): return g(x)",
        "from cmath import sqrt as g\ndef f(x): return g(x)",
    ),
    same(
        "how a library is imported",
        "import math\ndef f(x): return math.sqrt(x)",
        "import math\nimport json\ndef f(x): return math.sqrt(x)",
    ),
    differs(
        "two helpers of the same text that change places",
        {
            "acme": "from a import g as x\nfrom b import g as y\ndef f(): return x() - y()",
            "a": "A = 1\ndef g(): return A",
            "b": "A = 2\ndef g(): return A",
        },
        {
            "acme": "from b import g as x\nfrom a import g as y\ndef f(): return x() - y()",
            "a": "A = 1\ndef g(): return A",
            "b": "A = 2\ndef g(): return A",
        },
    ),
    same(
        "a helper that moves to another module",
        {"acme": "from a import g\ndef f(): return g()", "a": "def g(): return 1"},
        {"acme": "from b import g\ndef f(): return g()", "b": "def g(): return 1"},
    ),
    same(
        "a helper that moves into the module",
        {"acme": "from a import g\ndef f(): return g()", "a": "def g(): return 1"},
        {"acme": "def g(): return 1\ndef f(): return g()"},
    ),
]

CIRCLES = [
    differs("recursion", *(f"def f(x): return f(x - 1) + {n}" for n in (1, 2))),
    differs("mutual recursion", *(f"def f(x): return g(x)\ndef g(x): return f(x) + {n}" for n in (1, 2))),
    differs(
        "below a circle",
        *(
            f"A = {n}\ndef f(x): return g(x)\ndef g(x): return h(x)\ndef h(x): return f(x) + A"
            for n in (1, 2)
        ),
    ),
    differs(
        "classes that know each other",
        *(
            f"class A:\n def b(self): return B()\nclass B:\n x = {n}\n def a(self): return A()\ndef f(): return A()"
            for n in (1, 2)
        ),
    ),
    same(
        "beside a circle",
        *(f"A = {n}\ndef f(x): return g(x)\ndef g(x): return f(x)\ndef h(): return f(A)" for n in (1, 2)),
    ),
]

DECLARED = [
    same(
        "an asset's checks",
        *(f"from graph import asset\n@asset(checks=[{n}])\ndef f(x): return x" for n in (1, 2)),
    )
    if False
    else same(
        "an asset's retries",
        *(
            f"from graph import asset, Execution\n@asset(run=Execution(retries={n}))\ndef f(x): return x"
            for n in (1, 2)
        ),
    ),
    same("that it is an asset", "def f(x): return x", "from graph import asset\n@asset\ndef f(x): return x"),
    same(
        "how the engine is imported",
        "import graph as g\n@g.asset(volatile=True)\ndef f(x): return x",
        "from graph.declare import asset as a\n@a()\ndef f(x): return x",
    ),
    same(
        "what only an option reaches",
        *(f"from graph import asset\nN = {n}\n@asset(name=str(N))\ndef f(x): return x" for n in (1, 2)),
    ),
    same(
        "an asset declared by a call",
        *(
            f"from graph import asset, Execution\ndef g(x): return x\nf = asset(run=Execution(retries={n}))(g)\ndef h(): return f(1)"
            for n in (1, 2)
        ),
        "h",
    ),
    same(
        "a declaration inside a function",
        *(
            f"def make():\n from graph import asset\n @asset(name='a{n}')\n def f(x): return x\n return f\ndef h(): return make()"
            for n in (1, 2)
        ),
        "h",
    ),
    same(
        "the engine through the project",
        *(
            {
                "acme": f"from h import asset\n@asset(name='a{n}')\ndef f(x): return x",
                "h": "from graph import asset",
            }
            for n in (1, 2)
        ),
    ),
    same(
        "a resource's provider",
        "def f(x): return x",
        "from graph import resource\n@resource\ndef f(x): return x",
    ),
    differs("another decorator", PLAIN, "import functools\n@functools.cache" + PLAIN),
    differs(
        "the option of another decorator",
        *(f"import functools\n@functools.lru_cache({n})\ndef f(x): return x" for n in (1, 2)),
    ),
    differs(
        "what another decorator does",
        *(
            f"def twice(g):\n return lambda x: g(x) * {n}\n@twice\ndef g(x): return x\ndef f(x): return g(x)"
            for n in (1, 2)
        ),
    ),
    differs(
        "a decorator beside the declaration",
        *(
            f"from graph import asset\ndef d(n): return lambda g: g\n@asset\n@d({n})\ndef f(x): return x"
            for n in (1, 2)
        ),
    ),
    differs(
        "the project's own function named asset",
        *(f"def asset(n): return lambda g: g\n@asset({n})\ndef f(x): return x" for n in (1, 2)),
    ),
]

TIMED = """
import functools
def timed(g):
    @functools.wraps(g)
    def inner(x):
        return g(x){0}
    return inner
@timed
def f(x):
    return x{1}
"""

LIVE = [
    differs(
        "a value in the closure",
        *(f"def make(n):\n def g(x): return x + n\n return g\nf = make({n})" for n in (1, 2)),
    ),
    differs(
        "a function in the closure",
        *(
            f"def one(): return {n}\ndef make(h):\n def g(x): return h()\n return g\nf = make(one)"
            for n in (1, 2)
        ),
    ),
    differs(
        "a class in the closure",
        *(f"class C:\n a = {n}\ndef make(h):\n def g(x): return h\n return g\nf = make(C)" for n in (1, 2)),
    ),
    differs(
        "an instance in the closure",
        *(
            f"class C:\n def __init__(self, a): self.a = a\ndef make(h):\n def g(x): return h\n return g\nf = make(C({n}))"
            for n in (1, 2)
        ),
    ),
    differs(
        "the class of an instance in the closure",
        *(
            f"class C:\n def m(self): return {n}\ndef make(h):\n def g(x): return h\n return g\nf = make(C())"
            for n in (1, 2)
        ),
    ),
    same(
        "what else the factory does",
        *(
            f"def make(n):\n print(end='{text}')\n def g(x): return x + n\n return g\nf = make(1)"
            for text in ("", " ")
        ),
    ),
    differs(
        "a local function of the factory",
        *(f"def make():\n def h(): return {n}\n def g(x): return h()\n return g\nf = make()" for n in (1, 2)),
    ),
    differs(
        "recursion inside a factory",
        *(f"def make():\n def g(x): return g(x - 1) + {n}\n return g\nf = make()" for n in (1, 2)),
    ),
    differs(
        "a module in the closure",
        *(
            {
                "acme": "def make():\n import h\n def g(): return h.g()\n return g\nf = make()",
                "h": f"def g(): return {n}",
            }
            for n in (1, 2)
        ),
    ),
    same(
        "what else a module in the closure has",
        *(
            {
                "acme": "def make():\n import h\n def g(): return h.g()\n return g\nf = make()",
                "h": f"def g(): return 1\nA = {n}",
            }
            for n in (1, 2)
        ),
    ),
    differs("a default", *(f"def f(x={n}): return x" for n in (1, 2))),
    differs("a default by keyword", *(f"def f(*, x={n}): return x" for n in (1, 2))),
    differs("a default that is computed", *(f"N = {n}\ndef f(x=N * 2): return x" for n in (1, 2))),
    same(
        "a default of the same value, written otherwise",
        "def f(x=(1 + 1)): return x",
        "TWO = 2\ndef f(x=TWO): return x",
    ),
    differs("a function as default", *(f"def g(): return {n}\ndef f(x=g): return x()" for n in (1, 2))),
    differs("a wrapper", TIMED.format("", ""), TIMED.format(" + 1", "")),
    differs("what is wrapped", TIMED.format("", ""), TIMED.format("", " + 1")),
    differs(
        "a cached function",
        *(f"import functools\n@functools.lru_cache\ndef f(x): return {n}" for n in (1, 2)),
    ),
    differs(
        "a partial's function",
        *(f"import functools\ndef g(a, b): return a + {n}\nf = functools.partial(g, 1)" for n in (1, 2)),
    ),
    differs(
        "a partial's argument",
        *(f"import functools\ndef g(a, b): return a\nf = functools.partial(g, {n})" for n in (1, 2)),
    ),
    differs(
        "a partial's keyword",
        *(f"import functools\ndef g(a, b): return a\nf = functools.partial(g, b={n})" for n in (1, 2)),
    ),
    differs(
        "a bound method's object",
        *(
            f"class C:\n def __init__(self, a): self.a = a\n def m(self): return self.a\nf = C({n}).m"
            for n in (1, 2)
        ),
    ),
    differs("a bound method", *(f"class C:\n def m(self): return {n}\nf = C().m" for n in (1, 2))),
    differs(
        "a callable object's state",
        *(
            f"class C:\n def __init__(self, a): self.a = a\n def __call__(self): ...\nf = C({n})"
            for n in (1, 2)
        ),
    ),
    differs(
        "a callable object's code", *(f"class C:\n def __call__(self): return {n}\nf = C()" for n in (1, 2))
    ),
    differs(
        "a callable object with slots",
        *(
            f"class C:\n __slots__ = ('a',)\n def __init__(self, a): self.a = a\n def __call__(self): ...\nf = C({n})"
            for n in (1, 2)
        ),
    ),
    differs("a lambda", *(f"f = lambda x: x + {n}" for n in (1, 2))),
    same(
        "a lambda in a line with others",
        "f, g = lambda x: x + 1, lambda x: x + 2",
        "f, g = lambda x: x + 1, lambda x: x + 3",
    ),
    differs(
        "the second lambda in a line",
        "g, f = lambda x: x + 1, lambda x: x + 2",
        "g, f = lambda x: x + 1, lambda x: x + 3",
    ),
    same(
        "the first of two functions of one name",
        *(f"def f(): return 1\ng = f\ndef f(): return {n}" for n in (1, 2)),
        "g",
    ),
    differs(
        "the second of two functions of one name",
        *(f"def f(): return 1\ng = f\ndef f(): return {n}" for n in (1, 2)),
        "f",
    ),
    same(
        "another function in a condition",
        *(f"if True:\n def f(): return 1\nelse:\n def f(): return {n}" for n in (1, 2)),
    ),
    same(
        "a member added to its family",
        *(
            f"fs = []\nfor a in {names}:\n def f(x, a=a): return a\n fs.append(f)"
            for names in (("ppo", "sac"), ("ppo", "sac", "hrp"))
        ),
        "fs[0]",
    ),
    differs(
        "two members of a family",
        *(
            f"fs = []\nfor a in ('ppo', 'sac'):\n def f(x, a=a): return a\n fs.append(f)\nf = fs[{n}]"
            for n in (0, 1)
        ),
    ),
    differs(
        "a class made in a function",
        *(
            f"def make(n):\n class C:\n  def m(self): return n\n return C\nC = make({n})\ndef g(x=C): return x"
            for n in (1, 2)
        ),
        "g",
    ),
    differs(
        "the base of a class made in a function",
        *(
            f"class B{n}: ...\nclass B0: a = {n}\ndef make(base):\n class C(base): ...\n return C\nC = make(B0)\ndef g(x=C): return x"
            for n in (1, 2)
        ),
        "g",
    ),
]

TABLES = [WRITING, REACHING, SHADOWED, CLASSES, ANNOTATED, IMPORTS, CIRCLES, DECLARED, LIVE]


@pytest.mark.parametrize(("before", "after", "thing", "is_same"), [row for table in TABLES for row in table])
def test_a_digest_moves_with_what_is_reached_and_with_nothing_else(
    before: Texts | str, after: Texts | str, thing: str, is_same: bool
) -> None:
    old, new = digest_of(before, thing), digest_of(after, thing)

    assert (old.digest == new.digest) is is_same
    assert old.unresolved == new.unresolved == ()
