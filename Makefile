# Every target does its own set-up; `make` alone lists them.
SHELL := /bin/bash
BIN := .venv/bin
WORKERS ?= 2

.PHONY: help demo test lint bench screens campaign lock clean

help:
	@echo "make demo             one whole batch on a simulated device, then the site stays up (Ctrl-C ends it)"
	@echo "make demo EXIT=1      the same, and ends after the batch; results in var/demo/out"
	@echo "make test             every check and test; WORKERS=2"
	@echo "make lint             style, types and import contracts alone"
	@echo "make bench            lists the measurements; make bench NAME=fsync runs one"
	@echo "make screens          takes the screenshots of the README from a demo site"
	@echo "make campaign         the long fault runs"
	@echo "make lock             resolves the two lock files anew (needs uv)"
	@echo "make clean            removes .venv, var and caches"

demo:
	@tools/setup run
	@$(BIN)/mes demo $(if $(EXIT),--exit)

test:
	@tools/setup dev
	@$(BIN)/python -m tests.house.figures
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not campaign" --durations=15 \
	  --junitxml=var/test-results.xml $(ARGS)

lint:
	@tools/setup dev
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports --no-cache

bench:
	@tools/setup dev
	@$(BIN)/python -m bench $(NAME)

screens:
	@tools/setup dev
	@$(BIN)/python tools/screens.py docs/screens

campaign:
	@tools/setup dev
	@$(BIN)/pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m campaign --junitxml=var/campaign.xml $(ARGS); \
	 code=$$?; $(BIN)/python -m tests.campaign.table var/campaign.xml; \
	 if [ $$code = 5 ]; then echo "campaign: there is no campaign test yet"; exit 0; fi; exit $$code

lock:
	@tools/lock

clean:
	rm -rf .venv var dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
