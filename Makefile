# `make bench` and `make test` set up all they need. For one variant against the baseline: `make variant=nuitka bench`.
python := .venv/bin/python
run    := run quick $(if $(variant),--variant $(variant))

.PHONY: setup bench limits scale test test-fast test-long fuzz endurance lint size report findings lock
setup:        ; @python3 -m bench.bootstrap
bench: setup  ; $(python) -m bench $(run)
limits: setup ; $(python) -m bench run limits
test: setup   ; $(python) -m pytest -m 'not long'
test-long: setup ; $(python) -m pytest -m long
test-fast: setup ; $(python) -m pytest -m 'not slow' tests/unit
fuzz: setup   ; $(python) -m tests.fuzz $(options)
endurance: setup ; $(python) -m bench build cython numba && $(python) -m tests.endurance
lint: setup   ; $(python) -m ruff check . && $(python) -m mypy
size: setup   ; $(python) -m bench size
report: setup ; $(python) -m bench report
findings: setup ; $(python) -m bench findings
lock: setup   ; $(python) -m bench.provision.locks $(options)
scale: setup  ; $(python) -m tests.scale
