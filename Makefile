# Two commands matter: `make run` and `make test`. Both set up what is missing. `make help` lists the rest.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PROMPT ?= Tell me a short story about a lighthouse.
PEERS  := .venv-peers
SUITE  := $(VENV)/json-schema-test-suite
NPM    := $(BIN)/python web/build_site.py npm
# Targets that run side by side print one after the other, where make can do that.
SYNC   := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)

export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.PHONY: help run chat test check unit properties page browser format site catalog wheel lock clean setup

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'
	@printf '  make %-12s %s\n' bench-NAME "Run benchmarks/NAME.py: $(patsubst benchmarks/%.py,%,$(filter-out benchmarks/_%,$(wildcard benchmarks/*.py)))"

run: site ## Answer a prompt in a headless browser: make run PROMPT="..."
	@$(BIN)/browserllm run "$(PROMPT)"

chat: site ## Open the chat page in your browser
	@$(BIN)/browserllm chat

test: site $(SUITE)/.ready ## Everything CI runs: checks, page tests, unit and wire tests, then browser tests
	@$(MAKE) --no-print-directory --jobs=2 $(SYNC) unit properties check page
	$(BIN)/pytest tests/browser

check: site ## Formatting, lint and types, Python and TypeScript
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(NPM) run check

unit: site $(SUITE)/.ready ## The fast Python tests with coverage
	$(BIN)/pytest --cov --cov-report=term --cov-fail-under=95 tests/unit tests/wire --ignore-glob='*_properties.py'

properties: site $(SUITE)/.ready ## The tests that generate their cases, which count no lines
	$(BIN)/pytest tests/wire/*_properties.py

page: site ## The page's own tests (Vitest)
	$(NPM) run test

browser: site ## The tests in a real browser
	$(BIN)/pytest tests/browser

bench-router: $(PEERS)/.ready

$(PEERS)/.ready: requirements/peers.txt
	@test -x $(PEERS)/bin/python || $(PYTHON) -m venv $(PEERS)
	@echo "installing what browserllm is measured beside into $(PEERS) (about a minute)"
	@$(PEERS)/bin/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements/peers.txt
	@touch $@

bench-%: site
	@PYTHONPATH=tests:tests/browser $(BIN)/python benchmarks/$*.py

format: setup ## Format and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

site: setup ## Build the static site into src/browserllm/static (skips what is unchanged)
	@$(BIN)/python web/build_site.py

catalog: site ## Write the catalog anew from the pinned web-llm
	$(NPM) run catalog

wheel: setup ## Build the wheel and the sdist into dist/
	$(BIN)/python -m build --outdir dist

setup: $(VENV)/.ready ## Create .venv and install what is locked

$(VENV)/.ready: requirements/dev.txt requirements/node.txt pyproject.toml
	@PYTHON=$(PYTHON) sh scripts/system-packages.sh
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing locked packages into $(VENV) and building the site (about a minute)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements/dev.txt
	@$(BIN)/python -c 'import sys; sys.path.insert(0, "web"); import build_site; sys.exit(build_site.node_on_path() is None)' \
	  || $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --require-hashes -r requirements/node.txt
	@$(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# The official JSON-Schema-Test-Suite, which no registry has but in the source of jsonschema.
$(SUITE)/.ready: requirements/schema-suite.txt | setup
	@echo "fetching the tests of JSON Schema into $(SUITE)"
	@rm -rf $(SUITE) && mkdir -p $(SUITE)
	@$(BIN)/python -m pip download -qq --disable-pip-version-check --no-deps --no-binary jsonschema --require-hashes \
	  --constraint $< --dest $(SUITE) jsonschema
	@cd $(SUITE) && tar -xzf jsonschema-*.tar.gz && mv jsonschema-*/json/tests jsonschema-*/json/remotes . && rm -rf jsonschema-*
	@touch $@

lock: ## Refresh requirements/*.txt (needs pip-tools on PATH)
	cd requirements && for name in dev node peers schema-suite; do \
	  pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-trusted-host --no-emit-find-links \
	    --allow-unsafe --strip-extras --output-file=$$name.txt $$name.in; done

clean: ## Remove what was built, installed and cached
	rm -rf $(VENV) $(PEERS) dist build web/node_modules web/dist src/browserllm/static .pytest_cache .ruff_cache .coverage
