# `make bench` and `make test` set up all they need. For one variant against the baseline: `make variant=nuitka bench`.
# `make try service=~/shop` measures a service of your own.
# `make measure` measures what the findings are made of, and goes on where it stopped: `make measure studies="variants"`.
python := .venv/bin/python
at_once := -n 3 --no-loadscope-reorder # three processes, as tests mostly wait: tests/shares.py divides them
run    := run quick $(if $(variant),--variant $(variant))
sphinx := .lab/docs/bin/sphinx-build

.PHONY: setup bench try measure limits deliver scale messaging statistics monitoring clients pacts contracts test test-fast test-long faults fuzz endurance format lint site size image publish report findings docs-output lock
setup:        ; @python3 -m bench.bootstrap $(parts)
bench: setup  ; $(python) -m bench $(run)
try: setup    ; @test -e $(service)/lab.toml || $(python) -m bench init $(service)
	$(python) -m bench try $(service) $(options)
measure: setup ; $(python) -m bench measure $(studies)
limits: setup ; $(python) -m bench run limits
deliver: setup ; $(python) -m bench run delivery
test: setup   ; $(python) -m pytest $(at_once) -m 'not long and not faults'
test-long: setup ; $(python) -m pytest $(at_once) -m long
faults: setup ; $(python) -m pytest $(at_once) tests/contract/test_faults.py tests/contract/test_controls.py
test-fast: setup ; $(python) -m pytest $(at_once) -m 'not slow' tests/unit
fuzz: setup   ; $(python) -m tests.fuzz $(options)
endurance: setup ; $(python) -m bench build cython numba && $(python) -m tests.endurance
format: setup ; $(python) -m ruff check --fix-only . && $(python) -m ruff format .
lint: setup   ; $(python) -m ruff check . && $(python) -m ruff format --check . && $(python) -m mypy
size: setup   ; $(python) -m bench size
image: setup  ; $(python) -m bench image $(stack)
publish: setup ; $(python) -m bench publish $(index) $(variants)
release: setup ; $(python) -m bench release $(variants)
report: setup ; $(python) -m bench report
findings: setup ; $(python) -m bench findings
docs-output: setup ; $(python) -m tests.docs_output $(options)
lock: setup   ; $(python) -m bench.provision.locks $(options)
scale: setup  ; $(python) -m tests.scale
messaging: setup ; $(python) -m tests.messaging
statistics: setup ; $(python) -m tests.statistics
monitoring: setup ; $(python) -m bench build cpython && $(python) -m bench monitor $(options)
contracts: setup ; $(python) -m bench build cpython node-ordinary spring-jetty-ordinary spring-tomcat-ordinary && $(python) -m tests.contracts $(options)
clients: setup ; $(python) -m tests.clients
pacts: setup  ; $(python) -m tests.pacts $(url)

# Every page anew: Sphinx warns of a page only when it reads it. The figures come first: pages link to them.
site: setup .lab/docs/made-of.txt
	rm -rf site
	$(python) -m bench.verbs.site site
	$(sphinx) --quiet --fail-on-warning --keep-going --fresh-env --doctree-dir .lab/docs/doctrees --conf-dir docs . site
	@echo site/index.html

.lab/docs/made-of.txt: bench/locks/docs.txt | setup
	$(python) -m uv venv --quiet --clear --no-config --python $(python) .lab/docs
	$(python) -m uv pip sync --quiet --no-config --require-hashes --python .lab/docs bench/locks/docs.txt
	cp $< $@
