# make help lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
UV_VERSION := 0.13.9
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
PYTHON ?= python3
TORCH := .venv-torch
export UV_PROJECT_ENVIRONMENT := .venv

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: .venv/.ready ## the environment, into .venv; Java by apt where that is allowed

.venv/.ready: pyproject.toml uv.lock scripts/system.sh
	@bash scripts/system.sh $(PYTHON)
	@command -v uv >/dev/null || test -x .uv/bin/uv || \
	  ($(PYTHON) -m venv .uv && .uv/bin/pip install -q --disable-pip-version-check uv==$(UV_VERSION))
	$(UV) sync --locked --all-extras --all-groups --python $(PYTHON) --quiet
	@touch $@

demo: setup ## draw posts, store them, search with a photo: the tour, into demo-out/
	.venv/bin/matching-spark demo

test: setup ## every fast test
	.venv/bin/pytest

test-cluster: setup ## the main job on a real HDFS and Spark cluster, with every fault
	.venv/bin/pytest -m '' tests/cluster

PEERS := .venv-texts/.ready .venv-spark43/.ready

.venv-texts/.ready: benchmarks/peers/texts.txt | setup
	$(UV) venv --quiet --python $(PYTHON) .venv-texts
	$(UV) pip install --quiet --python .venv-texts/bin/python -r $<
	@touch $@

.venv-spark43/.ready: benchmarks/peers/spark43.txt | setup
	$(UV) venv --quiet --python $(PYTHON) .venv-spark43
	$(UV) pip install --quiet --python .venv-spark43/bin/python -r $<
	@touch $@

bench: setup $(PEERS) ## every benchmark at its small size, some minutes; writes BENCHMARKS.md
	.venv/bin/python -m benchmarks

bench-full: setup $(PEERS) ## the large sizes and all peers, an hour or more
	.venv/bin/python -m benchmarks --full

lint: setup ## ruff and mypy
	.venv/bin/ruff check .
	.venv/bin/ruff format --check src tests benchmarks
	.venv/bin/mypy

environment: setup ## dist/environment.tar.gz: what executors need that do not have the project
	@rm -rf dist/environment && mkdir -p dist
	$(UV) venv --quiet --relocatable --python $(PYTHON) dist/environment
	$(UV) export --quiet --locked --no-dev --extra hdfs --no-emit-project --no-emit-package pyspark \
	  --no-emit-package py4j --output-file dist/requirements.txt
	$(UV) pip install --quiet --python dist/environment/bin/python -r dist/requirements.txt
	.venv/bin/python -m hatchling build -t wheel -d dist/wheel
	$(UV) pip install --quiet --python dist/environment/bin/python --no-deps --reinstall dist/wheel/*.whl
	tar -C dist/environment -cf - . | gzip -1 > dist/environment.tar.gz

$(TORCH)/.ready: training/requirements.txt | setup
	$(UV) venv --quiet --python $(PYTHON) $(TORCH)
	$(UV) pip install --quiet --python $(TORCH)/bin/python -r training/requirements.txt
	@touch $@

test-parity: $(TORCH)/.ready ## our vectors against open_clip's, by hand: it fetches torch
	PYTHONPATH=src:. $(TORCH)/bin/pytest -q -W ignore -p no:cacheprovider --rootdir parity parity

model: $(TORCH)/.ready ## train the small CLIP again, export and measure it: some CPU hours
	$(TORCH)/bin/python training/train.py --data training/data --out training/data/small.pt
	$(TORCH)/bin/python training/export.py training/data/small.pt src/matching_spark/models/small-clip
	$(TORCH)/bin/python training/evaluate.py src/matching_spark/models/small-clip \
	  --data training/data --out training/data/measured.json
	$(TORCH)/bin/python training/card.py src/matching_spark/models/small-clip \
	  --measured training/data/measured.json --curve training/data/small.csv

clean: ## remove what the targets made
	rm -rf .venv $(TORCH) .uv demo-out .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help setup demo test test-cluster environment test-parity model bench bench-full lint clean
