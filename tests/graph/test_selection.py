"""The selection language: what its texts say, what they select, what they refuse, and its laws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import networkx as nx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graph import selection as select
from graph.selection import Selection, SelectionError, parse


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeLabels:
    tags: Mapping[str, str] = field(default_factory=dict)
    kinds: tuple[str, ...] = ()
    owners: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeAsset:
    key: str
    group: str
    labels: FakeLabels
    is_source: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeGraph:
    assets: Mapping[str, FakeAsset]
    upstream_of: Mapping[str, tuple[str, ...]]
    downstream_of: Mapping[str, tuple[str, ...]]


def graph_of(
    upstream: Mapping[str, tuple[str, ...]],
    labels: Mapping[str, FakeLabels] | None = None,
    sources: frozenset[str] = frozenset(),
) -> FakeGraph:
    """A graph of edges that are given upstream first; the group is the first part of the key."""
    downstream: dict[str, list[str]] = {key: [] for key in upstream}
    for key, ups in upstream.items():
        for up in ups:
            downstream[up].append(key)
    return FakeGraph(
        assets={
            key: FakeAsset(
                key=key,
                group=key.rpartition("/")[0],
                labels=(labels or {}).get(key, FakeLabels()),
                is_source=key in sources,
            )
            for key in upstream
        },
        upstream_of=upstream,
        downstream_of={key: tuple(below) for key, below in downstream.items()},
    )


# holdings is a source; eta has a `prices` of its own
SHOP = graph_of(
    {
        "market/universe": (),
        "market/prices": ("market/universe",),
        "market/returns": ("market/prices",),
        "trading/holdings": (),
        "trading/orders": ("market/returns", "trading/holdings"),
        "eta/trips": (),
        "eta/prices": ("eta/trips",),
    },
    labels={
        "market/universe": FakeLabels(kinds=("python",), owners=("team:quant",)),
        "market/prices": FakeLabels(kinds=("python", "sql"), tags={"tier": "gold", "hot": ""}),
        "market/returns": FakeLabels(kinds=("sql",), tags={"tier": "silver"}),
        "trading/holdings": FakeLabels(kinds=("sql",), tags={"tier": "gold"}, owners=("a@b.io",)),
        "trading/orders": FakeLabels(tags={"dagster/x": "and so on"}, owners=("a@b.io", "team:quant")),
    },
    sources=frozenset({"trading/holdings"}),
)


# --- text -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "selection", "printed"),
    [
        pytest.param("prices", select.named("prices"), "prices", id="a bare last part"),
        pytest.param("market/prices", select.named("market/prices"), "market/prices", id="a bare key"),
        pytest.param('"2020/gdp"', select.named("2020/gdp"), '"2020/gdp"', id="a bare key in quotes"),
        pytest.param("brk-b.us", select.named("brk-b.us"), "brk-b.us", id="a key with - and ."),
        pytest.param("größe", select.named("größe"), "größe", id="a key in another alphabet"),
        pytest.param("status", select.named("status"), "status", id="a key that is a word of Dagster's"),
        pytest.param("tag", select.named("tag"), "tag", id="a key that is an attribute's name"),
        pytest.param("roots+", select.named("roots").downstream(), "roots+", id="a key named as a function"),
        pytest.param("Android", select.named("Android"), "Android", id="a key that begins with 'and'"),
        pytest.param('"or"', select.named("or"), '"or"', id="a key named as an operator, in quotes"),
        pytest.param("key:a", select.key("a"), "key:a", id="key"),
        pytest.param('key : "a/b"', select.key("a/b"), "key:a/b", id="quotes and spaces that are not needed"),
        pytest.param("key:*/a", select.key("*/a"), 'key:"*/a"', id="a wildcard without quotes"),
        pytest.param("key:*", select.key("*"), 'key:"*"', id="a wildcard alone"),
        pytest.param('key:"a b"', select.key("a b"), 'key:"a b"', id="a value with a space"),
        pytest.param(r'key:"a\"b\\c"', select.key('a"b\\c'), r'key:"a\"b\\c"', id="escapes"),
        pytest.param('key:""', select.key(""), 'key:""', id="an empty value"),
        pytest.param("group:mark*", select.group("mark*"), 'group:"mark*"', id="a group with a wildcard"),
        pytest.param("group:<null>", select.group(None), "group:<null>", id="no group"),
        pytest.param("tag:k=v", select.tag("k", "v"), "tag:k=v", id="tag with a value"),
        pytest.param("tag:k", select.tag("k"), "tag:k", id="tag without a value"),
        pytest.param("tag:k=<null>", select.tag("k"), "tag:k", id="tag with an absent value"),
        pytest.param('tag:k=""', select.tag("k"), "tag:k", id="tag with an empty value"),
        pytest.param('tag:"a=b"="c"', select.tag("a=b", "c"), 'tag:"a=b"=c', id="a tag's name with ="),
        pytest.param("kind:<null>", select.kind(None), "kind:<null>", id="no kind"),
        pytest.param('owner:"a@b.io"', select.owner("a@b.io"), 'owner:"a@b.io"', id="owner"),
        pytest.param("is:external", select.external(), "is:external", id="sources"),
        pytest.param("is:materializable", select.materializable(), "is:materializable", id="built here"),
        pytest.param("*", select.everything(), "*", id="everything"),
        pytest.param("+a", select.named("a").upstream(), "+a", id="upstream"),
        pytest.param("a+", select.named("a").downstream(), "a+", id="downstream"),
        pytest.param("+a+1", select.named("a").around(down=1), "+a+1", id="both ways"),
        pytest.param("2 + key:a + 10", select.key("a").around(2, 10), "2+key:a+10", id="depths, spaces"),
        pytest.param("0+key:a", select.key("a").upstream(0), "0+key:a", id="depth 0 is kept"),
        pytest.param("(+a)+", select.named("a").upstream().downstream(), "(+a)+", id="one after the other"),
        pytest.param("(*)+", select.everything().downstream(), "(*)+", id="* takes + in parentheses"),
        pytest.param("2+(a or b)+", None, "2+(a or b)+", id="+ round parentheses"),
        pytest.param("+roots(a)+3", select.named("a").roots().around(down=3), "+roots(a)+3", id="+ on roots"),
        pytest.param("sinks ( * )", select.everything().sinks(), "sinks(*)", id="sinks"),
        pytest.param("not a", ~select.named("a"), "not a", id="not"),
        pytest.param("not not a", ~~select.named("a"), "not not a", id="not not"),
        pytest.param("not a+", ~select.named("a").downstream(), "not a+", id="+ binds more than not"),
        pytest.param("(not a)+", (~select.named("a")).downstream(), "(not a)+", id="unless in parentheses"),
        pytest.param(
            "not a and b", ~select.named("a") & select.named("b"), "not a and b", id="not before and"
        ),
        pytest.param(
            "not (a and b)", ~(select.named("a") & select.named("b")), "not (a and b)", id="not all"
        ),
        pytest.param(
            "a or b and c",
            select.named("a") | select.named("b") & select.named("c"),
            "a or b and c",
            id="and before or",
        ),
        pytest.param(
            "(a or b) and c",
            (select.named("a") | select.named("b")) & select.named("c"),
            "(a or b) and c",
            id="or before and, in parentheses",
        ),
        pytest.param("a and (b and c)", None, "a and (b and c)", id="grouping on the right is kept"),
        pytest.param("(a AND b) aNd c", None, "a and b and c", id="grouping on the left needs no words"),
        pytest.param("a\nOR\t( ( b ) )", None, "a or b", id="any space, any case"),
        pytest.param(
            "a and not b", select.named("a") - select.named("b"), "a and not b", id="minus is 'and not'"
        ),
    ],
)
def test_text_and_expression_say_the_same(text: str, selection: Selection | None, printed: str) -> None:
    assert str(parse(text)) == printed
    assert parse(printed) == parse(text)
    if selection is not None:
        assert parse(text) == selection


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        pytest.param("", 0, "expected something to select", id="nothing"),
        pytest.param("+", 1, "expected something to select", id="a plus alone"),
        pytest.param("key:a and", 9, "expected something to select", id="an operand is missing"),
        pytest.param("and key:a", 0, "expected something to select", id="an operator first"),
        pytest.param("()", 1, "expected something to select", id="nothing in parentheses"),
        pytest.param("+not key:a", 1, "expected something to select", id="+ on not"),
        pytest.param("<null>", 0, "expected something to select", id="null alone"),
        pytest.param("key:a key:b", 6, "write 'or' to select both", id="no operator between"),
        pytest.param("a not b", 2, "expected 'and', 'or'", id="not is no operator between"),
        pytest.param("a, b", 1, "write 'or' to select several", id="a comma"),
        pytest.param("**key:a", 0, "'**key:' is no attribute", id="two stars before key"),
        pytest.param("kee:a", 0, "Did you mean 'key'?", id="a misspelt attribute"),
        pytest.param("Key:a", 0, "Did you mean 'key'?", id="attributes are in lower case"),
        pytest.param("status:x", 0, "'status:' is no attribute", id="an attribute that we do not have"),
        pytest.param("key:", 4, "'key:' needs a value", id="no value"),
        pytest.param("tag:foo=", 8, "'tag:' needs a value", id="no value after ="),
        pytest.param("tag:a=b=c", 7, "'=' cannot stand here", id="two ="),
        pytest.param("group:and and a", 6, "in quotes, if it is the value", id="an operator as a value"),
        pytest.param("key:1a", 4, "in quotes, if it is the value", id="a value that begins with a digit"),
        pytest.param("kind:s*", 5, "knows no wildcard", id="a wildcard where there is none"),
        pytest.param("key:<null>", 4, "has no <null>", id="every asset has a key"),
        pytest.param("tag:<null>", 4, "has no <null>", id="every tag has a name"),
        pytest.param("is:observable", 3, "external and materializable", id="is:observable"),
        pytest.param("is:extrenal", 3, "Did you mean 'external'?", id="a misspelt is:"),
        pytest.param("owner:a@b.io", 7, "must be in double quotes", id="@ without quotes"),
        pytest.param("owner:team:a", 10, "must be in double quotes", id=": without quotes"),
        pytest.param('a or key:"b', 9, "this quote is never closed", id="an open quote"),
        pytest.param("a and (b or (c)", 6, "this '(' is never closed", id="an open parenthesis"),
        pytest.param("roots(a", 5, "this '(' is never closed", id="an open function"),
        pytest.param("a) or b", 1, "this ')' closes nothing", id="a parenthesis too many"),
        pytest.param("+*", 1, "write (*)", id="+ before everything"),
        pytest.param("*+", 1, "'+' cannot stand here", id="+ after everything"),
        pytest.param("a++", 2, "'+' cannot stand here", id="two + after"),
        pytest.param("1+2+a", 2, "is a depth", id="two depths before"),
        pytest.param("2 a", 0, "is a depth", id="a depth without +"),
        pytest.param("a+1b", 3, "write 'or' to select both", id="a word on a depth"),
        pytest.param("a+12345678901", 2, "at most 9 digits", id="a depth beyond all graphs"),
    ],
)
def test_an_unreadable_text_shows_the_place(text: str, position: int, message: str) -> None:
    with pytest.raises(SelectionError) as caught:
        parse(text)
    assert message in caught.value.message
    assert (caught.value.text, caught.value.position) == (text, position)


def test_an_error_reads_well() -> None:
    with pytest.raises(SelectionError) as caught:
        parse("group:market\n  and (kee:prices or b)")
    assert str(caught.value) == (
        "'kee:' is no attribute; there are key, group, tag, kind, owner, is. Did you mean 'key'?\n"
        "    and (kee:prices or b)\n"
        "         ^"
    )


def test_an_error_in_a_long_text_shows_the_part_around_it() -> None:
    text = " or ".join(f"key:a{i}" for i in range(100)) + " & b " + "or b " * 100
    with pytest.raises(SelectionError) as caught:
        parse(text)
    _, line, caret = str(caught.value).splitlines()
    assert line.startswith("  ...")
    assert line.endswith("...")
    assert len(line) < 120
    assert line[caret.index("^")] == "&"


# --- meaning ----------------------------------------------------------------------------------------------

ALL = "universe prices returns orders trips eta/prices"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("market/prices", "prices", id="a whole key"),
        pytest.param("orders", "orders", id="a unique last part"),
        pytest.param("holdings", "holdings", id="a source by its name"),
        pytest.param("market/*", "universe prices returns", id="a bare pattern"),
        pytest.param("key:prices", "", id="key: takes the whole key, and may find nothing"),
        pytest.param("key:*/prices", "prices eta/prices", id="key: with a wildcard"),
        pytest.param("key:m*/*s", "prices returns", id="wildcards in the middle"),
        pytest.param("key:trading/*", "holdings orders", id="key: finds sources"),
        pytest.param("key:zzz or group:nope", "", id="unknown values find nothing"),
        pytest.param("group:trading", "orders", id="a group, without its sources"),
        pytest.param("group:*a*", "universe prices returns orders trips eta/prices", id="groups by wildcard"),
        pytest.param("kind:sql", "prices returns", id="one kind of several"),
        pytest.param("kind:<null>", "orders trips eta/prices", id="no kind"),
        pytest.param("tag:tier=gold", "prices", id="a tag"),
        pytest.param("tag:tier", "", id="tag: alone means the empty value, not any"),
        pytest.param("tag:hot", "prices", id="and finds that"),
        pytest.param('tag:dagster/x="and so on"', "orders", id="a tag's value in quotes"),
        pytest.param('owner:"a@b.io"', "holdings orders", id="owners, with their sources"),
        pytest.param("owner:<null>", "", id="owner:<null> finds nothing, as in Dagster"),
        pytest.param("is:external", "holdings", id="sources"),
        pytest.param("is:materializable", ALL, id="all but sources"),
        pytest.param("*", ALL, id="everything that is built here"),
        pytest.param("not market/*", "orders trips eta/prices", id="not leaves the sources out"),
        pytest.param("+orders", "universe prices returns orders", id="all upstream but sources"),
        pytest.param("1+orders", "returns orders", id="upstream, one step"),
        pytest.param("0+orders", "orders", id="upstream, no step"),
        pytest.param("universe+2", "universe prices returns", id="downstream, two steps"),
        pytest.param("1+market/prices+1", "universe prices returns", id="one step both ways"),
        pytest.param("+holdings", "", id="a source is not upstream of itself"),
        pytest.param("holdings+", "holdings orders", id="but is downstream of itself"),
        pytest.param("roots(universe or returns)", "universe", id="roots look through what is not selected"),
        pytest.param("sinks(universe or returns)", "returns", id="and so do sinks"),
        pytest.param("roots(returns or trips)", "returns trips", id="several roots"),
        pytest.param("sinks(*)", "orders eta/prices", id="the sinks of everything"),
        pytest.param("not not holdings", "", id="a source does not come through not"),
    ],
)
def test_a_text_selects(text: str, expected: str) -> None:
    found = parse(text).resolve(SHOP)
    assert found == {parse_one(name) for name in expected.split()}
    assert isinstance(found, frozenset)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("*", f"{ALL} holdings", id="everything"),
        pytest.param("group:trading", "orders holdings", id="a group"),
        pytest.param("tag:tier=gold", "prices holdings", id="a tag"),
        pytest.param("kind:sql", "prices returns holdings", id="a kind"),
        pytest.param("1+orders", "returns orders holdings", id="upstream"),
        pytest.param("1+orders+1", "returns orders holdings", id="upstream and downstream"),
        pytest.param("not (market/* or eta/*)", "orders holdings", id="not"),
    ],
)
def test_with_sources_they_are_like_any_asset(text: str, expected: str) -> None:
    assert parse(text).resolve(SHOP, sources=True) == {parse_one(name) for name in expected.split()}


def parse_one(name: str) -> str:
    """The key of a short name of the shop, where `prices` is the market's."""
    return next(key for key in SHOP.assets if key == name or key.endswith(f"/{name}"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param(
            "kind:sql and +returs",
            "there is no asset 'returs'. Did you mean 'market/returns'?\n  kind:sql and +returs\n"
            + " " * 16
            + "^",
            id="a near miss, at its place",
        ),
        pytest.param(
            "prices+",
            "'prices' could be 'eta/prices' or 'market/prices'; write the one that you mean.\n  prices+\n  ^",
            id="two of that name",
        ),
        pytest.param(
            "market",
            "there is no asset 'market', but a group. Did you mean 'group:market'?\n  market\n  ^",
            id="a group's name",
        ),
        pytest.param("shop/*", "no asset has a key like 'shop/*'.\n  shop/*\n  ^", id="a pattern of none"),
    ],
)
def test_a_bare_key_has_to_find_its_asset(text: str, shown: str) -> None:
    selection = parse(text)
    with pytest.raises(SelectionError) as caught:
        selection.resolve(SHOP)
    assert str(caught.value) == shown


def test_many_candidates_are_named_in_part() -> None:
    graph = graph_of({f"g{i}/a": () for i in range(8)})
    with pytest.raises(SelectionError, match=r"'g0/a', 'g1/a', 'g2/a', 'g3/a', 'g4/a' or 3 more"):
        select.named("a").resolve(graph)


def test_a_part_of_a_key_is_a_last_part_at_a_slash_only() -> None:
    graph = graph_of({"eu/market/prices": (), "eu/market/list_prices": ()})
    assert select.named("prices").resolve(graph) == {"eu/market/prices"}
    assert select.named("market/prices").resolve(graph) == {"eu/market/prices"}


def test_a_selection_is_no_truth_value() -> None:
    with pytest.raises(TypeError, match="combine with"):
        select.group("market") and select.group("eta")


def test_a_negative_depth_is_refused() -> None:
    with pytest.raises(ValueError, match="not -1"):
        select.key("a").upstream(-1)


# --- laws -------------------------------------------------------------------------------------------------

names = st.one_of(st.sampled_from(["a", "market/prices", "and", "key", "roots", "*", "a*", "1a"]), st.text())
depths = st.one_of(st.none(), st.integers(0, 12))
leaves = st.one_of(
    st.builds(select.named, names),
    st.builds(select.key, names),
    st.builds(select.group, st.none() | names),
    st.builds(select.tag, names, st.just("") | names),
    st.builds(select.kind, st.none() | names),
    st.builds(select.owner, st.none() | names),
    st.sampled_from([select.external(), select.materializable(), select.everything()]),
)


def grown(smaller: st.SearchStrategy[Selection]) -> st.SearchStrategy[Selection]:
    return st.one_of(
        st.builds(Selection.__and__, smaller, smaller),
        st.builds(Selection.__or__, smaller, smaller),
        st.builds(Selection.__sub__, smaller, smaller),
        st.builds(Selection.__invert__, smaller),
        st.builds(Selection.upstream, smaller, depths),
        st.builds(Selection.downstream, smaller, depths),
        st.builds(Selection.around, smaller, depths, depths),
        st.builds(Selection.roots, smaller),
        st.builds(Selection.sinks, smaller),
    )


@given(st.recursive(leaves, grown, max_leaves=12))
def test_reading_is_the_inverse_of_printing(selection: Selection) -> None:
    assert parse(str(selection)) == selection
    assert hash(parse(str(selection))) == hash(selection)


words = "key: a + ( ) and or not * 1 roots( group:g tag:t = : <null> is:external n0 , **"
pieces = [*words.split(), '"', '"x"', "\\", "\n", " "]


@given(st.lists(st.sampled_from(pieces)).map("".join) | st.text())
def test_any_text_is_read_or_refused_with_a_place(text: str) -> None:
    try:
        selection = parse(text)
    except SelectionError as refusal:
        assert 0 <= refusal.position <= len(text)  # noqa: PT017  # either way something is promised
    else:
        assert parse(str(selection)) == selection


@st.composite
def graphs(draw: st.DrawFn) -> FakeGraph:
    """Up to eight assets in two groups, every edge going forward, some of them sources."""
    keys = [f"{draw(st.sampled_from('gh'))}/n{i}" for i in range(draw(st.integers(1, 8)))]
    upstream = {
        key: tuple(draw(st.lists(st.sampled_from(keys[:i]), unique=True)) if i else ())
        for i, key in enumerate(keys)
    }
    return graph_of(upstream, sources=frozenset(draw(st.sets(st.sampled_from(keys)))))


some = st.recursive(
    st.sampled_from([select.key(f"*n{i}") for i in range(4)] + [select.group("g"), select.external()]),
    grown,
    max_leaves=4,
)


@given(graphs(), some, some)
def test_with_sources_the_laws_of_sets_hold(graph: FakeGraph, a: Selection, b: Selection) -> None:
    def keys(selection: Selection) -> frozenset[str]:
        return selection.resolve(graph, sources=True)

    assert keys(~a) == graph.assets.keys() - keys(a)
    assert keys(a - b) == keys(a) - keys(b)
    assert keys(a & b) == keys(a) & keys(b) == keys(~(~a | ~b))
    assert keys(a | b) == keys(a) | keys(b)
    assert keys(a.around(1, 2)) == keys(a.upstream(1) | a.downstream(2))
    assert keys(a.upstream().upstream()) == keys(a.upstream())
    assert keys((a | b).upstream(2)) == keys(a.upstream(2) | b.upstream(2))
    assert keys(a.upstream(1).upstream(1)) == keys(a.upstream(2))


@given(graphs(), some, st.integers(0, 4))
def test_traversal_agrees_with_shortest_paths(graph: FakeGraph, a: Selection, depth: int) -> None:
    edges = nx.DiGraph()
    edges.add_nodes_from(graph.assets)
    edges.add_edges_from((up, key) for key, ups in graph.upstream_of.items() for up in ups)
    far = dict(nx.all_pairs_shortest_path_length(edges))
    chosen = a.resolve(graph, sources=True)

    def keys(selection: Selection) -> frozenset[str]:
        return selection.resolve(graph, sources=True)

    assert keys(a.downstream(depth)) == {to for key in chosen for to, d in far[key].items() if d <= depth}
    assert keys(a.upstream(depth)) == {
        key for key in far if any(far[key].get(c, 99) <= depth for c in chosen)
    }
    assert keys(a.roots()) == {c for c in chosen if not any(c in far[o] for o in chosen - {c})}
    assert keys(a.sinks()) == {c for c in chosen if not any(o in far[c] for o in chosen - {c})}


@given(graphs(), some)
def test_leaving_sources_out_only_ever_looks_at_them_less(graph: FakeGraph, a: Selection) -> None:
    without = graph_of(graph.upstream_of)
    assert a.resolve(without) == a.resolve(without, sources=True)


# --- size -------------------------------------------------------------------------------------------------

FAR = 10_000


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("(" * FAR + "key:a" + ")" * FAR, id="parentheses"),
        pytest.param("not " * FAR + "key:a", id="nots"),
        pytest.param("roots(" * FAR + "key:a" + ")" * FAR, id="functions"),
        pytest.param("+(" * FAR + "key:a" + ")+1" * FAR, id="traversals"),
        pytest.param(" or ".join(["key:a"] * FAR), id="alternatives"),
        pytest.param("key:a and (" * FAR + "key:a" + ")" * FAR, id="grouped on the right"),
    ],
)
def test_a_deep_or_long_expression_has_no_limit(text: str) -> None:
    selection = parse(text)
    assert parse(str(selection)) == selection
    assert selection.resolve(graph_of({"a": ()})) == {"a"}


def test_a_deep_graph_has_no_limit() -> None:
    chain = [f"g/n{i}" for i in range(FAR)]
    graph = graph_of({key: (chain[i - 1],) if i else () for i, key in enumerate(chain)})
    assert select.named(chain[-1]).upstream().resolve(graph) == set(chain)
    assert select.named(chain[0]).downstream(5_000).resolve(graph) == set(chain[:5_001])
    assert select.group("g").roots().resolve(graph) == {chain[0]}
    assert select.group("g").sinks().resolve(graph) == {chain[-1]}
