# demo and test first install their packages into .venv; they change nothing else on the machine.
PYTHON ?= python3
BIN := .venv/bin
INSTALLED := .venv/installed
# No copyleft among the installed packages; docutils offers a choice of licences.
LICENCES := pip-licenses --partial-match --fail-on "GPL;GNU" --ignore-packages docutils

.PHONY: demo test test-long bench evidence docs lint audit wheel format clean

demo: $(INSTALLED)  ## all figures from bundled data, to results/figures
	$(BIN)/snakemake --cores all

test: $(INSTALLED)  ## all tests
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-long: $(INSTALLED)  ## all tests with ten times as many faults and new random examples
	$(BIN)/python -m pytest --long

bench: $(INSTALLED)  ## speed and memory compared with other libraries, to results/benchmarks
	$(BIN)/python -m pip install --quiet --no-deps --requirement benchmarks/requirements.txt
	PYTHONPATH=workflow $(BIN)/python -m benchmarks

evidence: $(INSTALLED)  ## pictures and texts of docs/evidence; make evidence RESULTS=results takes over a run
	PYTHONPATH=workflow $(BIN)/python -m docs.evidence $(if $(RESULTS),add $(RESULTS))

docs: $(INSTALLED)  ## the documentation as HTML, to results/docs/index.html; warnings are errors
	$(BIN)/python -m pip install --quiet --requirement docs/requirements.txt
	$(BIN)/python -m sphinx --builder html --fail-on-warning --keep-going --quiet docs results/docs

lint: $(INSTALLED)  ## ruff, snakefmt and snakemake's linter, without any findings
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check --compact-diff Snakefile workflow/rules
	$(BIN)/snakemake --lint
	$(BIN)/$(LICENCES)

audit: $(INSTALLED)  ## known vulnerabilities of the pinned packages, from the package index
	$(BIN)/python -m pip install --quiet pip-audit
	$(BIN)/pip-audit --requirement envs/requirements.txt

wheel:  ## the package, to results/dist, imported from an environment of its own and checked
	rm -rf results/dist results/wheel
	$(PYTHON) -m venv results/wheel
	results/wheel/bin/python -m pip wheel --quiet --no-deps --wheel-dir results/dist .
	results/wheel/bin/python -m pip install --quiet results/dist/*.whl
	results/wheel/bin/python -c "import friendlyfire.attacks.adapters"
	results/wheel/bin/python -m pip install --quiet twine
	results/wheel/bin/python -m twine check --strict results/dist/*.whl

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/snakefmt Snakefile workflow/rules

clean:  ## delete all outputs, but keep the environment
	rm -rf results docs/reference/generated docs/notebooks .snakemake .pytest_cache .ruff_cache .hypothesis

$(INSTALLED): envs/requirements.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11, 4) and 'Friendly Fire needs Python 3.11.4 or newer, this is ' + sys.version.split()[0] + '; try: make PYTHON=python3.11')"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --requirement envs/requirements.txt
	touch $@
