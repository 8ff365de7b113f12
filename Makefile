# Everything a fresh machine needs besides Python 3.11: each target sets itself up, once.
#   make demo            encode and decode a bundled pair, print bytes and errors, draw demo-out/
#   make test            ruff, mypy and pytest: the same check that .ci/run makes
#   make PYTHON=... test with another interpreter

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test lint format clean
.DELETE_ON_ERROR:

demo: .venv/.installed
	$(BIN)/python examples/demo.py

test: lint
	$(BIN)/python -m pytest

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Leaves .venv, which costs minutes; remove it by hand to begin anew.
clean:
	rm -rf demo-out build src/*.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests examples runs -name __pycache__ -type d -prune -exec rm -rf {} +

# Torch comes first and pinned: resolved along with the rest it may bring gigabytes that are not
# needed. An environment that was never finished, or whose Python is gone, is made again.
.venv/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "encodepth needs Python 3.11 or later; say make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@echo "setting up .venv (once; torch alone takes a minute or more)"
	$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	$(PIP) torch
	$(PIP) -e .
	touch $@

.venv/.installed-dev: .venv/.installed
	$(PIP) -e '.[dev]'
	touch $@
