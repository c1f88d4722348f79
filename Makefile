# Everything a newcomer needs: `make run` and `make test`. Both set up what they need in .venv.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
PEERS  := $(VENV)/.peers

.PHONY: run demo test lint setup peers docs pictures clean help

help:               ## show this list
	@grep -hE '^[a-z]+: .*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(READY)     ## make .venv with the bot and its development tools

$(READY): pyproject.toml tools/setup
	@PYTHON="$(PYTHON)" sh tools/setup $(VENV)
	@touch $@

run: $(READY)       ## start the sandbox, the bot and people who call it; Ctrl-C ends
	@$(BIN)/bot demo

demo: $(READY)      ## play each scenario once and print a table
	@$(BIN)/bot demo --once

peers: $(PEERS)     ## the browser and the vendor's SDK that the interop tests talk to

$(PEERS): $(READY) tools/peers tests/interop/package-lock.json
	@sh tools/peers && touch $@ || true

test: $(READY) $(PEERS)  ## run the tests
	@$(BIN)/python -m pytest

lint: $(READY)      ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

docs: $(READY)      ## write the reference pages from the models
	@$(BIN)/python -m tools.reference

pictures: $(READY)  ## draw the pictures of the README
	@$(BIN)/python -m tools.pictures

clean:              ## remove what setup made
	rm -rf $(VENV) tests/interop/node_modules
