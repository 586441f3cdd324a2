"""How a selection is written: its steps, the text that says them, and back.

A selection is kept as a program in postfix order, like that of a pocket calculator: what names assets
comes first, what combines or widens comes after it. ``+group:market and not key:eta/trips`` is

    Group(pattern="market"), Up(), Key(pattern="eta/trips"), Not(), And()

Nothing in it is nested, so neither a deep expression nor a long one meets Python's recursion limit.
The grammar is Dagster's, with a bare key as the short form; ``graph.selection`` has the whole table of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, assert_never

from graph.errors import AssetGraphError, near_miss

_RESERVED = ("and", "or", "not")
_ATTRIBUTES = ("key", "group", "tag", "kind", "owner", "is")
_WITH_WILDCARD = ("key", "group")
_UNREADABLE = {
    '"': "this quote is never closed.",
    ",": "',' means nothing here; write 'or' to select several.",
}
_NEEDS_QUOTES = "{} cannot stand here; a value that has it must be in double quotes."
_LONGEST_DEPTH = 9  # digits: deeper than any graph, and far from the limit of int()


class SelectionError(AssetGraphError):
    """A selection that cannot be read, or that names nothing; shows the place in its text.

    >>> print(SelectionError("kind:sql nad tier", 9, "expected 'and' or 'or'."))
    expected 'and' or 'or'.
      kind:sql nad tier
               ^
    """

    def __init__(self, text: str, position: int, message: str) -> None:
        self.text = text
        self.position = position
        self.message = message
        super().__init__(f"{message}\n{_pointed_at(text, position)}")


def _pointed_at(text: str, position: int) -> str:
    """The line of ``text`` that holds ``position`` (at most 100 characters of it), and a caret below."""
    start = text.rfind("\n", 0, position) + 1
    stop = text.find("\n", position)
    line = text[start : stop if stop >= 0 else len(text)].replace("\t", " ")
    column = position - start
    shift = max(0, column - 60)
    before, after = "..." if shift else "", "..." if len(line) > shift + 100 else ""
    return f"  {before}{line[shift : shift + 100]}{after}\n  {' ' * (len(before) + column - shift)}^"


# --- the steps: first those that name assets ---------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The asset called so: its whole key, or the last part of one key only. It has to exist."""

    name: str
    text: str = field(default="", compare=False)  # what it was written in, and where: for the error
    position: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Every asset whose whole key fits ``pattern``, ``*`` standing for anything, ``/`` included."""

    pattern: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Every asset whose group fits ``pattern``; None, written ``<null>``: of no group at all."""

    pattern: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """Every asset with the tag ``name`` of exactly this value; ``tag:name`` alone means the empty value."""

    name: str
    value: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Every asset of this kind; None, written ``<null>``: of no kind at all."""

    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Every asset that this owner has; None, written ``<null>``, finds nothing, as in Dagster."""

    name: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Is:
    """Every source (``external``), or every asset that is built here (``materializable``)."""

    what: Literal["external", "materializable"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Everything:
    """Every asset."""


# --- ... then those that work on what the steps before them have named ----------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Not:
    """Every asset but those."""


@dataclass(frozen=True, slots=True, kw_only=True)
class And:
    """Those in both."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Or:
    """Those in either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Up:
    """Those and their upstream, ``depth`` steps far; None: all the way."""

    depth: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Down:
    """Those and their downstream, ``depth`` steps far; None: all the way."""

    depth: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """Those, their upstream ``up`` steps far and their downstream ``down`` steps far; None: all the way."""

    up: int | None = None
    down: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Roots:
    """Those of them that have none of the others upstream, however far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sinks:
    """Those of them that have none of the others downstream, however far."""


Leaf = Named | Key | Group | Tag | Kind | Owner | Is | Everything
Step = Leaf | Not | And | Or | Up | Down | Both | Roots | Sinks

# How tightly a piece of text holds together. "+" goes round a word, a function or parentheses only.
_OR, _AND, _NOT, _WIDENED, _WHOLE = range(5)


# --- steps -> text ---------------------------------------------------------------------------------------


def write(steps: Sequence[Step]) -> str:
    """The text of ``steps``, with the fewest parentheses and quotes: ``read(write(steps)) == steps``."""
    stack: list[tuple[str, int]] = []
    for step in steps:
        match step:
            case And() | Or():
                right, left = stack.pop(), stack.pop()
                word, level = ("and", _AND) if isinstance(step, And) else ("or", _OR)
                stack.append((f"{_within(left, level)} {word} {_within(right, level + 1)}", level))
            case Not():
                stack.append((f"not {_within(stack.pop(), _NOT)}", _NOT))
            case Up(depth=up):
                stack.append((f"{_depth(up)}+{_within(stack.pop(), _WHOLE)}", _WIDENED))
            case Down(depth=down):
                stack.append((f"{_within(stack.pop(), _WHOLE)}+{_depth(down)}", _WIDENED))
            case Both(up=up, down=down):
                stack.append((f"{_depth(up)}+{_within(stack.pop(), _WHOLE)}+{_depth(down)}", _WIDENED))
            case Roots() | Sinks():
                word = "roots" if isinstance(step, Roots) else "sinks"
                stack.append((f"{word}({stack.pop()[0]})", _WHOLE))
            case _:
                stack.append((_leaf_text(step), _WIDENED if isinstance(step, Everything) else _WHOLE))
    return stack.pop()[0]


def _within(piece: tuple[str, int], level: int) -> str:
    return piece[0] if piece[1] >= level else f"({piece[0]})"


def _depth(depth: int | None) -> str:
    return "" if depth is None else str(depth)


def _leaf_text(leaf: Leaf) -> str:
    match leaf:
        case Named(name=name):
            bare = _WORD.fullmatch(name) and name != "*" and name.lower() not in _RESERVED
            return name if bare else _quoted(name)
        case Key(pattern=pattern):
            return f"key:{_value_text(pattern)}"
        case Group(pattern=pattern):
            return f"group:{_value_text(pattern)}"
        case Tag(name=name, value=value):
            return f"tag:{_value_text(name)}" + (f"={_value_text(value)}" if value else "")
        case Kind(name=name):
            return f"kind:{_value_text(name)}"
        case Owner(name=name):
            return f"owner:{_value_text(name)}"
        case Is(what=what):
            return f"is:{what}"
        case Everything():
            return "*"
        case _:
            assert_never(leaf)


def _value_text(value: str | None) -> str:
    """Quoted wherever Dagster wants quotes, so that what we print can be read there too."""
    if value is None:
        return "<null>"
    return value if _PLAIN.fullmatch(value) and value.lower() not in _RESERVED else _quoted(value)


def _quoted(value: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", value) + '"'


# --- text -> tokens --------------------------------------------------------------------------------------

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_/]*")
_WORD = re.compile(r"(?:[^\W\d]|\*)[\w/.*-]*")
_TOKEN = re.compile(
    rf"""
    (?P<space>  \s+)
  | (?P<word>   {_WORD.pattern})            # a key, a value, an attribute, 'and', and '*' alone
  | (?P<digits> [0-9]+)
  | (?P<string> "(?:[^"\\]|\\.)*")          # a backslash takes the next character as it is
  | (?P<null>   <null>)
  | (?P<sign>   [()+:=])
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Token:
    kind: str  # the name of its group in _TOKEN, or "end"
    text: str
    position: int

    def is_word(self, *words: str) -> bool:
        return self.kind == "word" and self.text.lower() in words

    def is_sign(self, sign: str) -> bool:
        return self.kind == "sign" and self.text == sign

    def __str__(self) -> str:
        return "the end" if self.kind == "end" else f"'{self.text}'"


def _tokens(text: str) -> Iterator[_Token]:
    position = 0
    while position < len(text):
        found = _TOKEN.match(text, position)
        if found is None:
            character = text[position]
            reason = _UNREADABLE.get(character) or _NEEDS_QUOTES.format(repr(character))
            raise SelectionError(text, position, reason)
        kind = found.lastgroup or ""
        if kind != "space":
            yield _Token(kind=kind, text=found.group(), position=position)
        position = found.end()
    yield _Token(kind="end", text="", position=len(text))


@dataclass(slots=True, kw_only=True)
class _Reader:
    """The tokens of one text, and how far they have been read."""

    text: str
    tokens: list[_Token]
    at: int = 0

    @property
    def next(self) -> _Token:
        return self.tokens[self.at]

    @property
    def after_next(self) -> _Token:
        return self.tokens[self.at + 1]  # asked only where the next one is not the end

    def take(self) -> _Token:
        token = self.next
        self.at += 1
        return token

    def take_sign(self, sign: str) -> bool:
        found = self.next.is_sign(sign)
        self.at += found
        return found

    def refuse(self, message: str, token: _Token | None = None) -> SelectionError:
        return SelectionError(self.text, (token or self.next).position, message)


# --- tokens -> steps: operators wait until one that binds less comes by (the shunting yard) ----------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Opened:
    """A parenthesis that waits for its end: what stood before it, and where."""

    token: _Token
    up: Up | None
    function: Roots | Sinks | None


_Waiting = _Opened | Not | And | Or
_BINDS = {Or: _OR, And: _AND, Not: _NOT}


def read(text: str) -> tuple[Step, ...]:
    """The steps that ``text`` says; raises SelectionError with the place of what is wrong."""
    reader = _Reader(text=text, tokens=list(_tokens(text)))
    steps: list[Step] = []
    waiting: list[_Waiting] = []
    while True:
        _read_operand(reader, steps, waiting)
        while reader.next.is_sign(")"):
            _read_closing(reader, steps, waiting)
        operator = _read_operator(reader)
        opened = _settle(steps, waiting, operator)
        if operator is not None:
            waiting.append(operator)
        elif opened is not None:
            raise reader.refuse("this '(' is never closed.", opened.token)
        else:
            return tuple(steps)


def _settle(steps: list[Step], waiting: list[_Waiting], by: And | Or | None) -> _Opened | None:
    """Give out the operators that wait and bind no less than ``by``; the '(' that they stop at, if any."""
    while waiting:
        last = waiting[-1]
        if isinstance(last, _Opened):
            return last
        if by is not None and _BINDS[type(last)] < _BINDS[type(by)]:
            return None
        steps.append(last)
        waiting.pop()
    return None


def _read_operand(reader: _Reader, steps: list[Step], waiting: list[_Waiting]) -> None:
    """One leaf, with every ``not``, ``(``, ``roots(`` and ``sinks(`` before it."""
    while True:
        if reader.next.is_word("not"):
            reader.take()
            waiting.append(Not())
            continue
        up = _read_up(reader)
        opened = _read_opening(reader, up)
        if opened is None:
            break
        waiting.append(opened)
    leaf = _read_leaf(reader, up)
    steps.append(leaf)
    if not isinstance(leaf, Everything):
        steps.extend(_widened(up, _read_down(reader)))


def _read_opening(reader: _Reader, up: Up | None) -> _Opened | None:
    function = None
    if reader.next.is_word("roots", "sinks") and reader.after_next.is_sign("("):
        function = Roots() if reader.take().is_word("roots") else Sinks()
    token = reader.next
    return _Opened(token=token, up=up, function=function) if reader.take_sign("(") else None


def _read_closing(reader: _Reader, steps: list[Step], waiting: list[_Waiting]) -> None:
    opened = _settle(steps, waiting, None)
    if opened is None:
        raise reader.refuse("this ')' closes nothing.")
    waiting.pop()
    reader.take()
    if opened.function is not None:
        steps.append(opened.function)
    steps.extend(_widened(opened.up, _read_down(reader)))


def _read_operator(reader: _Reader) -> And | Or | None:
    """The operator between two operands, or None at the end of the text."""
    token = reader.next
    if token.kind == "end":
        return None
    if token.is_word("and", "or"):
        return And() if reader.take().is_word("and") else Or()
    if token.is_sign(":") or token.is_sign("="):
        raise reader.refuse(_NEEDS_QUOTES.format(token))
    if token.is_sign("+"):
        raise reader.refuse("'+' cannot stand here: one on each side, of a key, an attribute or (...).")
    raise reader.refuse(f"expected 'and', 'or' or the end, found {token}; write 'or' to select both.")


def _read_up(reader: _Reader) -> Up | None:
    if reader.next.kind == "digits" and reader.after_next.is_sign("+"):
        depth = _read_depth(reader)
        reader.take()
        return Up(depth=depth)
    return Up() if reader.take_sign("+") else None


def _read_down(reader: _Reader) -> Down | None:
    if not reader.take_sign("+"):
        return None
    return Down(depth=_read_depth(reader)) if reader.next.kind == "digits" else Down()


def _read_depth(reader: _Reader) -> int:
    if len(reader.next.text) > _LONGEST_DEPTH:
        raise reader.refuse(f"a depth has at most {_LONGEST_DEPTH} digits; '+' alone goes all the way.")
    return int(reader.take().text)


def _widened(up: Up | None, down: Down | None) -> list[Step]:
    if up is not None and down is not None:
        return [Both(up=up.depth, down=down.depth)]
    return [step for step in (up, down) if step is not None]


def _read_leaf(reader: _Reader, up: Up | None) -> Leaf:
    token = reader.next
    if token.kind == "word" and token.text == "*":
        if up is not None:
            raise reader.refuse("'*' takes no '+'; write (*).")
        reader.take()
        return Everything()
    if token.kind == "word" and reader.after_next.is_sign(":"):
        return _read_attribute(reader)
    if token.kind == "string" or (token.kind == "word" and not token.is_word(*_RESERVED)):
        reader.take()
        return Named(name=_unquoted(token), text=reader.text, position=token.position)
    if token.kind == "digits":
        raise reader.refuse(f"{token} is a depth, and '+' must follow it; a key that begins so needs quotes.")
    raise reader.refuse(f"expected something to select, such as a key or group:market, found {token}.")


def _read_attribute(reader: _Reader) -> Leaf:
    attribute = reader.take()
    if attribute.text not in _ATTRIBUTES:
        known = f"{', '.join(_ATTRIBUTES)}.{near_miss(attribute.text, _ATTRIBUTES)}"
        raise reader.refuse(f"'{attribute.text}:' is no attribute; there are {known}", attribute)
    reader.take()  # the colon
    token = reader.next
    value = _read_value(reader, attribute.text)
    match attribute.text, value:
        case "group", _:
            return Group(pattern=value)
        case "kind", _:
            return Kind(name=value)
        case "owner", _:
            return Owner(name=value)
        case _, None:
            raise reader.refuse(f"'{attribute.text}:' has no <null>.", token)
        case "key", str():
            return Key(pattern=value)
        case "tag", str():
            return Tag(name=value, value=(_read_value(reader, "tag") or "") if reader.take_sign("=") else "")
        case "is", "external":
            return Is(what="external")
        case "is", "materializable":
            return Is(what="materializable")
    remedy = near_miss(value or "", ("external", "materializable"))
    raise reader.refuse(f"'is:' knows external and materializable, not '{value}'.{remedy}", token)


def _read_value(reader: _Reader, attribute: str) -> str | None:
    token = reader.next
    if token.kind not in ("word", "string", "null") or token.is_word(*_RESERVED):
        quotes = "; in quotes, if it is the value" if token.kind in ("word", "digits") else ""
        raise reader.refuse(f"'{attribute}:' needs a value here, found {token}{quotes}.")
    if token.kind == "word" and "*" in token.text and attribute not in _WITH_WILDCARD:
        raise reader.refuse(f"'{attribute}:' knows no wildcard; quotes make '*' an ordinary character.")
    reader.take()
    return None if token.kind == "null" else _unquoted(token)


def _unquoted(token: _Token) -> str:
    return token.text if token.kind != "string" else re.sub(r"(?s)\\(.)", r"\1", token.text[1:-1])
