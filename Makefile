# One command per intent; CI calls the same ones. `make` lists them.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test test-long lint format browser screenshots bench-digits bench-packing bench-quality bench-service soak clean

help: ## list what there is to do
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# What a study needs: the server and a worker with PyTorch.
$(VENV)/.worker: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[worker]'
	@touch $@

# What building Stagetune needs: tests, linters, types.
$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[worker,test,dev]'
	@touch $@ $(VENV)/.worker

# What the quality bench needs: Optuna's CMA-ES and GP samplers, the surrogate's runtime.
$(VENV)/.bench: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[worker,bench]'
	@touch $@

browser:
	@command -v chromium >/dev/null || { \
		echo "installing Chromium for the browser tests"; \
		if [ "$$(id -u)" = 0 ]; then apt-get update -q && apt-get install -y -q chromium; \
		else sudo apt-get update -q && sudo apt-get install -y -q chromium; fi >/dev/null; }

demo: $(VENV)/.worker ## watch a real study go through its three stages (DEMO=--quick for a short one)
	$(BIN)/stagetune demo $(DEMO)

TEST := $(BIN)/pytest -m "not long" --numprocesses 2 --dist loadgroup
CORE := tests/unit/core tests/simulation

# Tracing what is covered slows everything down: only the tests of the core, which must cover it completely, pay for it.
test: $(VENV)/.dev browser ## run the tests, but for the long ones; the core's own must cover it completely
	$(TEST) --cov --cov-report=term:skip-covered $(CORE)
	$(TEST) $(CORE:%=--ignore=%) $(ARGS)

SECONDS ?= 300
soak: $(VENV)/.dev ## kill servers, workers, runs and databases at random for SECONDS=300, then check that nothing is lost
	$(BIN)/python -m tests.faults.soak --seconds $(SECONDS) $(ARGS)

test-long: $(VENV)/.dev ## run the tests that take too long for every day: more crashes, more kills, longer studies
	$(BIN)/pytest -m long $(ARGS)

lint: $(VENV)/.dev ## check style, types and the import directions of the design
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev ## put the code into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

screenshots: $(VENV)/.dev browser ## make the README's pictures anew, from a real study
	$(BIN)/python -m tests.e2e.screenshots docs

bench-digits: $(VENV)/.worker ## three seeds of the demo's study: final dev accuracy against the sweep's lr = 0.01
	$(BIN)/python -m tests.bench.digits_seeds $(ARGS)

bench-packing: $(VENV)/.worker ## what packing brings on this machine: serial, processes, fused (ARGS=--quick for a taste)
	$(BIN)/python -m tests.bench.packing $(ARGS)

bench-quality: $(VENV)/.bench ## how good the settings are that a search finds, against Optuna's samplers at equal budget
	$(BIN)/python -m tests.bench.quality $(ARGS)

bench-service: $(VENV)/.dev ## what the service carries on SQLite and PostgreSQL, beside Optuna's storage (ARGS=--quick for a taste)
	$(BIN)/python -m tests.bench.service $(ARGS)

clean: ## remove the environment and what studies left behind
	rm -rf $(VENV) stagetune-data build *.egg-info
