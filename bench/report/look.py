"""The colours of the page and its plots, each with a light and a dark value, safe for colour-blind readers.

Plots are drawn once, in light colours. A style sheet made from `PALETTE` replaces each with its dark value. The hues
are those of Okabe and Ito, "Color Universal Design", 2008, shifted where their contrast with the page was below 3 : 1.
"""

from __future__ import annotations

PALETTE = {  # name: (light, dark)
    "page": ("#ffffff", "#14181c"),
    "raised": ("#f4f6f8", "#1d2329"),
    "ink": ("#1b2026", "#e8ebee"),
    "muted": ("#57606a", "#a3adb8"),
    "line": ("#d5dbe1", "#38414a"),
    "band": ("#e9edf1", "#2a3138"),
    "blue": ("#0072b2", "#56b4e9"),
    "orange": ("#d55e00", "#f0a04b"),
    "green": ("#00795c", "#2fc59a"),
    "purple": ("#a8508a", "#dd96c4"),
    "yellow": ("#8f7a00", "#f0e442"),
    "grey": ("#7b858f", "#8d97a1"),
}
LIGHT = {name: light for name, (light, _) in PALETTE.items()}
SERIES = ("blue", "orange", "green", "purple", "yellow", "ink")


def variables(dark: bool) -> str:
    """CSS custom properties, one for each colour."""
    return " ".join(f"--{name}: {both[dark]};" for name, both in PALETTE.items())


def recoloured() -> str:
    """CSS rules that replace each light colour of a plot with its dark value."""
    rules = [
        f'.plot [{kind}="{light}"] {{ {kind}: {dark}; }}'
        for light, dark in PALETTE.values()
        for kind in ("fill", "stroke")
    ]
    return "\n".join(rules)
