# test, lint, bench, golden: what a change needs. PYTHON is the interpreter of the virtual environment.
PYTHON ?= .venv/bin/python
RUNS ?= 10000000
# The oldest Python that ebudget supports: its newest versions are what every later one can install.
OLDEST ?= python3.11
# The first name reaches what pip installs and, before pip 25.3, what it builds with; the second
# reaches what later pips build with.
PINNED = PIP_CONSTRAINT=constraints.txt PIP_BUILD_CONSTRAINT=constraints.txt

.PHONY: setup constraints test lint bench golden samples

setup:
	python3 -m venv .venv
	$(PINNED) .venv/bin/python -m pip install --quiet -e '.[dev]'

constraints:
	@set -eu; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; \
	$(OLDEST) -c 'import sys; assert sys.version_info[:2] == (3, 11), "constraints are made with 3.11"'; \
	$(OLDEST) -m venv "$$folder"; \
	env -u PIP_CONSTRAINT -u PIP_BUILD_CONSTRAINT \
		"$$folder/bin/python" -m pip install --quiet -e '.[dev]'; \
	sed -n '/^#/p' constraints.txt > "$$folder/new"; \
	"$$folder/bin/python" -m pip freeze --exclude-editable >> "$$folder/new"; \
	cp "$$folder/new" constraints.txt

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
	$(PYTHON) -m ebudget schema > ebudget/policy/policy.schema.json
	EBUDGET_GOLDEN=1 $(PYTHON) -m pytest -q tests/goldens tests/project/test_ci_docs.py tests/accounts/test_verdicts.py -k "golden or shows or decides"

samples:
	$(PYTHON) sample_logs/generate.py
