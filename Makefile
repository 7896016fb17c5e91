# make run FILM=old_film.mp4 [ARGS="--preset archive"]   colour a film (without FILM: a sample)
# make test                                              lint, types, tests
# make audit                                             known weaknesses in what is installed (asks pypi.org)
# make clean                                             remove what make made here

PYTHON ?= python3
# Processes that tests run in, each with some 1.5 GB; the tests of a file stay together.
JOBS ?= 2
VENV := .venv
BIN := $(VENV)/bin
SAMPLE := build/sample.mp4

# Stamps: an install is repeated only when pyproject.toml changes.
RUN_STAMP := $(VENV)/.installed-run
DEV_STAMP := $(VENV)/.installed-dev

.PHONY: run test audit clean

ifdef FILM
run: $(RUN_STAMP)
	$(BIN)/vidcolor run "$(FILM)" $(ARGS)
else
run: $(RUN_STAMP) $(SAMPLE)
	@echo "No FILM=… given: colouring a sample film."
	$(BIN)/vidcolor run $(SAMPLE) --overwrite $(ARGS)
endif

test: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS)

audit: $(RUN_STAMP)
	$(BIN)/python -m pip install --quiet pip-audit
	$(BIN)/python -m pip_audit --skip-editable

clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache

$(SAMPLE): $(RUN_STAMP) examples/sample_film.py
	$(BIN)/python examples/sample_film.py $@

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

# An environment with the development tools also runs films: no second install for that.
$(RUN_STAMP): pyproject.toml | $(VENV)/bin/python
	test $(DEV_STAMP) -nt pyproject.toml || $(BIN)/python -m pip install --quiet -e .
	touch $@

$(DEV_STAMP): pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet -e ".[dev]"
	touch $@
