# Everything a person types here. `make demo` and `make test` need Python 3.11+ and make, no more.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
PEER   := .venv-peer
PEER1  := .venv-peer-1
PEER2  := .venv-peer-2
CLOUDS := .venv-clouds
BIN    := $(VENV)/bin

.PHONY: help demo test test-fast lint format bench lock clean

help:            ## this list
	@grep -hE '^[a-z-]+:.*##' Makefile | sed -E 's/:[^#]*##/\t/' | expand -t 14

demo: $(VENV)/.demo  ## train a classifier, log it, serve it, build its image, call the container
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/demo.sh

test: $(VENV)/.dev $(PEER)/.done $(PEER1)/.done $(PEER2)/.done $(CLOUDS)/.done .cache/azurite/.done  ## every test: units, real servers, the peer both ways, containers
	@$(BIN)/python .ci/require.py
	MLPACK_PEER_PYTHON="$(CURDIR)/$(PEER)/bin/python" \
	MLPACK_PEER1_PYTHON="$(CURDIR)/$(PEER1)/bin/python" \
	MLPACK_PEER2_PYTHON="$(CURDIR)/$(PEER2)/bin/python" \
	MLPACK_CLOUDS_PYTHON="$(CURDIR)/$(CLOUDS)/bin/python" $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

test-fast: $(VENV)/.dev  ## the unit tests alone, which need no engine and no server
	$(BIN)/python -m pytest -n auto -m "not docker and not peer and not server and not fresh_env and not db and not cloud" $(ARGS)

lint: $(VENV)/.dev  ## ruff (lint and format) and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@mkdir -p .cache/package && ln -sfn ../.. .cache/package/mlpack
	$(BIN)/mypy

format: $(VENV)/.dev  ## let ruff rewrite the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev $(PEER)/.done  ## the measured claims, the peer beside us in the same run
	$(BIN)/python benchmarks/run.py --peer-python "$(CURDIR)/$(PEER)/bin/python" $(ARGS)

lock: $(VENV)/.dev  ## write the lock files anew (hashes, no addresses)
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --extra sklearn --extra uv --group demo pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --all-extras --group demo --group dev pyproject.toml -o requirements-dev.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --group pyproject.toml:peer -o requirements-peer.lock
	for generation in 1 2; do \
	  $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    --no-header --group pyproject.toml:peer-$$generation -o requirements-peer-$$generation.lock; done
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	  --no-header --group pyproject.toml:clouds -o requirements-clouds.lock

clean:           ## remove what make made (never mlruns/)
	rm -rf $(VENV) $(PEER) $(PEER1) $(PEER2) $(CLOUDS) .cache tracking_server/ui/static/lib build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache

# --- virtual environments: made once, made again when a lock changes -----------------------------
$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "No Python found. Install Python 3.11 or later (Debian: apt-get install python3 python3-venv)."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "$(PYTHON) is older than 3.11. Name another: make PYTHON=/path/to/python3.11 …"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments. Debian: apt-get install python3-venv"; exit 1; }
	@echo "Making a virtual environment in $(VENV) …"
	@$(PYTHON) -m venv $(VENV)

# Installed from the lock alone: hashes are checked, then our own package without any resolving.
# uv (itself by its hash in the lock) takes seconds; where it fails, say because only pip knows
# how to reach the package index here, pip does the same.
define install
	@awk '/^uv==/ {found = 1} found {print} found && !/\\$$/ {exit}' $(1) >$(VENV)/uv.txt
	@$(BIN)/python -m pip install -q --require-hashes -r $(VENV)/uv.txt
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r $(1) \
	  || $(BIN)/python -m pip install -q --require-hashes -r $(1)
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps -e . \
	  || $(BIN)/python -m pip install -q --no-deps -e .
endef

UI := setup.py $(wildcard tracking_server/ui/libraries/*)

$(VENV)/.demo: requirements.lock pyproject.toml $(UI) | $(VENV)/bin/python
	@echo "Installing mlpack and what it needs (from requirements.lock) …"
	$(call install,requirements.lock)
	@touch $@

$(VENV)/.dev: requirements-dev.lock pyproject.toml $(UI) | $(VENV)/bin/python
	@echo "Installing mlpack and its development tools (from requirements-dev.lock) …"
	$(call install,requirements-dev.lock)
	@touch $@ $(VENV)/.demo

# The peer lives in environments of its own, one a generation; nothing of ours is installed there.
# Python 3.11, because the oldest has no wheels for a later one.
define peer
	@echo "Installing the MLflow package in $(@D) (for the compatibility tests) …"
	@$(BIN)/uv venv -q --clear --python 3.11 $(@D)
	@$(BIN)/uv pip install -q --python $(@D)/bin/python --require-hashes -r $<
	@touch $@
endef

$(PEER)/.done: requirements-peer.lock | $(VENV)/.dev
	$(peer)

$(PEER1)/.done: requirements-peer-1.lock | $(VENV)/.dev
	$(peer)

$(PEER2)/.done: requirements-peer-2.lock | $(VENV)/.dev
	$(peer)

# Independent clients and servers of the clouds: SageMaker's SDK, KServe's models, an ECR.
$(CLOUDS)/.done: requirements-clouds.lock | $(VENV)/.dev
	@echo "Installing independent clients of the clouds in $(@D) (for the tests of deploy targets) …"
	@$(BIN)/uv venv -q --clear --python 3.11 $(@D)
	@$(BIN)/uv pip install -q --python $(@D)/bin/python --require-hashes -r $<
	@touch $@

# Speaks Azure Blob; a Node program.
.cache/azurite/.done:
	@command -v npm >/dev/null || { echo "The tests of Azure Blob need npm (Debian: apt-get install npm)."; exit 1; }
	@mkdir -p $(@D)
	npm install --silent --no-audit --no-fund --no-save --prefix $(@D) azurite@3.35.0
	@touch $@
