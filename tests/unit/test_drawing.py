"""Drawing: plots of the same figures are the same on every processor."""

from bench.report import drawing


def test_positions_are_rounded_and_figures_are_not() -> None:
    svg = (
        '<path aria-label="0.12345" transform="translate(132.8531625169089,67.5)" d="M3.35449,0"/><text>1.23456</text>'
    )
    assert drawing.rounded(svg) == (
        '<path aria-label="0.12345" transform="translate(132.85,67.5)" d="M3.35,0"/><text>1.23456</text>'
    )
