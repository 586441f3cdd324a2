"""The report's plots, as SVG that takes its colours from the page.

matplotlib draws with the placeholder colours of `PAPER`; they become CSS variables, so that one picture serves light
and dark. Text stays text. Ids are numbered, coordinates have two decimals and nothing says when it was drawn, so the
same data give the same bytes.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    Series = NDArray[np.float64]

INK, MUTED, GRID, SURFACE = "#101112", "#707172", "#d0d1d2", "#fefdfc"
MAIN, OTHER, LOSS = "#010a01", "#010a02", "#010a03"
LAYERS = tuple(f"#020b{number:02x}" for number in range(10))
PAPER = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--line)",
    SURFACE: "var(--paper)",
    MAIN: "var(--main)",
    OTHER: "var(--other)",
    LOSS: "var(--loss)",
    **{colour: f"var(--layer-{number})" for number, colour in enumerate(LAYERS)},
}
"""What each placeholder stands for in the page's style."""

_STYLE: Any = {
    "svg.fonttype": "none",
    "font.family": ["sans-serif"],
    "font.size": 10.5,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "figure.facecolor": "none",
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "ytick.left": False,
    "lines.linewidth": 1.4,
    "path.simplify": True,
    "path.simplify_threshold": 0.4,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A line with its name, over ``sessions``; NaN leaves a gap."""

    name: str
    sessions: Sequence[date]
    values: Series


def equity_plot(curves: Sequence[Curve], *, prefix: str, description: str) -> str:
    """Equity in US dollars, on a logarithmic scale; the first curve is the strategy."""
    figure, (axes,) = _figure(1, height=3.9)
    for curve, colour, width in zip(curves, (MAIN, OTHER), (1.8, 1.2), strict=False):
        axes.plot(_days(curve), curve.values, color=colour, linewidth=width)
    axes.set_yscale("log")
    _dollars(axes)
    _name_at_end(axes, curves, (MAIN, OTHER))
    return _svg(figure, prefix, description)


def drawdown_plot(curves: Sequence[Curve], *, prefix: str, description: str) -> str:
    """How far below their highest equity the curves were; fractions in, percent shown."""
    figure, (axes,) = _figure(1, height=2.7)
    strategy, *others = curves
    axes.fill_between(_days(strategy), strategy.values, 0, color=LOSS, alpha=0.35, linewidth=0)
    axes.plot(_days(strategy), strategy.values, color=LOSS, linewidth=0.9)
    for other in others:
        axes.plot(_days(other), other.values, color=OTHER, linewidth=0.9, linestyle=(0, (3, 1.2)))
    axes.set_ylim(top=0)
    _percents(axes)
    _name_at_end(axes, curves, (LOSS, OTHER))
    return _svg(figure, prefix, description)


def weights_plot(layers: Sequence[Curve], *, prefix: str, description: str) -> str:
    """Weights over time, stacked to the whole, the first at the bottom; fractions in, percent shown."""
    figure, (axes,) = _figure(1, height=3.9)
    colours = [LAYERS[number % len(LAYERS)] for number in range(len(layers))]
    axes.stackplot(
        _days(layers[0]),
        [layer.values for layer in layers],
        colors=colours,
        edgecolor=SURFACE,
        linewidth=0.4,
    )
    axes.set_ylim(0, 1)
    axes.margins(x=0)
    axes.grid(visible=False)
    _percents(axes)
    middle = 0.0
    ends = []
    for layer in layers:
        ends.append(middle + float(layer.values[-1]) / 2)
        middle += float(layer.values[-1])
    names = [f"{layer.name} {float(layer.values[-1]) * 100:.0f} %" for layer in layers]
    _labels_right(axes, names, ends, colours, (0, 1))
    return _svg(figure, prefix, description)


def indicator_plot(panel: dict[str, Curve], *, prefix: str, description: str) -> str:
    """Close with Bollinger bands, RSI, and MACD with its signal, one above the other.

    ``panel`` has ``close``, ``bb_upper``, ``bb_middle``, ``bb_lower``, ``rsi_14``, ``macd``, ``macd_signal`` and
    ``macd_histogram``.
    """
    figure, (price, rsi, macd) = _figure(3, height=6.0, ratios=(2.6, 1.1, 1.3))
    days = _days(panel["close"])
    price.fill_between(
        days, panel["bb_lower"].values, panel["bb_upper"].values, color=OTHER, alpha=0.16, linewidth=0
    )
    price.plot(days, panel["bb_middle"].values, color=OTHER, linewidth=1)
    price.plot(days, panel["close"].values, color=MAIN, linewidth=1.6)
    price.set_ylabel("close and\nBollinger 20/2")
    _name_at_end(price, [panel["close"], panel["bb_middle"]], (MAIN, OTHER))
    rsi.plot(days, panel["rsi_14"].values, color=MAIN, linewidth=1.2)
    rsi.set_ylim(0, 100)
    rsi.set_yticks([30, 70])
    rsi.set_ylabel("RSI 14")
    _name_at_end(rsi, [panel["rsi_14"]], (MAIN,))
    histogram = panel["macd_histogram"].values
    macd.bar(days, histogram, width=1.0, color=OTHER, alpha=0.5, linewidth=0)
    macd.plot(days, panel["macd"].values, color=MAIN, linewidth=1.2)
    macd.plot(days, panel["macd_signal"].values, color=LOSS, linewidth=1)
    macd.set_ylabel("MACD 12/26/9")
    _name_at_end(macd, [panel["macd"], panel["macd_signal"]], (MAIN, LOSS))
    figure.align_ylabels([price, rsi, macd])
    return _svg(figure, prefix, description)


def _figure(rows: int, *, height: float, ratios: tuple[float, ...] | None = None) -> tuple[Figure, Any]:
    from matplotlib.figure import Figure

    with _styled():
        figure = Figure(figsize=(8.6, height), layout="constrained")
        axes = figure.subplots(rows, 1, sharex=True, squeeze=False, height_ratios=ratios)
    return figure, axes[:, 0]


@contextmanager
def _styled() -> Iterator[None]:
    """This page's style on top of matplotlib's defaults, whatever the person at the keyboard prefers."""
    import matplotlib as mpl

    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def _days(curve: Curve) -> NDArray[np.datetime64]:
    import numpy as np

    return np.array(curve.sessions, dtype="datetime64[D]")


def _percents(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter

    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda value, _: f"{value * 100:.0f} %".replace("-", "\u2212"))
    )


def _dollars(axes: Axes) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    def shown(value: float, _: float) -> str:
        for unit, letter in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
            if value >= unit:
                return f"${value / unit:g} {letter}"
        return f"${value:g}"

    axes.yaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 5), numticks=12))
    axes.yaxis.set_major_formatter(FuncFormatter(shown))
    axes.yaxis.set_minor_formatter(NullFormatter())


def _name_at_end(axes: Axes, curves: Sequence[Curve], colours: Sequence[str]) -> None:
    """Each curve's name beside its last value, instead of a legend."""
    import numpy as np

    axes.margins(x=0.005)
    low, high = axes.get_ylim()
    ends = [float(np.append(0.0, curve.values[np.isfinite(curve.values)])[-1]) for curve in curves]
    _labels_right(axes, [curve.name for curve in curves], ends, colours, (low, high))


def _labels_right(
    axes: Axes,
    names: Sequence[str],
    ends: Sequence[float],
    colours: Sequence[str],
    limits: tuple[float, float],
) -> None:
    """Names to the right of the plot at the heights ``ends``, moved apart so that none covers another."""
    import numpy as np

    scale = axes.get_yaxis_transform().transform
    bottom, top = scale((1, limits[0]))[1], scale((1, limits[1]))[1]
    places = [(scale((1, end))[1] - bottom) / (top - bottom) for end in ends]
    gap = 0.17 * axes.figure.dpi / axes.bbox.height  # the height of a line of text
    order = np.argsort(places, kind="stable")
    settled: dict[int, float] = {}
    floor = -1.0
    for number in order.tolist():
        floor = max(places[number], floor + gap)
        settled[number] = floor
    over = max(0.0, floor - 1.0)
    for number, name in enumerate(names):
        at = settled[number] - over
        axes.plot(
            [1.012, 1.03], [at, at], transform=axes.transAxes, color=colours[number], lw=4, clip_on=False
        )
        axes.text(1.042, at, name, transform=axes.transAxes, color=INK, va="center", ha="left", fontsize=10)


def _svg(figure: Figure, prefix: str, description: str) -> str:
    """The figure as an SVG element for this page; ``prefix`` keeps its ids apart from those of other figures."""
    from io import StringIO

    written = StringIO()
    with _styled():
        figure.savefig(
            written, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None}
        )
    svg = written.getvalue()
    svg = svg[svg.index("<svg") :]
    for part in ("metadata", "style"):  # the page has its own
        svg = re.sub(rf"<{part}[ >].*?</{part}>", "", svg, flags=re.DOTALL)
    svg = re.sub(r"(\d+\.\d\d)\d+", r"\1", svg)
    svg = _with_own_ids(svg, prefix)
    for colour, variable in PAPER.items():
        svg = svg.replace(colour, variable)
    title = f'<title id="{prefix}-title">{html.escape(description)}</title>'
    return re.sub(
        r"<svg [^>]*?viewBox=\"([^\"]*)\"[^>]*>",
        lambda found: f'<svg role="img" aria-labelledby="{prefix}-title" viewBox="{found[1]}">{title}',
        svg,
        count=1,
    ).strip()


def _with_own_ids(svg: str, prefix: str) -> str:
    """The ids that are referred to, numbered; the others removed."""
    wanted = list(dict.fromkeys(re.findall(r'(?:url\(#|xlink:href="#|href="#)([^)"]+)', svg)))
    number = {name: f"{prefix}-{place}" for place, name in enumerate(wanted)}
    svg = re.sub(
        r' id="([^"]*)"', lambda found: f' id="{number[found[1]]}"' if found[1] in number else "", svg
    )
    svg = re.sub(r"url\(#([^)]+)\)", lambda found: f"url(#{number[found[1]]})", svg)
    return re.sub(r'(?:xlink:)?href="#([^"]+)"', lambda found: f'href="#{number[found[1]]}"', svg)
