# Every target works on a fresh clone: the environment is made once and made again when its inputs change.
PYTHON ?= python3
CONFIG ?= configs/embedded.yaml
VENV := .venv
# Where to find PyTorch wheels other than the default ones, for example an index of CPU or CUDA builds.
TORCH_INDEX ?=
# The published protocols, in the order of running; each is the config of its name and needs no network.
PROTOCOLS ?= fixtures battery recovery capture_range crossmodal syn_matched neural_fields stack
# Options of data-NAME: --accept-licence, --from PATH, --offline, --data-dir PATH.
FETCH ?=

BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: help setup bench smoke protocols results test lint format clean

help:
	@echo "make bench [CONFIG=configs/x.yaml]  run a benchmark, print its tables, write its report"
	@echo "make smoke                          a benchmark of a few jobs, in less than a minute"
	@echo "make data-NAME [FETCH=...]          fetch a dataset; FETCH takes --accept-licence, --from PATH, ..."
	@echo "make protocols                      run every published protocol; fails when a gate does"
	@echo "make results                        run the published benchmark and all protocols, and publish them"
	@echo "make test                           run the tests"
	@echo "make lint                           check style, types and the direction of imports"
	@echo "make format                         format the sources"
	@echo "make clean                          remove the environment and everything generated"

setup: $(INSTALLED)

# openneuro-py needs urllib3-future, whose wheel overwrites urllib3 for everybody; its source package can be told not to.
$(INSTALLED): pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv $(VENV)
	URLLIB3_NO_OVERRIDE=1 $(BIN)/python -m pip install --quiet --constraint constraints.txt \
		--no-binary urllib3-future \
		$(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) --editable ".[bench,cluster,dev]"
	touch $@

bench: $(INSTALLED)
	$(BIN)/python -m benchmarks run $(CONFIG)

smoke: $(INSTALLED)
	$(BIN)/python -m benchmarks run --strict configs/smoke.yaml

# make data-ds007328, or make data-lpba40 FETCH="--accept-licence --from archive.zip"
data-%: $(INSTALLED)
	$(BIN)/python -m benchmarks fetch $* $(FETCH)

# A protocol that fails is told at the end: the others run all the same. An interruption ends them all.
protocols: $(INSTALLED)
	@failed=; \
	for name in $(PROTOCOLS); do \
		echo; echo "== $$name"; \
		$(BIN)/python -m benchmarks run --strict configs/$$name.yaml; code=$$?; \
		if [ $$code -eq 130 ]; then exit 130; fi; \
		if [ $$code -ne 0 ]; then failed="$$failed $$name"; fi; \
	done; \
	echo; echo "Reports: report.md and report.html in results/, a folder for each protocol"; \
	if [ -n "$$failed" ]; then echo "Not passed:$$failed"; exit 1; fi

# What a gate says is published too, so that a failed one stops nothing.
results: $(INSTALLED)
	$(BIN)/python -m benchmarks run configs/embedded.yaml
	-$(MAKE) protocols
	for name in embedded $(PROTOCOLS); do $(BIN)/python -m benchmarks publish configs/$$name.yaml || exit 1; done

# Tests of report.html need Chromium (Debian: apt-get install chromium) and are skipped without it.
test: $(INSTALLED)
	$(BIN)/python -m pytest

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) results build *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
