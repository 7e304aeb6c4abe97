"""The bills of a batch of orders: one per customer of its statement."""

from msgspec import Struct
from msgspec.json import encode

from billing.batches import batch_of
from billing.bulkhead import Bulkhead
from billing.caller import Caller
from billing.calls import Calls
from billing.settings import Settings
from billing.statements import Statement, Statements


class Bill(Struct, frozen=True):
    """What a customer has to pay for open orders, in the smallest unit of the currency."""

    id: int
    name: str
    due: int
    currency: str


class Bills(Struct, frozen=True):
    """The bills of a batch, in the order of its statement."""

    batch: str
    bills: list[Bill]


def bills_of(statement: Statement) -> Bills:
    """One bill per customer, also for one who has nothing to pay."""
    each = [Bill(customer.id, customer.name, customer.due, statement.currency) for customer in statement.customers]
    return Bills(statement.batch, each)


class Billing:
    """What the applications of each interface share. `bulkhead` is entered around each call of `answer`."""

    def __init__(self, settings: Settings) -> None:
        self.max_bytes = settings.max_bytes
        self.bulkhead = Bulkhead(settings.calls)
        self._calls = Calls(settings)
        self._statements = Statements(settings)

    def answer(self, document: bytes, caller: Caller) -> bytes:
        """The bills of a batch, as JSON. It blocks until the deadline at most. Raises Problem."""
        batch = batch_of(document)  # not a call: what is wrong with it says nothing of `statements`
        statement = self._calls.made(lambda: self._statements.of(batch, caller))
        return encode(bills_of(statement))
