"""What the layer `metrics` counts: a row of cells for each route, method and status class, and some for the worker."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import product
from pathlib import Path
from threading import Lock
from zlib import crc32

from app.exposition import Family, Labels, Sample, counter, gauge, histogram
from app.observed import Asked
from app.routes import METHODS, OTHER, ROUTES, method_of, route_of
from app.slots import CELL_BYTES, Slots

BOUNDS = ("0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5",
          "1.0", "2.5", "10.0")  # fmt: skip # seconds
_bounds_ns = [round(float(bound) * 1e9) for bound in BOUNDS]

# The cells of a worker, and where the rows begin.
STARTS, IN_FLIGHT, LOST, FALLBACKS, LINES_LOST, SPANS_LOST, ROWS = range(7)
# The cells of a row. The buckets are last, and their sum is the number of requests.
NS, RECEIVED, SENT, BUCKETS = range(4)
ROW_CELLS = BUCKETS + len(BOUNDS) + 1
STATUSES = ("1xx", "2xx", "3xx", "4xx", "5xx")
SERIES = list(product((*ROUTES, OTHER), (*METHODS, OTHER), STATUSES))
CELLS = ROWS + len(SERIES) * ROW_CELLS
_row = {series: ROWS + place * ROW_CELLS for place, series in enumerate(SERIES)}
_unused = bytes(ROW_CELLS * CELL_BYTES)

TELLS = {
    FALLBACKS: ("statements_core_fallbacks_total", "Documents that the core left to the reference core."),
    LINES_LOST: ("statements_log_lines_lost_total", "Lines that the log's reader was too slow for."),
    SPANS_LOST: ("statements_spans_lost_total", "Spans that did not reach the collector."),
}

Told = Mapping[int, Callable[[], int]]  # a cell, and what the process itself counts: it never decreases


def file_in(folder: Path) -> Path:
    """The file of the counters. A version of the service that counts other things has another one."""
    return folder / f"{crc32(repr((SERIES, BOUNDS, ROW_CELLS, ROWS)).encode()):08x}.cells"


class Meter:
    """Counts the requests of this process, in its slot. `told` are counters kept elsewhere in the process."""

    def __init__(self, slots: Slots, told: Told) -> None:
        self.slots = slots
        self.told = list(told.items())
        self.seen = dict.fromkeys(told, 0)
        self.lock = Lock()  # threads: adding to a cell is not atomic
        self.cells: memoryview | None = None

    def own(self) -> memoryview:
        """The cells of this process. It takes them with its first request: a server forks its workers before."""
        with self.lock:
            if self.cells is None:
                cells = self.slots.take()
                cells[LOST] += cells[IN_FLIGHT]  # of the worker before, which has died
                cells[IN_FLIGHT] = 0
                cells[STARTS] += 1
                self.cells = cells
            return self.cells

    def began(self) -> None:
        cells = self.cells or self.own()
        with self.lock:
            cells[IN_FLIGHT] += 1

    def ended(self, asked: Asked, status: int, received: int, sent: int, ns: int) -> None:
        cells = self.cells or self.own()
        method, path, _ = asked
        row = _row_of(method, path, status)
        bucket = row + BUCKETS + bisect_left(_bounds_ns, ns)
        with self.lock:
            cells[row] += ns
            cells[row + RECEIVED] += received
            cells[row + SENT] += sent
            cells[bucket] += 1
            cells[IN_FLIGHT] -= 1
            for cell, count in self.told:
                now = count()  # once: another thread may count meanwhile
                cells[cell] += now - self.seen[cell]
                self.seen[cell] = now

    def families(self) -> Iterator[Family]:
        """What all workers have counted."""
        self.own()
        slots = self.slots.read()
        workers = [cells for cells, _ in slots]
        yield from _of_requests(_summed(workers))

        def summed(cell: int) -> int:
            return sum(cells[cell] for cells in workers)

        in_flight = sum(cells[IN_FLIGHT] for cells, is_live in slots if is_live)
        replaced = sum(max(cells[STARTS] - 1, 0) for cells in workers)
        yield gauge("http_requests_in_flight", "Requests that are being answered.", in_flight)
        yield counter("http_requests_lost_total", "Requests whose worker died before it answered.", summed(LOST))
        yield gauge("statements_workers", "Workers that have got a request.", sum(is_live for _, is_live in slots))
        yield counter("statements_worker_starts_total", "Workers that have got a request, ever.", summed(STARTS))
        yield counter("statements_worker_deaths_total", "Workers that ended, once another has their slot.", replaced)
        for cell, _ in self.told:
            yield counter(*TELLS[cell], summed(cell))


@lru_cache(256)
def _row_of(method: str, path: str, status: int) -> int:
    return _row[route_of(path), method_of(method), STATUSES[status // 100 - 1]]


def _summed(workers: Iterable[memoryview]) -> dict[tuple[str, str, str], list[int]]:
    """The sums of each row that some worker has used."""
    used: dict[tuple[str, str, str], list[memoryview]] = {}
    for cells in workers:
        taken = cells.tobytes()
        for series, begin in _row.items():
            if taken[begin * CELL_BYTES : (begin + ROW_CELLS) * CELL_BYTES] != _unused:
                used.setdefault(series, []).append(cells[begin : begin + ROW_CELLS])
    return {series: [sum(column) for column in zip(*used[series], strict=True)] for series in SERIES if series in used}


def _of_requests(rows: Mapping[tuple[str, str, str], list[int]]) -> Iterator[Family]:
    names = ("route", "method", "status")
    labelled: list[tuple[Labels, list[int]]] = [(tuple(zip(names, each, strict=True)), rows[each]) for each in rows]

    def counters(name: str, tells: str, count: Callable[[list[int]], int]) -> Family:
        return Family(name, "counter", tells, [Sample(labels, count(row)) for labels, row in labelled])

    yield counters("http_requests_total", "Requests that were answered.", lambda row: sum(row[BUCKETS:]))
    yield Family(
        "http_request_duration_seconds",
        "histogram",
        "Time until the answer was made.",
        [each for labels, row in labelled for each in histogram(labels, BOUNDS, row[BUCKETS:], row[NS] / 1e9)],
    )
    yield counters("http_request_body_bytes_total", "Bytes of bodies that were read.", lambda row: row[RECEIVED])
    yield counters("http_response_body_bytes_total", "Bytes of bodies that were sent.", lambda row: row[SENT])
