"""What moves a code digest, what does not, and what is told where that cannot be known.

A project is one text: the module ``acme``, and after lines like ``--- p.h`` its other modules. Rows that move or stay
are one text in two states: with ``§`` as 1, and as 2. The file is long because the table is: it is what is promised.
"""

from __future__ import annotations

import functools
import importlib
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType
from typing import Any

import pytest

from graph.digest import CodeDigest, Digester


class Project(MetaPathFinder, Loader):
    """Modules that exist as texts only: they are imported from here, and are the sources of the digests."""

    def __init__(self, text: str) -> None:
        parts = re.split(r"^--- (\S+)\n", f"--- acme\n{text}\n", flags=re.MULTILINE)
        self.texts = dict(zip(parts[1::2], parts[2::2], strict=True))

    def text(self, module: str) -> str | None:
        return self.texts.get(module)

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if not any(f"{each}.".startswith(f"{name}.") for each in self.texts):
            return None
        is_package = any(each.startswith(f"{name}.") for each in self.texts)
        return spec_from_loader(name, self, is_package=is_package)

    def exec_module(self, module: ModuleType) -> None:
        text = self.texts.get(module.__name__, "")
        exec(compile(text, f"{module.__name__}.py", "exec"), module.__dict__)

    @contextmanager
    def imported(self) -> Iterator[ModuleType]:
        before = set(sys.modules)
        sys.meta_path.insert(0, self)
        try:
            yield importlib.import_module("acme")
        finally:
            sys.meta_path.remove(self)
            for name in set(sys.modules) - before:
                if any(f"{each}.".startswith(f"{name}.") for each in self.texts):
                    del sys.modules[name]


def digest_of(text: str, thing: str = "f", **options: Any) -> CodeDigest:
    """The digest of something of the module ``acme``; ``thing`` is an expression there."""
    project = Project(text)
    with project.imported() as module:
        return Digester(project).of(eval(thing, module.__dict__), **options)


def row(promise: str, before: str, after: str, thing: str, is_same: bool) -> object:
    return pytest.param(before, after, thing, is_same, id=f"{promise} {'stays' if is_same else 'moves'}")


def same(promise: str, before: str, after: str, thing: str = "f") -> object:
    return row(promise, before, after, thing, True)


def differs(promise: str, before: str, after: str, thing: str = "f") -> object:
    return row(promise, before, after, thing, False)


def stays(promise: str, text: str, thing: str = "f") -> object:
    return same(promise, text.replace("§", "1"), text.replace("§", "2"), thing)


def moves(promise: str, text: str, thing: str = "f") -> object:
    return differs(promise, text.replace("§", "1"), text.replace("§", "2"), thing)


H = "\n--- h\ndef g(): return §"
P_H = "\n--- p\n--- p.h\ndef g(): return §"
PLAIN = "def f(x):\n    return x + 1\n"
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

# fmt: off
REACHED = [
    differs("a constant that a helper uses", HELPED, HELPED.replace("RATE = 2", "RATE = 2.5")),
    differs("the helper itself", HELPED, HELPED.replace("x * RATE", "x / RATE")),
    same("a constant that only others use", HELPED, HELPED.replace("OTHER = 3", "OTHER = 4")),
    same("a helper that only others use", HELPED, HELPED.replace("x * OTHER", "x")),
    same("a stranger's name", HELPED, HELPED.replace("stranger", "visitor")),
    same("a comment in the helper", HELPED, HELPED.replace("* RATE", "* RATE  # yes")),
    same("a docstring in the helper", HELPED, HELPED.replace("    return x * R", "    'Doc.'\n    return x * R")),
    same("the place in the file", PLAIN, f"import os\nUNRELATED = 1\ndef g(): ...\n\n\n{PLAIN}"),
    same("the order of definitions", "A = 1\ndef f(): return A, B\nB = 2", "B = 2\nA = 1\ndef f(): return A, B"),
    moves("three helpers deep", "A = §\ndef c(): return A\ndef b(): return c()\ndef f(): return b()"),
    moves("through a lambda", "A = §\nb = lambda: A\ndef f(): return b()"),
    moves("an annotated constant", "A: int = §\ndef f(): return A"),
    moves("a constant added to", "A = 1\nA += §\ndef f(): return A"),
    moves("a constant set twice", "A = §\nA = A + 1\ndef f(): return A"),
    moves("a constant unpacked", "A, (B, *C) = 1, (2, §)\ndef f(): return C"),
    moves("a constant made from another", "A = §\nB = A * 2\ndef f(): return B"),
    moves("a walrus", "if (A := §): B = 1\ndef f(): return A"),
    moves("a definition in a condition", "if True:\n def b(): return §\nelse:\n def b(): ...\ndef f(): return b()"),
    moves("the condition of a definition", "if § > 0:\n A = 1\nelse:\n A = 1\ndef f(): return A"),
    stays("what else a condition guards", "if True:\n A = 1\n B = §\ndef f(): return A"),
    moves("a definition in a try", "try:\n import nothing_here as b\nexcept ImportError: b = §\ndef f(): return b"),
    moves("a definition under with", "from contextlib import *\nwith nullcontext(§) as A: ...\ndef f(): return A"),
    moves("a definition in a match", "match §:\n case int() as A: ...\n case _: A = 0\ndef f(): return A"),
    moves("a table filled in a loop", "T = {}\nfor k in range(§):\n T[k] = k\ndef f(): return T"),
    moves("a name of the loop", "T = {}\nfor k in range(3):\n v = k * §\n T[k] = v\ndef f(): return T"),
    moves("what a loop leaves out", "T = []\nfor k in [1]:\n if k == §: continue\n T += [k]\ndef f(): return T"),
    stays("what else a loop does", "T = []\nfor k in [1]:\n v = §\n T += [k]\ndef f(): return T"),
    moves("a list that is appended to", "T = []\nT.append(§)\ndef f(): return T"),
    moves("an attribute that is set", "class C: pass\nC.x = §\ndef f(): return C"),
    moves("a registry", "class R:\n def add(s, g): ...\nr = R()\n@r.add\ndef one(): return §\ndef f(): return r"),
    moves(
        "a single dispatch",
        "from functools import *\n@singledispatch\ndef a(x): ...\n@a.register\ndef _(x: int): return §\n"
        "def f(x): return a(x)",
    ),
    moves("a global that another sets", "C = None\ndef fill():\n global C\n C = §\ndef f(): return C"),
    moves("a global that only another makes", "def fill():\n global C\n C = §\ndef f(): return C"),
    moves("a name from globals()", "A = §\ndef f(): return globals()['A']"),
    moves("a nested function", "def f():\n def g(): return §\n return g()"),
    moves("what a nested function reaches", "A = §\ndef f():\n def g(): return A\n return g()"),
    moves("what a nested class reaches", "A = §\ndef f():\n class G:\n  def m(self): return A\n return G"),
    moves("a default in a helper", "A = §\ndef g(x=A): return x\ndef f(): return g()"),
    moves("a helper given to map", "def g(x): return x + §\ndef f(xs): return map(g, xs)"),
    moves("a helper in a lambda", "def g(x): return x + §\ndef f(xs): return map(lambda x: g(x), xs)"),
    moves("a constant in a pattern", "class P:\n A = §\ndef f(v):\n match v:\n  case P.A: return 1"),
    moves("a constant in an f-string", "A = §\ndef f(): return f'{A:{A}}'"),
    moves("behind getattr with a plain name", "import h\ndef f(): return getattr(h, 'g')()" + H),
    stays("a parameter of the same name", "A = §\ndef f(A): return A"),
    stays("a local of the same name", "A = §\ndef f():\n A = 0\n return A"),
    stays("an import of the same name", "A = §\ndef f():\n import os as A\n return A"),
    stays("what a script does when it is run", "A = 1\nif __name__ == '__main__':\n A = §\ndef f(): return A"),
    moves("an annotation, which may say how to store", "def f() -> 'table§': ..."),
    stays("a class in an annotation", "class C:\n a = §\ndef f(x: C) -> C:\n y: C = x\n return y"),
    moves("a class in an annotation and in the code", "class C:\n a = §\ndef f(x: C): return C()"),
    stays(
        "what only a type checker imports",
        "from typing import *\nif TYPE_CHECKING:\n from h import C\ndef f(x: 'C'): return x\n--- h\n"
        "class C:\n a = §",
    ),
    moves("what runs instead", "import typing\nif typing.TYPE_CHECKING:\n A = 0\nelse:\n A = §\ndef f(): return A"),
    moves("recursion", "def f(x): return f(x - 1) + §"),
    moves("mutual recursion", "def f(x): return g(x)\ndef g(x): return f(x) + §"),
    moves("below a circle", "A = §\ndef f(x): return g(x)\ndef g(x): return h(x)\ndef h(x): return f(x) + A"),
    stays("beside a circle", "A = §\ndef f(x): return g(x)\ndef g(x): return f(x)\ndef h(): return f(A)"),
    moves(
        "classes in a circle",
        "class A:\n def b(s): return B()\nclass B:\n x = §\n def a(s): return A()\ndef f(): return A()",
    ),
]

CLASSES = [
    moves("a method", "class C:\n def m(self): return §\ndef f(): return C().m()"),
    moves("what a method reaches", "A = §\nclass C:\n def m(self): return A\ndef f(): return C().m()"),
    moves("a base", "class B:\n def m(self): return §\nclass C(B): ...\ndef f(): return C().m()"),
    moves("a constant of a class", "class C:\n A = §\ndef f(): return C.A"),
    moves("a property", "class C:\n @property\n def m(self): return §\ndef f(): return C().m"),
    moves("a metaclass", "class M(type):\n def m(cls): return §\nclass C(metaclass=M): ...\ndef f(): return C.m()"),
    moves("a class in a class", "class C:\n class D:\n  a = §\ndef f(): return C.D.a"),
    moves("a member of an enum", "from enum import Enum\nclass C(Enum):\n A = §\ndef f(): return C.A"),
    moves("a field's default", "from dataclasses import *\n@dataclass\nclass C:\n a: int = §\ndef f(): return C()"),
    moves("a field's type", "from dataclasses import *\n@dataclass\nclass C:\n a: 'T§'\ndef f(): return C(1)"),
    moves(
        "a field's model",
        "from pydantic import *\nclass B(BaseModel):\n a: int = §\nclass C(BaseModel):\n b: list[B]\n"
        "def f(): return C",
    ),
    same(
        "texts in a class",
        "class C:\n 'Doc.'\n a = 1\ndef f(): return C", "class C:\n a = 1\n 'a.'\ndef f(): return C",
    ),
    stays("another class", "class C: ...\nclass D:\n a = §\ndef f(): return C"),
    moves("a class by itself", "class C:\n def m(self): return §", "C"),
    moves("a method by itself", "A = §\nclass C:\n def m(self): return A", "C.m"),
    moves(
        "what super() leads to",
        "class B:\n def m(s): return §\nclass C(B):\n def m(s): return super().m()", "C.m",
    ),
]

IMPORTS = [
    moves("from x import y", "from h import g\ndef f(): return g()" + H),
    moves("from x import y as z", "from h import g as z\ndef f(): return z()" + H),
    moves("import x", "import h\ndef f(): return h.g()" + H),
    moves("import x as z", "import h as z\ndef f(): return z.g()" + H),
    moves("import x.y", "import p.h\ndef f(): return p.h.g()" + P_H),
    moves("import x.y as z", "import p.h as z\ndef f(): return z.g()" + P_H),
    moves("from package import module", "from p import h\ndef f(): return h.g()" + P_H),
    moves("a package without __init__", "from p import h\ndef f(): return h.g()\n--- p.h\ndef g(): return §"),
    moves("the same, dotted", "import p.q.h\ndef f(): return p.q.h.g()\n--- p.q.h\ndef g(): return §"),
    moves("a star", "from h import *\ndef f(): return g()" + H),
    moves(
        "stars in a row",
        "from p import *\ndef f(): return g()\n--- p\nfrom .h import *\n--- p.h\ndef g(): return §",
    ),
    moves(
        "what a package hands on",
        "from p import g\ndef f(): return g()\n--- p\nfrom .h import g\n--- p.h\ndef g(): return §",
    ),
    moves(
        "under another name",
        "import p\ndef f(): return p.z()\n--- p\nfrom .h import g as z\n--- p.h\ndef g(): return §",
    ),
    moves(
        "a module as an attribute",
        "import p\ndef f(): return p.h.g()\n--- p\nfrom . import h\n--- p.h\ndef g(): return §",
    ),
    moves("a module's __getattr__", "import h\ndef f(): return h.late\n--- h\ndef __getattr__(name): return §"),
    moves("an import inside the function", "def f():\n from h import g\n return g()" + H),
    moves("a module imported inside", "def f():\n import h as z\n return z.g()" + H),
    stays("what else that module has", "def f():\n import h\n return h.g()\n--- h\nA = §\ndef g(): ..."),
    moves("importlib with a plain name", "import importlib\ndef f(): return importlib.import_module('h').g()" + H),
    moves("__import__ with a plain name", "def f(): return __import__('h').g()" + H),
    moves("an import in a try", "try: from h import g\nexcept ImportError: g = 0\ndef f(): return g()" + H),
    moves(
        "an alternative import",
        "try: import nothing_here as z\nexcept ImportError: import h as z\ndef f(): return z.g()" + H,
    ),
    moves("a module handed on", "import h\ndef call(m): return m.g()\ndef f(): return call(h)" + H),
    moves(
        "relative, from a package",
        "from acme.a import f\n--- acme.a\nfrom .h import g\ndef f(): return g()\n--- acme.h\ndef g(): return §",
    ),
    moves(
        "relative, a module",
        "from acme.a import f\n--- acme.a\nfrom . import h\ndef f(): return h.g()\n--- acme.h\ndef g(): return §",
    ),
    moves(
        "relative, two packages up",
        "from acme.s.a import f\n--- acme.s\n--- acme.s.a\nfrom ..h import g\ndef f(): return g()\n"
        "--- acme.h\ndef g(): return §",
    ),
    moves("relative, in the package itself", "from .h import g\ndef f(): return g()\n--- acme.h\ndef g(): return §"),
    moves(
        "relative, two up from a package",
        "from acme.s.a import f\n--- acme.s\n--- acme.s.a\nfrom ..b import g\ndef f(): return g()\n"
        "--- acme.s.a.x\n--- acme.s.b\ndef g(): return §",
    ),
    moves("relative, inside the function", "def f():\n from .h import g\n return g()\n--- acme.h\ndef g(): return §"),
    moves(
        "modules in a circle",
        "import h\nB = 1\ndef f(): return h.g()\n--- h\nimport acme\ndef g(): return acme.B + §",
    ),
    stays(
        "what else is in the module",
        "import h\ndef f(): return h.g()\n--- h\ndef g(): return 1\ndef other(): return §",
    ),
    stays(
        "what else a package has",
        "from p import g\ndef f(): return g()\n--- p\nfrom .h import g\nA = §\n--- p.h\ndef g(): ...",
    ),
    same("an unused import", PLAIN, f"import math\n{PLAIN}"),
    same(
        "another import from the library",
        "import math\ndef f(x): return math.pi", "import math, json\ndef f(x): return math.pi",
    ),
    differs(
        "which library",
        "from math import sqrt\ndef f(x): return sqrt(x)", "from cmath import sqrt\ndef f(x): return sqrt(x)",
    ),
    differs("helpers of one text that change places", *(
        f"from {a} import g as x\nfrom {b} import g as y\ndef f(): return x() - y()\n"
        "--- a\nA = 1\ndef g(): return A\n--- b\nA = 2\ndef g(): return A"
        for a, b in ("ab", "ba")
    )),
    same(
        "a helper that moves to another module",
        *(f"from {m} import g\ndef f(): return g()\n--- {m}\ndef g(): return 1" for m in "ab"),
    ),
    same(
        "a helper that moves here",
        "from a import g\ndef f(): return g()\n--- a\ndef g(): ...", "def g(): ...\ndef f(): return g()",
    ),
    same("the function itself, with its helper, moved", HELPED, f"from b import f\n--- b\n{HELPED}"),
]

DECLARED = [
    same("being an asset", "def f(x): return x", "from graph import asset\n@asset\ndef f(x): return x"),
    stays(
        "an asset's options",
        "from graph import asset, Execution\n@asset(run=Execution(retries=§))\ndef f(x): return x",
    ),
    stays("what an option reaches", "from graph import asset\nN = 'n§'\n@asset(name=N)\ndef f(x): return x"),
    stays(
        "an asset declared by a call",
        "from graph import asset\ndef g(x): return x\nh = asset(name='a§')(g)\ndef f(): return h",
    ),
    stays(
        "a declaration inside a function",
        "def make():\n from graph import asset\n @asset(name='a§')\n def g(x): return x\n return g\n"
        "def f(): return make()",
    ),
    stays(
        "the engine through the project",
        "from h import asset\n@asset(name='a§')\ndef f(x): return x\n--- h\nfrom graph import asset",
    ),
    *[
        stays(
            f"the engine through the project, {how},",
            f"{use}(name='a§')\ndef f(x): return x\n--- p\n--- p.h\n{given}",
        )
        for how, use, given in (
            ("renamed", "from p.h import declared\n@declared", "from graph import asset as declared"),
            ("as a part of its module", "from p import h\n@h.asset", "from graph import asset"),
            ("by its full name", "import p.h\n@p.h.asset", "from graph import asset"),
            ("with the engine itself", "from p.h import engine\n@engine.asset", "import graph as engine"),
            ("through a star", "from p.h import *\n@asset", "from graph import asset"),
            ("through two stars", "from p.h import *\n@asset", "from graph import *"),
            ("under a name of its own", "from p.h import declared\n@declared", "import graph\ndeclared = graph.asset"),
        )
    ],
    moves(
        "a function of the project's own named asset",
        "from p.h import asset\n@asset(§)\ndef f(x): return x\n--- p\n--- p.h\ndef asset(n): return lambda g: g",
    ),
    same(
        "how the engine is imported",
        "import graph as g\n@g.asset(volatile=True)\n"
        "def f(x): return x", "from graph.declare import asset as a\n@a()\ndef f(x): return x",
    ),
    stays("the engine through a star", "from graph import *\n@asset(name='a§')\ndef f(x): return x"),
    same("a resource's provider", "def f(x): return x", "from graph import resource\n@resource\ndef f(x): return x"),
    differs("another decorator", PLAIN, f"import functools\n@functools.cache\n{PLAIN}"),
    moves("the option of another decorator", "import functools\n@functools.lru_cache(§)\ndef f(x): return x"),
    moves(
        "what another decorator does",
        "def twice(g): return lambda x: g(x) * §\n@twice\ndef g(x): return x\ndef f(x): return g(x)",
    ),
    moves(
        "a decorator beside the declaration",
        "from graph import asset\ndef d(n): return lambda g: g\n@asset\n@d(§)\ndef f(x): return x",
    ),
    moves("a function of one's own named asset", "def asset(n): return lambda g: g\n@asset(§)\ndef f(x): return x"),
]

WRAPPED = """
import functools
def timed(g):
    @functools.wraps(g)
    def inner(x): return g(x) + {}
    return inner
@timed
def f(x): return x + {}
"""
FAMILY = "fs = []\nfor a in {}:\n def f(x, a=a): return a\n fs.append(f)"

CARRIED = [
    moves("a value in the closure", "def make(n):\n def g(x): return x + n\n return g\nf = make(§)"),
    moves(
        "a function in the closure",
        "def one(): return §\ndef make(h):\n def g(x): return h()\n return g\nf = make(one)",
    ),
    moves("a class in the closure", "class C:\n a = §\ndef make(h):\n def g(x): return h\n return g\nf = make(C)"),
    moves(
        "an object in the closure",
        "class C:\n def __init__(s, a): s.a = a\ndef make(h):\n def g(x): return h\n return g\nf = make(C(§))",
    ),
    moves(
        "the class of such an object",
        "class C:\n def m(s): return §\ndef make(h):\n def g(x): return h\n return g\nf = make(C())",
    ),
    stays("what else the factory does", "def make(n):\n m = §\n def g(x): return x + n\n return g\nf = make(1)"),
    moves(
        "a local function of the factory",
        "def make():\n def h(): return §\n def g(x): return h()\n return g\nf = make()",
    ),
    moves("recursion inside a factory", "def make():\n def g(x): return g(x - 1) + §\n return g\nf = make()"),
    moves("a module in the closure", "def make():\n import h\n def g(): return h.g()\n return g\nf = make()" + H),
    stays(
        "what else such a module has",
        "def make():\n import h\n def g(): return h.g()\n return g\nf = make()\n--- h\nA = §\ndef g(): ...",
    ),
    moves("a default", "def f(x=§): return x"),
    moves("a default by keyword", "def f(*, x=§): return x"),
    moves("a default that is computed", "N = §\ndef f(x=N * 2): return x"),
    moves("a function as default", "def g(): return §\ndef f(x=g): return x()"),
    moves("a list as default", "def f(x=[0, §]): return x"),
    same("how a default is computed", "def f(x=(1 + 1)): return x", "TWO = 2\ndef f(x=TWO): return x"),
    differs("a wrapper", WRAPPED.format(0, 0), WRAPPED.format(1, 0)),
    differs("what is wrapped", WRAPPED.format(0, 0), WRAPPED.format(0, 1)),
    moves("a cached function", "import functools\n@functools.lru_cache\ndef f(x): return §"),
    moves("a function that a library wraps", "import contextlib\n@contextlib.contextmanager\ndef f(): yield §"),
    moves("a partial's function", "import functools\ndef g(a, b): return a + §\nf = functools.partial(g, 1)"),
    moves("a partial's argument", "import functools\ndef g(a, b): return a\nf = functools.partial(g, §)"),
    moves("a partial's keyword", "import functools\ndef g(a, b): return a\nf = functools.partial(g, b=§)"),
    moves("a bound method", "class C:\n def m(self): return §\nf = C().m"),
    moves("a bound method's object", "class C:\n def __init__(s, a): s.a = a\n def m(s): return s.a\nf = C(§).m"),
    moves("a callable object", "class C:\n def __call__(s): return §\nf = C()"),
    moves("a callable object's state", "class C:\n def __init__(s, a): s.a = a\n def __call__(s): ...\nf = C(§)"),
    moves(
        "a callable object's slots",
        "class C:\n __slots__ = ('a',)\n def __init__(s, a): s.a = a\n def __call__(s): ...\nf = C(§)",
    ),
    moves("a lambda", "f = lambda x: x + §"),
    stays("another lambda in the line", "f, g = lambda x: x, lambda x: x + §"),
    moves("the second lambda in a line", "g, f = lambda x: x, lambda x: x + §"),
    moves("a lambda in a comprehension", "f = [lambda x: x + § for _ in [0]][0]"),
    moves("a lambda in a default", "def g(h=lambda x: x + §): return h\nf = g()"),
    stays("a later function of the same name", "def f(): return 1\ng = f\ndef f(): return §", "g"),
    moves("the later function itself", "def f(): return 1\ng = f\ndef f(): return §"),
    stays("another way that was not taken", "if True:\n def f(): return 1\nelse:\n def f(): return §"),
    same("a member added to a family", FAMILY.format(["ppo"]), FAMILY.format(["ppo", "sac"]), "fs[0]"),
    differs("the member of a family", FAMILY.format(["ppo"]), FAMILY.format(["sac"]), "fs[0]"),
    moves(
        "a class made in a function",
        "def make(n):\n class C:\n  def m(s): return n\n return C\ndef f(x=make(§)): return x",
    ),
    moves("an attribute of such a class", "def make(n):\n class C:\n  a = n\n return C\ndef f(x=make(§)): return x"),
    moves(
        "a dataclass made in a function",
        "from dataclasses import *\ndef make(n):\n @dataclass\n class C:\n  a: int = n\n return C\n"
        "def f(x=make(§)): ...",
    ),
    moves(
        "a model made in a function",
        "from pydantic import *\ndef make(n):\n class C(BaseModel):\n  a: int\n  def m(s): return n\n return C\n"
        "def f(x=make(§)): ...",
    ),
    moves(
        "a base of such a class",
        "class B:\n a = §\ndef make(b):\n class C(b): ...\n return C\ndef f(x=make(B)): return x",
    ),
]
# fmt: on


@pytest.mark.parametrize(
    ("before", "after", "thing", "is_same"), [*REACHED, *CLASSES, *IMPORTS, *DECLARED, *CARRIED]
)
def test_a_digest_moves_with_what_is_reached_and_with_nothing_else(
    before: str, after: str, thing: str, is_same: bool
) -> None:
    old, new = digest_of(before, thing), digest_of(after, thing)

    assert before != after
    assert (old.digest == new.digest) is is_same
    assert old.unresolved == new.unresolved == ()
    assert digest_of(before, thing) == old


GOLDEN = """
from __future__ import annotations
import math
from graph import asset
from dataclasses import dataclass
from .h import *

LIMITS = {'low': -1.5e-7, 'high': 2**70, 'kinds': {1, 2j, b'3', None, ...}}

@dataclass(frozen=True)
class Bar(Base):
    '''A day.'''
    close: float = 0.1
    async def rows(self, *rest: int, key: str = 'é', **more):
        return [f'{self.close:>{key}.2f}{x!r}' async for x in rest if not x][::-1]

def f(prices, *, window=(20, 'd', {'a': frozenset({1, 2})}), by=Bar()):
    try:
        with lock, prices as file:
            total = sum(x * y for x, *y in zip(file, LIMITS.values()))
    except (KeyError, OSError) as error:
        raise ValueError('no') from error
    else:
        match total:
            case {'a': [1, *_], **rest} | Bar(close=rest): return rest
            case -1 | 'x': yield total
    while (n := math.log(window)) > 1 >= -n:
        del n[0]
        continue
    return helper(lambda a, /, b=2: a @ b if a else ~b)
--- acme.h
class Base: ...
lock = Base()
def helper(g): return g(1), f'{g}' 'x'
"""


def test_the_digest_is_the_same_in_every_process_and_on_every_python() -> None:
    # Whoever moves this makes everybody rebuild everything: then the scheme's number moves as well.
    found = digest_of(GOLDEN)

    assert found.reaches == (
        "acme.h:Base",
        "acme.h:helper",
        "acme.h:lock",
        "acme:Bar",
        "acme:LIMITS",
        "acme:f",
    )
    assert found.digest == "2f58020a965977051d317803cb34f8b2"


def test_what_is_reached_is_told_by_module_and_name() -> None:
    text = "import h\nA = 1\ndef g(): return A\ndef f(): return g, h.C.m, [x for x in h.T]\n"
    found = digest_of(text + "--- h\nT = [1]\nB = 2\nclass C:\n m = T")

    assert found.reaches == ("acme:A", "acme:f", "acme:g", "h:C", "h:T")


def test_of_a_module_used_as_a_value_everything_is_reached() -> None:
    found = digest_of("import h\ndef f(): return vars(h)\n--- h\nA = 1\nfrom i import B\n--- i\nB = 2\nC = 3")

    assert found.reaches == ("acme:f", "h:*", "h:A", "i:B")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param(
            "def f(a, b):\n return getattr(a, b)",
            "acme:2: getattr(a, b) is resolved only when it runs",
            id="a computed attribute",
        ),
        pytest.param(
            "def f(a): return h(a)\ndef h(a):\n return eval(a)",
            "acme:3: eval(a) is resolved only when it runs",
            id="in what is reached",
        ),
        pytest.param(
            "def f(): return nowhere",
            "acme:f: nothing in its module binds 'nowhere'",
            id="a name from nowhere",
        ),
        pytest.param(
            "import threading\ndef make(lock):\n def g(): return lock\n return g\nf = make(threading.Lock())",
            "acme:make.<locals>.g: 'lock' of its closure: a _thread.lock cannot be digested",
            id="a value that cannot be told",
        ),
        pytest.param(
            "import threading\ndef f(x=threading.Lock()): ...",
            "acme:f: a default: a _thread.lock cannot be digested",
            id="a default that cannot be told",
        ),
        pytest.param(
            "exec('def f(): ...')",
            "acme:f: its source is not known; its bytecode counts, which differs between Python versions",
            id="a function made from a text",
        ),
        pytest.param(
            "def f(x=type('C', (), {})): ...",
            "acme:f: a default: acme:C: the source of this class is not known; what can be seen of it counts",
            id="a class made by a call",
        ),
    ],
)
def test_what_cannot_be_followed_is_told_with_its_place(text: str, told: str) -> None:
    assert digest_of(text).unresolved == (told,)
    assert digest_of(text) == digest_of(text)


@pytest.mark.parametrize("name", ["T", "__file__", "print", "__class__", "getcwd"])
def test_names_that_need_no_definition_are_not_told(name: str) -> None:
    text = f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n from h import T\nfrom os import *\ndef f(): {name}"

    assert digest_of(text).unresolved == ()


def test_what_cannot_be_seen_is_added_by_hand() -> None:
    project = Project("def f(): ...\ndef g(): return 1\ndef h(): return g()")
    with project.imported() as acme:
        of = functools.partial(Digester(project).of, acme.f)
        digests = {
            of().digest,
            of(also=[acme.g]).digest,
            of(also=[acme.h]).digest,
            of(files={"a.sql": "select 1"}).digest,
            of(files={"a.sql": "select 2"}).digest,
            of(files={"b.sql": "select 2"}).digest,
            of(libraries={"skfolio": "1.0"}).digest,
            of(libraries={"skfolio": "1.1"}).digest,
        }

        assert len(digests) == 8
        assert of(also=[acme.g, acme.h]) == of(also=[acme.h, acme.g])
        assert of(also=[acme.h]).reaches == ("acme:f", "acme:g", "acme:h")
        assert of(files={"a.sql": "é"}) == of(files={"a.sql": "é".encode()})


def test_a_version_replaces_everything() -> None:
    one, other = (digest_of(f"def f(): return {n}", version="3") for n in (1, 2))

    assert one == other
    assert one.reaches == one.unresolved == ()
    assert one.digest != digest_of("def f(): return 1", version="4").digest


@pytest.mark.parametrize(
    ("text", "is_same"),
    [
        pytest.param("x = 1\ndef g(): return x\ndef f(a=3):\n 'Doc.'\n\n return g()", True, id="a docstring"),
        pytest.param("x = 1\ndef g(): return x\ndef f(a=4): return g()", False, id="a default"),
        pytest.param("x = 1\ndef g(): return x + 0\ndef f(a=3): return g()", False, id="a helper"),
        pytest.param("x = 2\ndef g(): return x\ndef f(a=3): return g()", False, id="a constant of a helper"),
        pytest.param(
            "x = 1\ny = 2\ndef g(): return x\ndef f(a=3): return g()", True, id="what is not reached"
        ),
    ],
)
def test_without_a_source_the_compiled_code_counts(text: str, is_same: bool) -> None:
    def typed(text: str) -> CodeDigest:
        session: dict[str, Any] = {"__name__": "__main__"}
        exec(text, session)
        return Digester(Project("")).of(session["f"])

    before = typed("x = 1\ndef g(): return x\ndef f(a=3): return g()")

    assert (typed(text).digest == before.digest) is is_same
    assert before.reaches == ("__main__:f", "__main__:g")
    assert len(before.unresolved) == 2


def test_lines_that_moved_since_the_module_was_loaded_do_not_matter() -> None:
    loaded, now = Project("def f(x, a=[1]): return x + 1"), Project("\n\n\ndef f(x, a=[1]): return x + 1")
    with loaded.imported() as acme:
        assert Digester(loaded).of(acme.f) == Digester(now).of(acme.f)


def test_a_module_that_cannot_be_parsed_is_not_followed() -> None:
    assert digest_of("def f():\n import h\n return h.g()\n--- h\ndef g(: broken").reaches == ("acme:f",)


def test_the_engine_is_not_followed() -> None:
    text = "from graph.errors import near_miss\ndef f(): return near_miss('a', ['b'])\n--- graph.errors\n"

    assert digest_of(text + "def near_miss(): ...").reaches == ("acme:f",)


def test_each_module_is_asked_for_once() -> None:
    functions = "".join(f"def f{n}(): return h.g(), math.pi\n" for n in range(9))
    project = Project(f"import h, math\n{functions}--- h\ndef g(): ...")
    asked: list[str] = []

    class Counted:
        def text(self, module: str) -> str | None:
            asked.append(module)
            return project.text(module)

    with project.imported() as acme:
        digester = Digester(Counted())
        for n in range(9):
            digester.of(getattr(acme, f"f{n}"))

    assert sorted(asked) == ["acme", "h", "math"]


def test_a_constant_moves_exactly_the_functions_that_reach_it() -> None:
    text = (
        f"{HELPED}\ndef g(x): return f(x)\ndef h(x): return stranger(x)\ndef k(x, by=helper): return by(x)\n"
    )
    changed = text.replace("RATE = 2", "RATE = 2.5")
    before, after = ({name: digest_of(each, name) for name in "fghk"} for each in (text, changed))

    moved = {name for name in before if before[name].digest != after[name].digest}

    assert moved == {name for name in before if "acme:RATE" in before[name].reaches} == {"f", "g", "k"}


def test_the_order_in_which_digests_are_asked_for_does_not_matter() -> None:
    project = Project(
        "from a import *\nfrom b import *\ndef f(): return g()\ndef k(): return h()\n"
        "--- a\nfrom b import *\ndef g(): return h()\n--- b\nimport a\nfrom a import *\ndef h(): return a.g()"
    )
    with project.imported() as acme:
        things = [acme.f, acme.k, acme.g, acme.h]
        forwards, backwards = Digester(project), Digester(project)

        assert [forwards.of(each) for each in things] == [backwards.of(each) for each in things[::-1]][::-1]
