"""What this interpreter takes for the number of CPUs, and how many threads and processes its pools would start."""

import json
import multiprocessing
import os
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

from app import sizing

found = {
    "os.cpu_count": os.cpu_count(),
    "os.sched_getaffinity": len(os.sched_getaffinity(0)),
    "multiprocessing.cpu_count": multiprocessing.cpu_count(),
    "ThreadPoolExecutor": ThreadPoolExecutor()._max_workers,  # no public attribute tells it; none is started
    "ProcessPoolExecutor": ProcessPoolExecutor()._max_workers,  # type: ignore[attr-defined]
    "app.sizing": sizing.workers(),
}
if hasattr(os, "process_cpu_count"):  # from 3.13
    found["os.process_cpu_count"] = os.process_cpu_count()
print(json.dumps(found))
