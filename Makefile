# The two commands: `make run` and `make test`. Each sets up what it needs, and does that once.

PYTHON ?= python3
UV ?= uv
VENV := .venv
BIN := $(VENV)/bin
PACKAGES := assets checks deployments graph materializers
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadgroup

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check check-format check-lint check-types check-imports format conformance faults bench lock clean remake

help: ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/.has-market ## set up, and build analytics/portfolio_report from the sample prices
	@$(BIN)/python -m compileall -q $(PACKAGES)
	@$(BIN)/materialize analytics/portfolio_report

test: $(VENV)/.has-dev ## set up, and run the tests (ARGS="-k words" for some of them)
	@$(BIN)/python -m compileall -q $(PACKAGES)
	@$(PYTEST) $(ARGS)

check: check-format check-lint check-types check-imports ## set up, and judge format, lint, types and who imports whom

check-format: $(VENV)/.has-dev
	@$(BIN)/ruff format --check .

check-lint: $(VENV)/.has-dev
	@$(BIN)/ruff check .

check-types: $(VENV)/.has-dev
	@$(BIN)/mypy

check-imports: $(VENV)/.has-dev
	@$(BIN)/lint-imports --no-logo

format: $(VENV)/.has-dev ## format the code, and mend what lint can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

conformance: $(VENV)/.has-dev ## how far we do what the tables of Dagster's behaviour say, kind by kind
	@$(BIN)/python -m pytest -q -n0 tests/graph/test_*_conformance.py tests/test_dagster_table.py $(ARGS)

faults: $(VENV)/.has-dev ## run the fault suites with all their seeds (long)
	@HYPOTHESIS_PROFILE=faults $(PYTEST) -m faults --faults full $(ARGS)

bench: $(VENV)/.has-dev ## measure against Dagster, Hamilton, Prefect, Great Expectations, pandera (long)
	@$(BIN)/python tests/bench/run.py $(ARGS)

lock: ## solve constraints.txt again with uv (ARGS=--upgrade for newer versions)
	@command -v $(UV) > /dev/null || { echo "no uv here: make lock UV=/path/to/uv" >&2; exit 2; }
	@$(UV) pip compile pyproject.toml --quiet --output-file constraints.txt --extra all --extra dev \
	    --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-annotate --no-header $(ARGS)

clean: ## remove what was installed, built and cached; .assets, the data, stays
	@rm -rf $(VENV) $(VENV)-peers build dist *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	@find $(PACKAGES) tests -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment. A stamp says what is installed; it is made again when pyproject.toml or the versions change, when
# the folder was moved (the stamp keeps its path), and when the Python it was made with is gone.

ifneq ($(shell cat $(VENV)/.made 2> /dev/null),$(CURDIR))
$(VENV)/.made: remake
else ifeq ($(wildcard $(BIN)/python),)
$(VENV)/.made: remake
endif

$(VENV)/.made:
	@command -v $(PYTHON) > /dev/null || { \
	    echo "no $(PYTHON) here: install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 2; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "$$($(PYTHON) --version) is too old: Python 3.11 or newer is needed, for example make PYTHON=python3.11" >&2; \
	    exit 2; }
	@echo "making $(VENV) with $$($(PYTHON) --version)"
	@if [ -e $@ ]; then $(PYTHON) -m venv --clear $(VENV); else $(PYTHON) -m venv $(VENV); fi
	@echo $(CURDIR) > $@

$(VENV)/.has-market: $(VENV)/.made pyproject.toml constraints.txt
	$(call install,market)
	@touch $@

$(VENV)/.has-dev: $(VENV)/.made pyproject.toml constraints.txt
	$(call install,all$(comma)dev)
	@touch $(VENV)/.has-market $@

comma := ,

# pip compiles what it installs to bytecode whatever PYTHONDONTWRITEBYTECODE says; our own modules are compiled here.
define install
	@echo "installing the project with [$(1)]: a minute or two, once"
	@{ $(BIN)/python -m pip --disable-pip-version-check install --constraint constraints.txt \
	    --editable '.[$(1)]' 2>&1 || echo FAILED; } | { \
	    failed=; found=0; : > $(VENV)/install.log; \
	    while IFS= read -r line; do \
	        printf '%s\n' "$$line" >> $(VENV)/install.log; \
	        case "$$line" in \
	            Collecting*|Processing*) found=$$((found + 1)); [ $$((found % 25)) -ne 0 ] || echo "  $$found packages found";; \
	            "Installing collected"*) [ "$$found" = 0 ] || echo "  $$found packages found; unpacking them";; \
	            FAILED) failed=yes;; \
	        esac; \
	    done; \
	    [ -z "$$failed" ] || { tail -n 30 $(VENV)/install.log >&2; \
	        echo "the installation failed; all it said is in $(VENV)/install.log" >&2; exit 1; }; }
	@$(BIN)/python -m compileall -q $(PACKAGES)
endef
