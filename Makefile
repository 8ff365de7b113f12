# Everything a fresh machine needs besides Python 3.11 or later: each target sets itself up, once.
#   make demo            encode and decode a bundled pair, print bytes and errors, draw demo-out/
#   make test            ruff, mypy and pytest, with torch and without: all that .ci/run does
#   make test-light      pytest without torch, in the environment that users get
#   make wheel           a wheel that brings compiled code along, in dist/: as pip install . does
#   make PYTHON=... test with another interpreter

PYTHON ?= $(shell for v in 3.13 3.12 3.11; do for p in python$$v $(HOME)/.pyenv/versions/$$v.*/bin/python3; do \
	"$$p" -c '' 2>/dev/null && { command -v "$$p"; exit; }; done; done; command -v python3)
TORCH_PYTHON ?= $(shell command -v python3.11 || command -v python3)
LIGHT := .venv-light/bin
BIN := .venv/bin
INSTALL := -m pip install --disable-pip-version-check -c constraints.txt

.PHONY: demo test test-light lint format wheel clean
.DELETE_ON_ERROR:

demo: .venv-light/.installed
	@$(LIGHT)/encodepth warm --effort 7
	$(LIGHT)/python examples/demo.py

test: lint test-light
	$(BIN)/python -m pytest

test-light: .venv-light/.installed-test
	$(LIGHT)/python -m pytest

lint: .venv/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: .venv/.installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: .venv-light/.installed
	$(LIGHT)/python -m pip wheel --quiet --disable-pip-version-check --no-deps -w dist .

# Leaves the environments, which cost minutes; remove them by hand to begin anew.
clean:
	rm -rf demo-out build dist src/encodepth/native/objects src/*.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find src tests examples runs -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment that was never finished, or whose Python is gone, is made again.
.venv-light/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "encodepth needs Python 3.11 or later; say make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "setting up .venv-light with $$($(PYTHON) --version) (once; about 170 MB to download)"
	@$(LIGHT)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv-light
	@$(LIGHT)/python $(INSTALL) --progress-bar on -e .
	@$(LIGHT)/encodepth warm --quiet --effort 3
	@touch $@

.venv-light/.installed-test: .venv-light/.installed
	@$(LIGHT)/python $(INSTALL) --quiet -e '.[test]'
	@touch $@

# Torch comes first and pinned: resolved along with the rest it may bring gigabytes that are not
# needed.
.venv/.installed-dev: pyproject.toml constraints.txt
	@echo "setting up .venv with torch and all extras (once; torch alone takes a minute or more)"
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(TORCH_PYTHON) -m venv --clear .venv
	@$(BIN)/python $(INSTALL) --quiet torch
	@$(BIN)/python $(INSTALL) --quiet -e '.[dev]'
	@touch $@
