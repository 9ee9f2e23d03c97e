# Needs make and a Python of 3.11 or newer, nothing else: the first call sets up .venv from the pins in requirements/.
#   make run ARGS="--json"      arguments for run.py
#   make test ARGS="-k stripe"  arguments for pytest
#   make test PYTHON=python3.13 the interpreter that .venv is made with

.DEFAULT_GOAL := help
.PHONY: help run test lint format bench lock clean
.NOTPARALLEL:
MAKEFLAGS += --no-print-directory

ARGS ?=
PYTHON ?=
VENV := .venv
PY := $(VENV)/bin/python
UV ?= uv

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

run: $(VENV)/.runtime $(VENV)/bin/newfuse ## Run the API-integration crew against the embedded sandbox (ARGS="--help" lists options)
	@$(PY) run.py $(ARGS)

test: $(VENV)/.dev $(VENV)/bin/newfuse ## Run the test suite
	@$(PY) -m pytest $(ARGS)

lint: $(VENV)/.dev ## Check style (ruff) and types (mypy)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

format: $(VENV)/.dev ## Lay the code out and mend what ruff can mend
	@$(PY) -m ruff check --fix .
	@$(PY) -m ruff format .

bench: $(VENV)/.dev ## Run the benchmarks
	@$(PY) -m benchmarks $(ARGS)

lock: ## Pin the newest versions that fit pyproject.toml (needs uv)
	@$(UV) pip compile --upgrade $(LOCK) pyproject.toml -o requirements/runtime.txt
	@$(UV) pip compile $(LOCK) pyproject.toml --group dev -c requirements/runtime.txt \
	  $$(sed -n 's/^\([A-Za-z0-9._-]*\)==.*/--no-emit-package \1/p' requirements/runtime.txt) -o requirements/.dev.txt
	@{ echo '-r runtime.txt'; cat requirements/.dev.txt; } > requirements/dev.txt && rm requirements/.dev.txt

clean: ## Remove .venv and the caches of the tools
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis

# One set of pins for every platform and every Python that is supported, with the hash of every file of a release.
LOCK := --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --no-emit-index-url

# --- set-up, once for each state of the pins -------------------------------------------------------------------------

$(VENV)/.runtime: requirements/runtime.txt
	@$(call set_up,runtime)
	@touch $@

# The development pins hold the runtime pins.
$(VENV)/.dev: requirements/dev.txt requirements/runtime.txt
	@$(call set_up,dev)
	@touch $(VENV)/.runtime $@

# `newfuse` and `python -m newfuse` from any folder: the environment finds this checkout behind its own libraries. An
# editable installation would do the same, with a build library that no run needs.
$(VENV)/bin/newfuse:
	@pwd > "$$($(PY) -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/newfuse.pth"
	@printf '#!/bin/sh\nexec "%s/bin/python" -P -m newfuse "$$@"\n' "$$(cd $(VENV) && pwd)" > $@
	@chmod +x $@

# $(1): runtime or dev. Candidates are started, not just looked for: version managers put names on PATH that only
# print a complaint. A Python that has no venv (Debian splits it off) is passed over like one that is too old.
define set_up
set -e; \
if ! $(PY) -c 'import pip' 2>/dev/null; then \
  found=; \
  for candidate in $(if $(PYTHON),$(PYTHON),python3 python3.14 python3.13 python3.12 python3.11 python); do \
    if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
      found=$$candidate; \
      if $$candidate -c 'import venv, ensurepip' 2>/dev/null; then break; fi; \
    fi; \
  done; \
  if [ -z "$$found" ]; then \
    echo "The New Fuse needs Python 3.11 or newer; found: $$($(or $(PYTHON),python3) --version 2>&1 | head -n 1)." >&2; \
    echo "Install one, or name it: make PYTHON=/path/to/python3.12 …" >&2; exit 2; \
  fi; \
  if ! $$found -c 'import venv, ensurepip' 2>/dev/null; then \
    echo "$$found cannot make virtual environments: install its venv package (Debian, Ubuntu: apt install python3-venv)." >&2; \
    exit 2; \
  fi; \
  echo "Setting up $(VENV) with $$($$found --version) (first time, about a minute) …" >&2; \
  $$found -m venv --clear $(VENV); \
else \
  echo "Bringing $(VENV) up to requirements/$(1).txt …" >&2; \
fi; \
$(PY) -m pip install --quiet --quiet --disable-pip-version-check --no-input --require-hashes -r requirements/$(1).txt
endef
