# rackplane: see `make help`. All targets install what they need first; a second run installs nothing.

SHELL := /bin/sh
export PATH := $(PATH):/usr/local/sbin:/usr/sbin:/sbin
export PYTHONUNBUFFERED := 1

BIN := .venv/bin
ROOMS := benchmarks cli compiler control ebpf experiments hosts p4src src switch tests topologies wire
# Racks need root. Who is not root uses sudo, whose question for a password set-up has asked already.
AS_ROOT := $(shell [ "$$(id -u)" -eq 0 ] || echo sudo --preserve-env=PATH,CI,PYTHONUNBUFFERED)

.DEFAULT_GOAL := help
.PHONY: help demo test lint bench fuzz clean setup-run setup-test setup-bench

help:  ## show this list
	@sed -n 's/^\([a-z]*\):[^#]*## */  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

demo: setup-run  ## install what is needed, bring up a rack and run PageRank in its memory (DEMO="--compute 4 ..." adds options)
	@$(AS_ROOT) $(BIN)/rackplane demo $(DEMO)

test: setup-test  ## install what is needed, run linters and all tests (TESTS="-k pager ..." adds pytest options)
	@status=0; \
	$(MAKE) --no-print-directory lint || status=1; \
	echo "==> pytest"; \
	$(AS_ROOT) $(BIN)/python -m pytest $(TESTS) || status=1; \
	exit $$status

lint: setup-test  ## check format, style and types
	@echo "==> ruff" && $(BIN)/ruff format --check $(ROOMS) && $(BIN)/ruff check $(ROOMS)
	@echo "==> mypy" && $(BIN)/mypy -p rackplane

bench: setup-bench  ## measure the memory path and the switch on this machine, each against its goals
	@status=0; \
	$(AS_ROOT) $(BIN)/rackplane bench memory || status=1; \
	$(AS_ROOT) $(BIN)/rackplane bench switch || status=1; \
	exit $$status

fuzz: setup-run  ## send a million made-up packets through each of the switch's programs (FUZZ="l2 --packets 1000 ..." adds options)
	@$(AS_ROOT) $(BIN)/rackplane fuzz $(FUZZ)

clean:  ## remove what was built and installed here (.venv, build); Debian packages stay
	@$(AS_ROOT) rm -rf .venv .venv-* build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@$(AS_ROOT) find $(ROOMS) -name __pycache__ -type d -prune -exec rm -rf {} +

setup-run:
	@setup/setup.sh

setup-test:
	@setup/setup.sh test

setup-bench:
	@setup/setup.sh bench
