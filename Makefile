# Two commands matter: `make run` and `make test`. Both set up what is missing, each only what it needs. `make help` lists
# the rest.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PROMPT ?= Tell me a short story about a lighthouse.
PEERS  := .venv-peers
JUPYTER := .venv-notebook
SUITE  := $(VENV)/json-schema-test-suite
NPM    := $(BIN)/python web/build_site.py npm
# Locked packages are installed as the lock says, and nothing else: --no-deps asks no registry what is new, and nothing is
# compiled. tests/wire/test_locks.py proves that the locks are closed; `pip check` says so of what came of it.
PIP    := -m pip --disable-pip-version-check --quiet
LOCKED := install --no-deps --only-binary=:all: --require-hashes
# Tests run in two processes, a file at a time in each: more browsers at once only wait for one another.
TWO    := --numprocesses=2 --dist=loadfile
# Targets that run side by side print one after the other, where make can do that.
SYNC   := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.PHONY: help run chat app test test-pythons newest check unit properties explore page browser format stubs version app-types docs site catalog prices screenshots wheel lock clean setup

BENCHMARKS = $(patsubst benchmarks/%.py,%,$(filter-out benchmarks/_%,$(wildcard benchmarks/*.py)))

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'
	@printf '  make %-12s %s\n' bench-NAME "Run benchmarks/NAME.py: $(BENCHMARKS)"

run: site ## Answer a prompt in a headless browser: make run PROMPT="..."
	@$(BIN)/browserllm run "$(PROMPT)"

chat: site ## Chat with a model in this terminal
	@$(BIN)/browserllm chat

app: site ## Open the chat app in your browser
	@$(BIN)/browserllm app

test: setup site $(SUITE)/.ready ## Everything CI runs: checks, page tests, unit and wire tests, then browser tests
	@$(MAKE) --no-print-directory --jobs=4 $(SYNC) check page newest-python jupyter
	@$(MAKE) --no-print-directory --jobs=2 $(SYNC) unit properties newest
	@$(MAKE) --no-print-directory browser

test-pythons: setup site $(SUITE)/.ready ## The unit and wire tests on each Python of this machine, 3.11 to 3.14
	@for python in $$(sh scripts/pythons.sh); do $(MAKE) --no-print-directory on-python ON="$$python" TESTS="tests/unit tests/wire" || exit 1; done

newest: newest-python ## The unit tests on the newest Python of this machine, where that is not the one in .venv
	+@$(call on-newest,on-python TESTS=tests/unit)

# Its environment, which takes the network's time more than the processor's.
newest-python: setup site
	+@$(call on-newest,python)

on-newest = newest=$$(sh scripts/pythons.sh | tail -n 1); same='import sys; print(sys.version_info[:2])'; \
	if [ -n "$$newest" ] && [ "$$($$newest -c "$$same")" != "$$($(BIN)/python -c "$$same")" ]; then \
	  $(MAKE) --no-print-directory ON="$$newest" $(1); fi

# One Python, $(ON): an environment of its own, and the tests in $(TESTS) there.
.PHONY: newest-python python on-python
on-python: python
	@version=$$($(ON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	echo "Python $$version: $(TESTS)"; .venv-pythons/$$version/bin/python -m pytest -q -p no:cacheprovider $(TWO) $(TESTS)

python:
	@set -eu; version=$$($(ON) -c 'import sys; print("%d.%d" % sys.version_info[:2])'); env=.venv-pythons/$$version; \
	if ! cmp -s requirements/dev.txt $$env/installed.txt; then \
	  echo "installing locked packages for Python $$version into $$env"; rm -rf $$env; $(ON) -m venv $$env; \
	  $$env/bin/python $(PIP) $(LOCKED) -r requirements/dev.txt; \
	  $$env/bin/python $(PIP) install --no-deps --no-build-isolation --editable .; \
	  $$env/bin/python $(PIP) check; cp requirements/dev.txt $$env/installed.txt; fi

check: setup site ## Formatting, lint and types, Python and TypeScript
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(NPM) run check

unit: setup site $(SUITE)/.ready ## The fast Python tests with coverage
	$(BIN)/pytest $(TWO) --cov --cov-report=term --cov-fail-under=95 tests/unit tests/wire --ignore-glob='*_properties.py'

properties: setup site $(SUITE)/.ready ## The tests that generate their cases, which count no lines
	$(BIN)/pytest $(TWO) $$(find tests/wire -name "*_properties.py")

explore: setup site $(SUITE)/.ready ## The same tests with cases that no run before had; what fails becomes an @example
	HYPOTHESIS_PROFILE=default $(BIN)/pytest $(TWO) $$(find tests/wire -name "*_properties.py")

page: setup site ## The page's own tests (Vitest)
	$(NPM) run test

browser: setup site $(JUPYTER)/.ready ## The tests in a real browser, two files at a time, those first that take long (tests/browser/conftest.py)
	$(BIN)/pytest $(TWO) --no-loadscope-reorder --durations=25 tests/browser

bench-router: $(PEERS)/.ready

# JupyterLab, which tests/browser/test_notebook.py drives: its kernel runs this checkout.
.PHONY: jupyter
jupyter: $(JUPYTER)/.ready

$(JUPYTER)/.ready: requirements/notebook.txt | $(VENV)/.run
	@test -x $(JUPYTER)/bin/python || $(PYTHON) -m venv $(JUPYTER)
	@echo "installing JupyterLab into $(JUPYTER) (about a minute)"
	@$(JUPYTER)/bin/python $(PIP) $(LOCKED) -r requirements/notebook.txt
	@$(JUPYTER)/bin/python $(PIP) install --no-deps --no-build-isolation --editable .
	@$(JUPYTER)/bin/python $(PIP) check
	@touch $@

$(PEERS)/.ready: requirements/peers.txt
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	@echo "installing what browserllm is measured beside into $(PEERS) (about a minute)"
	@$(PEERS)/bin/python $(PIP) $(LOCKED) -r requirements/peers.txt && $(PEERS)/bin/python $(PIP) check
	@touch $@

bench-%: benchmarks/%.py setup site
	@PYTHONPATH=tests:tests/browser $(BIN)/python $<

bench-%:
	@echo "There is no benchmarks/$*.py. Choose one of: $(BENCHMARKS)" >&2; exit 2

format: setup ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

stubs: setup ## Write the stubs of the packages whose names are imported lazily
	$(BIN)/python scripts/stubs.py

version: setup ## Write the version anew into the files that repeat it
	$(BIN)/python scripts/version.py

app-types: setup ## Write the TypeScript of the app's state and actions anew from src/browserllm/app
	$(BIN)/python scripts/app_types.py

docs: setup ## Build the documentation's site into build/docs
	$(BIN)/python scripts/api_pages.py
	$(BIN)/zensical build --clean

site: $(VENV)/.run ## Build the static site into src/browserllm/static (skips what is unchanged)
	@$(BIN)/python web/build_site.py

catalog: site ## Write the catalog anew from the pinned web-llm
	$(NPM) run catalog

prices: ## Write the table of prices anew from the genai-prices that scripts/prices.py pins (needs uv on PATH)
	uv run scripts/prices.py

screenshots: setup site ## Take the pictures in docs/screenshots: make screenshots ONLY=chat
	@PYTHONPATH=tests:tests/browser:benchmarks $(BIN)/python scripts/screenshots.py $(ONLY)

wheel: setup ## Build the wheel and the sdist into dist/
	$(BIN)/python -m build --outdir dist

setup: $(VENV)/.ready ## Create .venv and install all that is locked

# What running needs. Before anything is downloaded: is there a Python, can it make environments, is there a browser?
$(VENV)/.run: requirements/run.txt requirements/node.txt pyproject.toml
	@PYTHON=$(PYTHON) sh scripts/system-packages.sh
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing Python packages into $(VENV)"
	@$(BIN)/python $(PIP) $(LOCKED) -r requirements/run.txt
	@$(BIN)/python -c 'import sys; sys.path.insert(0, "web"); import build_site; sys.exit(build_site.node_on_path() is None)' \
	  || $(BIN)/python $(PIP) $(LOCKED) -r requirements/node.txt
	@$(BIN)/python web/build_site.py
	@$(BIN)/python $(PIP) install --no-deps --no-build-isolation --editable .
	@$(BIN)/python $(PIP) check
	@touch $@

# What the tests and the checks need beyond it.
$(VENV)/.ready: requirements/dev.txt $(VENV)/.run
	@echo "installing what the tests and checks need into $(VENV)"
	@$(BIN)/python $(PIP) $(LOCKED) -r requirements/dev.txt
	@$(BIN)/python $(PIP) check
	@touch $@

# The official JSON-Schema-Test-Suite, which no registry has but in the source of jsonschema. What pip needs to read a
# source's name and version is locked, too: no isolation, or it would ask a registry for the newest.
$(SUITE)/.ready: requirements/schema-suite.txt | setup
	@echo "fetching the tests of JSON Schema into $(SUITE)"
	@rm -rf $(SUITE) && mkdir -p $(SUITE)
	@$(BIN)/python $(PIP) download --no-deps --no-build-isolation --no-binary jsonschema --require-hashes \
	  --constraint $< --dest $(SUITE) jsonschema
	@cd $(SUITE) && tar -xzf jsonschema-*.tar.gz && mv jsonschema-*/json/tests jsonschema-*/json/remotes . && rm -rf jsonschema-*
	@touch $@

lock: setup ## Refresh requirements/*.txt, keeping what is locked; UPGRADE=--upgrade takes the newest (needs uv on PATH)
	$(BIN)/python scripts/lock.py $(UPGRADE)

clean: ## Remove what was built, installed and cached
	rm -rf $(VENV) .venv-pythons $(PEERS) $(JUPYTER) dist build web/node_modules web/dist src/browserllm/static .pytest_cache .ruff_cache .coverage
