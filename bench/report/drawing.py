"""Drawing: charts to SVG, colours, and axes with room for their labels.

Plots are drawn here and not in the reader's browser: all of them are smaller than the scripts that would draw them, and
they look the same in print.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import altair as alt
import vl_convert

from bench.report.look import LIGHT, SERIES

Chart = alt.Chart | alt.LayerChart | alt.VConcatChart | alt.HConcatChart | alt.FacetChart
Record = dict[str, Any]

GEOMETRY = re.compile(r'(?<= )(?:transform|d|[xy]2?|width|height|points)="[^"]*"')  # attributes of SVG
LONG = re.compile(r"\d+\.\d{3,}")

CONFIG: dict[str, Any] = {  # of Vega-Lite
    "autosize": {"type": "fit", "contains": "padding"},
    "background": "transparent",
    "font": "system-ui, sans-serif",
    "axis": {
        "aria": False,
        "labelColor": LIGHT["ink"],
        "labelFontSize": 12,
        "labelLimit": 200,
        "titleColor": LIGHT["muted"],
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "gridColor": LIGHT["line"],
        "domainColor": LIGHT["line"],
        "tickColor": LIGHT["line"],
    },
    "axisY": {"domain": False, "ticks": False},
    "legend": {"disable": True},
    "header": {"labelColor": LIGHT["ink"], "labelFontSize": 12},
    "text": {"color": LIGHT["ink"], "fontSize": 12},
    "view": {"stroke": None},
}


def svg(chart: Chart, **config: Any) -> str:
    """The chart as an SVG element; `config` takes precedence over `CONFIG`."""
    return rounded(str(vl_convert.vegalite_to_svg(chart.configure(**CONFIG | config).to_dict())))


def draw(chart: Chart, name: str) -> str:
    """The chart as an SVG element, its ids prefixed with `name`, so that they are unique on the page."""
    return svg(chart).replace('id="', f'id="{name}-').replace("url(#", f"url(#{name}-")


def rounded(svg: str) -> str:
    """The SVG with its positions to a hundredth of a pixel: further digits depend on the processor."""
    return GEOMETRY.sub(lambda geometry: LONG.sub(lambda found: f"{float(found[0]):.2f}", geometry[0]), svg)


def keys(names: Sequence[str], first: str | None = None) -> list[tuple[str, str]]:
    """Names with the colours of the series in turn. `first`, if given, is the colour of the first name."""
    cycle = ([first] if first else []) + [*SERIES] * len(names)
    return list(zip(names, cycle, strict=False))


def hues(named: Iterable[tuple[str, str]]) -> alt.Scale:
    """The scale of names with colours."""
    names, colours = zip(*named, strict=True)
    return alt.Scale(domain=list(names), range=[LIGHT[colour] for colour in colours])


def sheet(data: Iterable[Record], width: int, height: Any) -> alt.Chart:
    """An empty chart of `data`, `width` pixels wide and `height` pixels high (or an `alt.Step` per row)."""
    return alt.Chart(alt.InlineData(values=list(data)), width=width, height=height)


def names_axis(names: Iterable[str]) -> alt.Axis:
    """An axis with room for labels in the reader's font, which may be wider than the font that measures them here."""
    return alt.Axis(minExtent=extent(names))


def extent(names: Iterable[str]) -> int:
    """The pixels that the longest of `names` may need."""
    return 7 * max(map(len, names), default=0)
