# The commands of this project. Each does all of its own set-up; `make` alone lists them.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.stamp
# Two also where there are more cores: the tests wait for processes of their own more than they compute.
WORKERS ?= 2

.PHONY: help setup check test demo bench images docs lock clean

help: ## list the commands
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(STAMP) ## make .venv with locked dependencies and the rgrid command

$(STAMP): requirements/dev.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.lock
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

docs: setup ## write the pages that come from the code: docs/EVENTS.md, docs/WIRING.md, docs/cli.md
	$(PY) docs/generate.py
	$(PY) -m cli.reference

lock: $(STAMP) ## resolve the dependencies anew
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements/run.lock
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra dev pyproject.toml -o requirements/dev.lock

check: setup ## lint, types, import contracts
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

test: setup ## pass the tests; what this machine lacks is skipped with a line that says how to get it
	$(PY) -m pytest -n $(WORKERS) --dist worksteal

demo: setup ## run a real script on a grid of its own, show everything, leave nothing running
	@RGRID=$(CURDIR)/$(VENV)/bin/rgrid sh examples/demo.sh

bench: setup ## measure, each figure beside a baseline of the same run (BENCH=name for one of them)
	$(PY) -m tests.bench $(BENCH)

images: ## make the images that scripts run in where RGRID_SANDBOX=docker (IMAGES="python:3.12 node:22" for others)
	@deploy/images/build $(IMAGES)

clean: ## remove .venv and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
