"""The normalised text is the same for the same code, and different for different code; free names are exact."""

from __future__ import annotations

import ast

import pytest

from graph.imports import Imported
from graph.syntax import Syntax, read


def syntax(text: str) -> Syntax:
    return read(ast.parse(text).body)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("x = 1", "# why\nx = 1  # because", id="comments"),
        pytest.param("def f(x):\n return x", "def f(x):\n 'Doc.'\n\n return x", id="a function's docstring"),
        pytest.param("class C:\n x = 1", "class C:\n 'Doc.'\n x = 1\n 'About x.'", id="the texts in a class"),
        pytest.param(
            "def f(x): return x + 1", "def f( x ) :\n   return (x\n +  1)", id="blanks and line breaks"
        ),
        pytest.param("x = (((a + 1))) * 2", "x = (a + 1) * 2", id="parentheses without effect"),
        pytest.param("x = 'ab'", 'x = "a" "b"', id="quotes, and texts joined by the parser"),
        pytest.param("x = 'ab'", "x = f'a' 'b'", id="an f-string without a field"),
        pytest.param("x = f'a{y}bc'", "x = 'a' f'{y}b' 'c'", id="f-strings joined"),
        pytest.param("x = f'{y}'", "x = f'{y:}'", id="an empty format"),
        pytest.param("x = u'a'", "x = 'a'", id="the prefix u"),
        pytest.param("x = 255, 1000000, 0.5", "x = (0xFF, 1_000_000, 5e-1)", id="spellings of numbers"),
        pytest.param("def f(): pass", "def f(): ...", id="an empty body"),
        pytest.param("def f(): return 1", "def f():\n pass\n return 1", id="pass beside statements"),
        pytest.param("if a: b()\nelif c: d()", "if a: b()\nelse:\n if c: d()", id="elif"),
        pytest.param("x[1, 2]", "x[(1, 2)]", id="a tuple as index"),
        pytest.param("with (a as b, c): d()", "with a as b, c: d()", id="parentheses around with"),
        pytest.param("(x): int = 1", "x: int = 1", id="parentheses around an annotated name"),
        pytest.param("x = not (a in b)", "x = not a in b", id="precedence spelled out"),
    ],
)
def test_the_way_of_writing_leaves_no_trace(one: str, other: str) -> None:
    assert syntax(one).text == syntax(other).text


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("x = (a + 1) * 2", "x = a + 1 * 2", id="parentheses with effect"),
        pytest.param("x = 1", "x = 2", id="a number"),
        pytest.param("x = 1", "x = 1.0", id="an integer and a float"),
        pytest.param("x = 1", "x = True", id="an integer and a boolean"),
        pytest.param("x = 1.0", "x = 1j", id="a float and an imaginary number"),
        pytest.param("x = 'a'", "x = b'a'", id="a text and bytes"),
        pytest.param("x = 'None'", "x = None", id="a text that reads like a constant"),
        pytest.param("x = 'a'", "x = a", id="a text and a name"),
        pytest.param("x = ...", "x = None", id="an ellipsis"),
        pytest.param("x = 10**0", f"x = 0x{'f' * 5000}", id="a number of five thousand digits"),
        pytest.param("x = 'é'", "x = 'e'", id="a letter beyond ASCII"),
        pytest.param("x = '\\ud800'", "x = '\\ud801'", id="half a surrogate pair"),
        pytest.param("x = f'{y:.2f}'", "x = f'{y:.3f}'", id="the format of an f-string"),
        pytest.param("x = f'{y!r}'", "x = f'{y}'", id="the conversion of an f-string"),
        pytest.param("x = f'{y}a'", "x = f'a{y}'", id="where a field stands"),
        pytest.param("x = a - b", "x = a + b", id="an operator"),
        pytest.param("x = a < b <= c", "x = a <= b < c", id="the order of comparisons"),
        pytest.param("x = a and b", "x = a or b", id="a boolean operator"),
        pytest.param("x -= 1", "x += 1", id="an augmented assignment"),
        pytest.param("x = y = z", "x = z", id="one target more"),
        pytest.param("x, y = z", "x = y = z", id="targets in a tuple"),
        pytest.param("x = [y]", "x = (y,)", id="a list and a tuple"),
        pytest.param("x = [y for y in z]", "x = {y for y in z}", id="kinds of comprehensions"),
        pytest.param("x = [y for y in z if y]", "x = [y for y in z]", id="a condition in a comprehension"),
        pytest.param("x = {1: 2}", "x = {1, 2}", id="a dict and a set"),
        pytest.param("x = {1: a, **b}", "x = {**b, 1: a}", id="the order of a dict"),
        pytest.param("x = a[1:]", "x = a[:1]", id="the ends of a slice"),
        pytest.param("f(a, b)", "f(b, a)", id="the order of arguments"),
        pytest.param("f(a)", "f(*a)", id="an argument spread out"),
        pytest.param("f(a=1)", "f(b=1)", id="the name of an argument"),
        pytest.param("f(x)", "f(x)()", id="one call more"),
        pytest.param("x = a.b", "x = a.c", id="an attribute"),
        pytest.param("x = f().b", "x = f().c", id="an attribute of what is returned"),
        pytest.param("def f(x): return x", "def f(y): return y", id="the name of a parameter"),
        pytest.param("def f(a, b): 0", "def f(a, *, b): 0", id="a parameter by keyword only"),
        pytest.param("def f(a, b): 0", "def f(a, /, b): 0", id="a parameter by position only"),
        pytest.param("def f(*a): 0", "def f(**a): 0", id="the rest by position or by keyword"),
        pytest.param("def f(a=1, *, b): 0", "def f(a, *, b=1): 0", id="which parameter has a default"),
        pytest.param("def f(a: int, b): 0", "def f(a, b: int): 0", id="which parameter is annotated"),
        pytest.param("def f() -> int: 0", "def f(): 0", id="what is returned"),
        pytest.param("def f(): 0", "async def f(): 0", id="async"),
        pytest.param("def f(): return 1", "def f(): yield 1", id="a generator"),
        pytest.param("a()\nb()", "b()\na()", id="the order of statements"),
        pytest.param("for a in b: c()\nelse: d()", "for a in b:\n c()\n d()", id="the else of a loop"),
        pytest.param("if a: b()\nelse: c()", "if a:\n b()\n c()", id="the else of a condition"),
        pytest.param("try: a()\nexcept B: c()", "try: a()\nexcept D: c()", id="which exception"),
        pytest.param("try: a()\nfinally: c()", "try: a()\nexcept E: c()", id="finally"),
        pytest.param("try: a()\nexcept B: c()", "try: a()\nexcept* B: c()", id="a group of exceptions"),
        pytest.param("raise a from b", "raise a", id="a cause"),
        pytest.param("import a", "import b as a", id="what is imported"),
        pytest.param("from . import a", "from .. import a", id="how far up an import goes"),
        pytest.param("class C(A): 0", "class C(B): 0", id="a base"),
        pytest.param("class C(A): 0", "class C(metaclass=A): 0", id="a metaclass"),
        pytest.param("@a\n@b\ndef f(): 0", "@b\n@a\ndef f(): 0", id="the order of decorators"),
        pytest.param("match a:\n case 1: b()", "match a:\n case 2: b()", id="a pattern"),
        pytest.param(
            "match a:\n case {'k': v}: 0", "match a:\n case {'k': v, **w}: 0", id="the rest of a pattern"
        ),
        pytest.param("match a:\n case B(x=1): 0", "match a:\n case B(y=1): 0", id="a pattern's attribute"),
        pytest.param("x = lambda: 1", "x = lambda: 2", id="a lambda"),
        pytest.param("x = await_(y)", "x = (yield y)", id="a call and a yield"),
        pytest.param("global a", "nonlocal a", id="global and nonlocal"),
        pytest.param("assert a, 'b'", "assert a, 'c'", id="an assertion's message"),
        pytest.param("del a.b", "a.b", id="del"),
    ],
)
def test_different_code_has_different_texts(one: str, other: str) -> None:
    assert syntax(one).text != syntax(other).text


@pytest.mark.parametrize(
    ("text", "free"),
    [
        pytest.param("def f(x): return x + A", {"A"}, id="a parameter is not free"),
        pytest.param("def f():\n A = 0\n return A", set(), id="nor is a local, wherever it is bound"),
        pytest.param("def f():\n print(A)\n A = 0", {"print"}, id="even if it is read before"),
        pytest.param("def f():\n for A in B: A", {"B"}, id="a loop's name"),
        pytest.param("def f(): return [A for A in B]", {"B"}, id="a comprehension's name"),
        pytest.param(
            "def f(): return [A for A in A]", {"A"}, id="the first iterable belongs to the function"
        ),
        pytest.param("def f(): return [A for B in C for A in B], A", {"A", "C"}, id="its names end with it"),
        pytest.param("def f(B): return [A := x for x in B], A", set(), id="a walrus outlives it"),
        pytest.param("def f():\n try: 0\n except B as A: A", {"B"}, id="the name of an exception"),
        pytest.param("def f(B):\n with B as A: A", set(), id="a with's name"),
        pytest.param("def f(B):\n match B:\n  case C.D(x=[A, *E]): A, E", {"C.D"}, id="a pattern's names"),
        pytest.param("def f(B):\n match B:\n  case {**A}: A", set(), id="the rest of a pattern"),
        pytest.param("def f():\n def A(): ...\n return A", set(), id="a nested function"),
        pytest.param("def f():\n A = 0\n return lambda: A", set(), id="a name of the function around"),
        pytest.param("def f(): return lambda: A", {"A"}, id="through a lambda"),
        pytest.param("def f(x=A): 0", {"A"}, id="a default is read outside"),
        pytest.param("def f(A=A): return A", {"A"}, id="a default of the parameter's own name"),
        pytest.param("def f():\n global A\n A = A + 1", {"A"}, id="a global is read and set"),
        pytest.param(
            "def f():\n A = 0\n def g():\n  global A\n  return A", {"A"}, id="a global passes by locals"
        ),
        pytest.param("def f():\n A = 0\n def g():\n  nonlocal A\n  A += 1", set(), id="nonlocal"),
        pytest.param("class C:\n A = 0\n B = A", set(), id="a class reads what it has bound"),
        pytest.param("class C:\n A = A", {"A"}, id="and what is outside until then"),
        pytest.param(
            "class C:\n A = 0\n def m(self): return A", {"A"}, id="a method does not see its class's names"
        ),
        pytest.param("class C:\n A = [0]\n B = [x for x in A]", set(), id="a comprehension's start does"),
        pytest.param("class C:\n A = [0]\n B = [A for x in A]", {"A"}, id="the rest of it does not"),
        pytest.param("def f(x: A) -> B:\n y: C = 0", set(), id="annotations of a function describe"),
        pytest.param("class C:\n x: A = 0", {"A"}, id="annotations of a class make code"),
        pytest.param("@A\ndef f(): 0", {"A"}, id="a decorator"),
        pytest.param(
            "def f(): return np.random.normal(np.pi)", {"np.random.normal", "np.pi"}, id="attributes"
        ),
        pytest.param("def f(): A.b = 1", {"A.b"}, id="setting an attribute reads the name"),
        pytest.param("def f(): A[0] = 1", {"A"}, id="setting an item as well"),
        pytest.param("def f(): return A().b.c", {"A"}, id="attributes of what is returned are unknown"),
        pytest.param(
            "def f(): return getattr(A, 'b')", {"getattr", "A", "A.b"}, id="getattr with a plain name"
        ),
        pytest.param("def f(): return globals()['A']", {"A"}, id="globals() with a plain name"),
        pytest.param("if TYPE_CHECKING:\n A\nelse:\n B", {"B"}, id="what only a type checker sees"),
    ],
)
def test_free_names_are_those_that_the_module_has_to_answer(text: str, free: set[str]) -> None:
    assert {".".join(chain) for chain in syntax(text).names} == free


def test_imports_inside_a_function_are_told_with_what_is_read_of_them() -> None:
    found = syntax("def f():\n import a.b as c\n from ..d import e\n def g(): return c.x.y, e\n return g")

    assert found.names == set()
    assert found.imports == {(Imported("a.b"), ("x", "y")), (Imported("d", 2, "e"), ())}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("def f(a, b):\n\n return getattr(a, b)", [(3, "getattr(a, b)")], id="getattr"),
        pytest.param(
            "def f(a, b): return getattr(a, b.c, None)", [(1, "getattr(a, b.c, None)")], id="with a default"
        ),
        pytest.param("def f(a): return globals()[a]", [(1, "globals()")], id="globals"),
        pytest.param(
            "def f(a): return eval(a) + exec('b')", [(1, "eval(a)"), (1, "exec('b')")], id="eval, exec"
        ),
        pytest.param("def f(a): return import_module(a)", [(1, "import_module(a)")], id="import_module"),
        pytest.param(
            "def f(a): return i.import_module(a)", [(1, "i.import_module(a)")], id="as an attribute"
        ),
        pytest.param("def f(a): return __import__(a)", [(1, "__import__(a)")], id="__import__"),
        pytest.param("def f(a): return [lambda: eval(a)]", [(1, "eval(a)")], id="in a nested scope"),
        pytest.param("def f(a): return getattr(a, 'b')", [], id="a plain name is followed"),
        pytest.param("def f(model, eval): return model.eval(), eval(1)", [], id="other things named eval"),
        pytest.param(f"def f(a): eval(a, {'b' * 99})", [(1, f"eval(a, {'b' * 49}...")], id="shortened"),
    ],
)
def test_calls_that_only_running_resolves_are_told(text: str, told: list[tuple[int, str]]) -> None:
    assert list(syntax(text).dynamic) == told


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("x = " + " + ".join(["a"] * 900), id="a sum"),
        pytest.param("x = a" + ".b()" * 700, id="a chain of calls"),
        pytest.param("if a: b()\n" + "elif a: b()\n" * 900, id="a chain of elif"),
    ],
)
def test_no_code_that_python_parses_is_too_deep(text: str) -> None:
    assert syntax(text).text


def test_options_of_a_declaration_leave_no_trace() -> None:
    declarers = {"asset": "graph.asset", "g": "graph"}
    plain = read(ast.parse("def f(x): return x").body)

    for decorator in ("@asset", "@asset(checks=[a])", "@g.declare.multi_asset(Out())", "@g.source()"):
        assert read(ast.parse(f"{decorator}\ndef f(x): return x").body, declarers=declarers) == plain
    assert read(ast.parse("@g.fresh_within(1)\ndef f(x): return x").body, declarers=declarers) != plain


def test_what_newer_pythons_add_to_the_tree_leaves_no_trace() -> None:
    (node,) = ast.parse("def f(x): return x").body
    plain = read([node]).text

    node._fields = (*node._fields, "type_params", "novelty")
    node.type_params, node.novelty = [], None

    assert read([node]).text == plain
