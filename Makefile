# test, lint, bench, golden: what a change needs. PYTHON is the interpreter of the virtual environment.
PYTHON ?= .venv/bin/python
RUNS ?= 10000000

.PHONY: setup test lint bench golden samples

setup:
	python3 -m venv .venv
	.venv/bin/python -m pip install --quiet -e '.[dev]'

test:
	$(PYTHON) -m pytest -n 2

lint:
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(PYTHON) -c 'from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))'

bench:
	$(PYTHON) benchmarks/run.py --runs $(RUNS)

golden:
	$(PYTHON) -m ebudget schema > ebudget/policy.schema.json
	EBUDGET_GOLDEN=1 $(PYTHON) -m pytest -q tests/test_goldens.py tests/test_ci_docs.py -k "golden or shows"

samples:
	$(PYTHON) sample_logs/generate.py
