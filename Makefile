# `make demo` shows Regulars at work on rehearsed platforms; `make test` tests it. Both set up what they need.

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-long check format bench clean
SHELL := /bin/sh

# Any Python from 3.11 on; PYTHON=... names another.
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13 python3.14 python; do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$python" && break; done)
BIN := .venv/bin
READY := .venv/.ready
WORKERS ?= auto

help: ## show this list
	@grep -E '^[a-z-]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed 's/:.*## /\t/' | expand -t 14

venv: $(READY) ## set up .venv with everything needed

$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; install it, or name it: make PYTHON=/path/to/python"; exit 1; }
	@test -x $(BIN)/python || "$(PYTHON)" -m venv .venv || { rm -rf .venv; \
		echo "The virtual environment could not be made. On Debian: apt-get install python3-venv"; exit 1; }
	@echo "Installing what Regulars needs into .venv (a minute or two the first time) ..."
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $(READY)

demo: $(READY) ## the whole of it on the sandbox; SEED=7 and PEOPLE=500 change the town
	@$(BIN)/python -m regulars.demo $(if $(SEED),--seed $(SEED)) $(if $(PEOPLE),--people $(PEOPLE))

test: $(READY) ## all tests but the long ones, on SQLite, and on PostgreSQL where one answers
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m "not long"

test-long: $(READY) ## the tests that take minutes: thousands of histories, mutants
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal -m long -rP

check: $(READY) ## form: ruff, mypy --strict, import contracts, lines per connector
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m tests.lines

format: $(READY) ## put the form right where a program can
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .

bench: $(READY) ## speed, memory and requests at 100,000 records a side
	$(BIN)/python -m benchmarks

clean: ## back to a fresh clone
	rm -rf .venv build dist demo *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
