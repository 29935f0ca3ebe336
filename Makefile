# What people type here. `make run` and `make test` need nothing prepared.
SHELL := /bin/bash
PYTHON ?= python3.11
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest
WORKERS ?= $(shell n=$$(nproc); echo $$((n > 4 ? 4 : n)))

.PHONY: setup packages programs run test suite check quick mutants bench faults clean

# The virtual environment, remade when a pin changes.
setup: .venv/installed

.venv/installed: requirements-dev.txt pyproject.toml
	@deploy/packages python
	@test -x $(BIN)/python || $$(command -v $(PYTHON) || command -v python3) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch $@

# System packages that real parts come from; only as root, and only what is missing.
packages:
	@deploy/packages services

# The test cluster's programs, built in the background while other things are done; minutes the
# first time, nothing later. Ends with make.
programs: setup
	@$(BIN)/python -m tests.cluster build --detach $$PPID

run: setup
	@$(BIN)/k8s4r up --detach
	@$(BIN)/python -m k8s4r.embedded.first_run

test: setup packages programs check suite

suite: setup
	$(PYTEST) tests -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not faults" --durations 15

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py check --deploy --fail-level WARNING
	$(BIN)/python manage.py makemigrations --check --dry-run

quick: setup
	K8S4R_TEST_PARTS=none $(PYTEST) tests/core tests/architecture -q

mutants: setup packages
	$(BIN)/python -m tests.mutants

bench: setup packages
	$(BIN)/python -m benchmarks

faults: setup packages
	$(PYTEST) tests -n $(WORKERS) --dist loadfile --no-loadscope-reorder

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
