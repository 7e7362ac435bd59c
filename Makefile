# Needs make, a POSIX shell and Python 3.11 or newer; another Python than python3: make demo PYTHON=python3.12
PYTHON ?= python3
RUN := .venv/bin/python -m
# Named after what is installed and where: changed requirements, and a checkout that was moved, are installed anew.
STAMP := .venv/installed-$(shell { pwd; cat pyproject.toml constraints.txt; } | cksum | cut -d ' ' -f 1)
INSTALL := pip install -c constraints.txt -e ".[dev]"
# Debian packages that tests need
TEST_PACKAGES := chromium

.PHONY: help demo test check bench campaign test-tools set-up
.DEFAULT_GOAL := help

help:
	@echo "make demo        install into .venv, then search, report and export on a small data set (minutes)"
	@echo "make test        install into .venv, then run the tests"
	@echo "make check       the tests, and before them ruff (lint and format) and mypy"
	@echo "make bench       measure training against the published way, a GPU's too, and the search's overhead (minutes)"
	@echo "make campaign    the long counts behind the tests, resumable (an hour); writes docs/campaign.md"
	@echo "make test-tools  install the Debian packages that tests need"
	@echo "make set-up      install into .venv only"

demo: $(STAMP)
	@.venv/bin/underbudget demo

# One torch thread in each of two processes: two threads on two busy cores are slower than one.
test: $(STAMP)
	@OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(RUN) pytest -n 2

check: $(STAMP)
	@$(RUN) ruff check .
	@$(RUN) ruff format --check .
	@$(RUN) mypy
	@OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(RUN) pytest -n 2

# Threads are each process's own matter here: the published way is measured with torch's default.
bench: $(STAMP)
	@.venv/bin/python benchmarks/training.py $(BENCH)
	@.venv/bin/python benchmarks/overhead.py
	@.venv/bin/python benchmarks/busy.py
	@.venv/bin/python benchmarks/cuda.py

campaign: $(STAMP)
	@OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 .venv/bin/python benchmarks/campaign.py

set-up: $(STAMP)
	@:

$(STAMP):
	@command -v "$(PYTHON)" >/dev/null || { echo "error: no $(PYTHON) found: install Python 3.11 or newer, or name one, \
	e.g. make demo PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "error: Python 3.11 or newer is needed, \
	$(PYTHON) is %d.%d: name another one, e.g. make demo PYTHON=python3.12" % sys.version_info[:2])'
	@echo "Installing into .venv: about 6 GB, most of it torch with CUDA, in a few minutes"
	@rm -f .venv/installed*
	@# An interrupted installation leaves packages without this file, which would pass for complete ones.
	@for package in .venv/lib/python*/site-packages/*.dist-info; do \
	    [ -e "$$package/INSTALLER" ] || rm -rf "$$package"; \
	done
	@"$(PYTHON)" -m venv .venv
	@# Of what they print, the filters leave the large packages. pip's own configuration may know indexes that uv doesn't.
	@{ $(RUN) pip install -qq -c constraints.txt uv && $(RUN) uv $(INSTALL) && touch $@; } 2>&1 | \
	    grep -Ev '^ [+~-] |^ +(Downloaded|Building|Built) |\([0-9.]{1,4}[KM]iB\)'; \
	[ -e $@ ] || { echo "Going on with pip, which is slower than uv"; \
	    { TMPDIR=$(CURDIR)/.venv $(RUN) $(INSTALL) && touch $@; } 2>&1 | \
	    grep -E '^ERROR|Downloading .* \(([0-9.]{5,} MB|[0-9.]+ GB)\)|^Success' | cut -c 1-119; }; \
	[ -e $@ ] || { echo "error: the installation is not complete: the same command again goes on from here" >&2; exit 1; }

test-tools:
	@missing=; \
	for package in $(TEST_PACKAGES); do \
	    dpkg-query -W -f '$${Status}' "$$package" 2>/dev/null | grep -q ' installed$$' || missing="$$missing $$package"; \
	done; \
	if [ -z "$$missing" ]; then \
	    echo "test-tools: nothing to install"; \
	elif [ "$$(id -u)" = 0 ]; then \
	    apt-get update -q && apt-get install -q -y --no-install-recommends $$missing; \
	else \
	    echo "error: tests need the Debian packages$$missing: as root, apt-get install$$missing" >&2; exit 1; \
	fi
