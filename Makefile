# Needs Python 3.11 or newer (with venv and pip) and a C compiler; everything else goes into .venv.

PYTHON := $(shell for p in python3.13 python3.12 python3.11 python3; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)
BIN := .venv/bin
DATA := src/trophic/signals/data
# Compiled kernels are kept per state of the source: a cache from before a change may not fit what calls it.
KERNELS := .venv/kernels/$(shell cat $$(find src/trophic -name '*.py' | sort) | cksum | tr ' ' '-')
export NUMBA_CACHE_DIR := $(CURDIR)/$(KERNELS)

.DELETE_ON_ERROR:
.PHONY: help venv demo test soak lint bench reproduce docs clean

help:
	@echo "make demo       find the rhythms of two recordings that ship with the package; pictures in out/demo"
	@echo "make test       everything that must hold: style, types, tests, documented examples"
	@echo "make soak       the faults of make test in full: kills, flips, a hundred million samples; hours; out/soak.jsonl"
	@echo "make lint       style and types only"
	@echo "make bench      speed and quality against peers, in one run"
	@echo "make reproduce  every published number again"
	@echo "make docs       the documentation, in site/"
	@echo "make venv       only the environment, .venv"
	@echo "make clean      remove the environment and all outputs"

venv: .venv/.installed-test

# One stamp per set of extras: nothing is installed again until pyproject.toml changes.
.venv/.installed-%: pyproject.toml | $(BIN)/python
	@echo "installing trophic[$*] into .venv (a few minutes, once)"
	@$(BIN)/python -m pip --quiet --quiet --disable-pip-version-check --no-input install --editable '.[$*]'
	@touch $@

$(KERNELS): | $(BIN)/python
	@rm -rf .venv/kernels && mkdir -p $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "trophic needs Python 3.11 or newer with venv and pip (python3.11 ... python3.13)"; exit 1; }
	@$(PYTHON) -m venv --clear .venv

demo: .venv/.installed-io,view | $(KERNELS)
	@$(BIN)/trophic decompose $(DATA)/co2_weekly.csv --out out/demo/co2
	@echo
	@$(BIN)/trophic decompose $(DATA)/sunspots_yearly.csv --out out/demo/sunspots
	@echo
	@echo "pictures: out/demo/co2/figure.png and out/demo/sunspots/figure.png"

test: lint | $(KERNELS)
	$(BIN)/python -m pytest --doctest-modules src/trophic tests

soak: .venv/.installed-test | $(KERNELS)
	TROPHIC_SOAK=1 $(BIN)/python -m pytest -v tests/faults tests/cli/test_service.py

lint: .venv/.installed-test
	$(BIN)/ruff check --quiet .
	$(BIN)/pyright --pythonpath $(BIN)/python

bench: .venv/.installed-test | $(KERNELS)
	$(BIN)/python -m benchmarks

reproduce: .venv/.installed-test | $(KERNELS)
	@for script in $(wildcard experiments/*.py); do echo "$$script"; \
		$(BIN)/python -m "$$(echo "$${script%.py}" | tr / .)" || exit 1; done

docs: .venv/.installed-docs
	$(BIN)/mkdocs build --strict --quiet --site-dir site

clean:
	rm -rf .venv out site
