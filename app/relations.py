"""The documentation of the relations that HAL links name: a page of HTML for each, to which the CURIE `lab` leads."""

from typing import NamedTuple


class Relation(NamedTuple):
    """What a relation leads to: a sentence, and further paragraphs of HTML."""

    summary: str
    paragraphs: tuple[str, ...]


RELATIONS = {
    "statements": Relation(
        "The statements of this service.",
        (
            "<code>POST</code> a batch of orders as <code>application/json</code>, without an <code>id</code> in the"
            " URL. The answer is the statement. Each customer in it is a <code>lab:customer</code>.",
            "If the link is a template, a statement can also be made later. <code>POST</code> the batch with"
            " <code>Prefer: respond-async</code>. The answer 202 has the URL of the statement in <code>Location</code>."
            " <code>GET</code> it: 202 says that it is not made yet, 200 has it, for an hour."
            " <code>id</code> in the template is the last part of that URL.",
            "Where the service knows its callers, only the one who sent a batch gets its statement; others get 404.",
        ),
    ),
    "customers": Relation(
        "The customers of a statement, page by page.",
        (
            "<code>GET</code> the link. Each page embeds some customers as <code>lab:customer</code>, the largest"
            " net amount first.",
            "The links <code>first</code>, <code>prev</code>, <code>next</code> and <code>last</code> lead to other"
            " pages. The last page has no <code>next</code>. <code>up</code> leads to the statement.",
        ),
    ),
    "customer": Relation(
        "What one customer ordered.",
        (
            "Members: <code>id</code>, <code>name</code>, the number of <code>orders</code>, the moments of the"
            " <code>first</code> and the <code>last</code>, <code>units</code>, the amounts <code>gross</code>,"
            " <code>refunded</code>, <code>open</code> and <code>net</code>, then <code>skus</code>, <code>tags</code>"
            " and <code>channels</code>. Amounts are integers in the smallest unit of the statement's currency.",
            "<code>self</code> is the URL of the customer. In a statement that is made at once, a customer has none.",
        ),
    ),
}

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>lab:{name}</title>
<h1>lab:{name}</h1>
<p>{summary}</p>
{paragraphs}
<p>Other relations: {others}. <a href="{home}">Home</a>.</p>
</html>
"""


def page(name: str, relation: Relation, home: str) -> str:
    """The documentation of a relation as HTML."""
    others = ", ".join([f'<a href="{other}">lab:{other}</a>' for other in RELATIONS if other != name])
    paragraphs = "\n".join([f"<p>{each}</p>" for each in relation.paragraphs])
    return _PAGE.format(name=name, summary=relation.summary, paragraphs=paragraphs, others=others, home=home)
