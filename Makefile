# make help lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
PYTHON ?= python3
TORCH := .venv-torch
export UV_PROJECT_ENVIRONMENT := .venv

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: .venv/.ready ## the environment, into .venv; Java by apt where that is allowed

.venv/.ready: pyproject.toml uv.lock scripts/system.sh scripts/uv.txt
	@bash scripts/system.sh $(PYTHON)
	@command -v uv >/dev/null || test -x .uv/bin/uv || \
	  ($(PYTHON) -m venv .uv && .uv/bin/pip install -q --disable-pip-version-check --require-hashes -r scripts/uv.txt)
	@echo "fetching libraries into .venv: 0.9 GB, more than half of it Spark; 2 GB on disk, a minute or more ..." >&2
	$(UV) sync --locked --all-extras --all-groups --python $(PYTHON) --quiet
	@touch $@

demo: setup ## draw posts, store them, search with a photo: the tour, into demo-out/; PHOTOS=folder: with your own
	.venv/bin/matching-spark demo $(if $(PHOTOS),--photos "$(PHOTOS)")

# A process each core: the products of a process that has two threads wait for one another, for so long
# that a test of seconds takes a minute.
TWO := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 .venv/bin/pytest -n 2 --dist loadfile --no-loadscope-reorder --durations 10

test: setup ## every fast test, in two processes
	$(TWO) --dist loadgroup

CLUSTER := $(TWO) -m cluster
FAULTS := tests/cluster/test_killed.py tests/cluster/test_faults.py

test-cluster: setup ## the main job on a real HDFS and Spark cluster, in every deployment
	$(CLUSTER) tests/cluster $(addprefix --ignore ,$(FAULTS))

test-faults: setup ## a cluster whose daemons, drivers and disks fail
	$(CLUSTER) $(FAULTS)

test-processes: setup ## processes with a Spark of their own: where they listen, how they end
	$(TWO) -m processes

test-long: setup ## a table's life over many commits, adoption, new vectors; files that unpack to gigabytes
	$(TWO) -m long

test-races: setup ## writers of one folder, in processes of their own: nothing acknowledged is lost
	$(TWO) --dist load -m races tests/races

# 200 once in a while: make test-kills KILLS=200
test-kills: setup ## writer, service and merger of a journal killed at any moment, 20 times: nothing answered is lost or doubled
	KILLS=$(or $(KILLS),20) .venv/bin/pytest -m kills --timeout 7200 -s --durations 10 tests/kills

fuzz: setup ## rows, names and photos spoilt at random, for ten minutes
	.venv/bin/pytest -m fuzz -p no:randomly tests/fuzz

test-notebook: setup ## the notebook from a clean kernel
	.venv/bin/pytest -m notebook tests/notebook

BROWSER := tests/browser/node_modules/.ready

$(BROWSER): tests/browser/package-lock.json scripts/browser.sh
	@bash scripts/browser.sh
	npm ci --prefix tests/browser --no-audit --no-fund --ignore-scripts --loglevel=error
	@touch $@

test-browser: setup $(BROWSER) ## the service's pages in Chromium, which apt installs where that is allowed
	$(TWO) -m browser tests/browser

pictures: setup $(BROWSER) ## pictures of the service's pages, into pictures/, and those of the docs
	.venv/bin/python -m scripts.pictures

notebook: setup ## run the notebook and keep its outputs
	.venv/bin/python scripts/notebook.py

test-package: setup ## the wheel in an empty environment
	.venv/bin/pytest -m package tests/package

docs: setup ## the site, into site/; its links are checked
	NO_MKDOCS_2_WARNING=1 .venv/bin/mkdocs build --strict --quiet
	@echo "open site/index.html in a browser; it needs no server and no network"

PEERS := .venv-texts/.ready .venv-spark43/.ready

.venv-%/.ready: benchmarks/peers/%.txt | setup
	$(UV) venv --quiet --clear --python $(PYTHON) .venv-$*
	$(UV) pip install --quiet --python .venv-$*/bin/python -r $<
	@touch $@

VIT := benchmarks/models/ViT-B-32

$(VIT)/config.json: | $(TORCH)/.ready
	PYTHONPATH=src $(TORCH)/bin/python -m matching_spark.main models export ViT-B-32 $(VIT)

bench: setup $(PEERS) ## every benchmark at its small size, some minutes; writes BENCHMARKS.md
	.venv/bin/python -m benchmarks

bench-full: setup $(PEERS) .venv-spark35/.ready $(VIT)/config.json ## the large sizes and all peers, two hours or more
	.venv/bin/python -m benchmarks --full

house: ## every storey and room of the package, and what each is for
	@$(PYTHON) scripts/house.py

lint: setup ## ruff, mypy, that modules import only downwards, that every licence is known
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports --no-logo
	@.venv/bin/python scripts/licences.py >/dev/null

licences: setup ## every distribution here and every library in its wheel, with its licence
	@.venv/bin/python scripts/licences.py

environment: setup ## dist/environment.tar.gz: what executors need that do not have the project
	@rm -rf dist/environment && mkdir -p dist
	$(UV) venv --quiet --relocatable --python $(PYTHON) dist/environment
	$(UV) export --quiet --locked --no-dev --extra hdfs --no-emit-project --no-emit-package pyspark \
	  --no-emit-package py4j --output-file dist/requirements.txt
	$(UV) pip install --quiet --compile-bytecode --python dist/environment/bin/python -r dist/requirements.txt
	.venv/bin/python -m hatchling build -t wheel -d dist/wheel
	$(UV) pip install --quiet --compile-bytecode --python dist/environment/bin/python --no-deps --reinstall dist/wheel/*.whl
	.venv/bin/python scripts/licences.py dist/environment > dist/environment/LICENCES.txt
	cp NOTICE dist/environment/NOTICE.txt
	tar -C dist/environment --exclude='*/site-packages/*/tests' -cf - . | gzip -1 > dist/environment.tar.gz

$(TORCH)/.ready: training/requirements.txt | setup
	$(UV) venv --quiet --clear --python $(PYTHON) $(TORCH)
	$(UV) pip install --quiet --python $(TORCH)/bin/python -r training/requirements.txt
	@touch $@

test-parity: $(TORCH)/.ready ## our vectors against open_clip's, by hand: it fetches torch
	PYTHONPATH=src:. $(TORCH)/bin/pytest -W ignore -p no:cacheprovider --rootdir parity parity

MODEL := src/matching_spark/models/small-clip
DATA := training/data
# make model STEPS=20 MODEL=/tmp/model DATA=/tmp/data: the whole way in minutes, for a model of no use.
STEPS :=
FLAGS = --data $(DATA) $(if $(STEPS),--steps $(STEPS))
# A folder of photographs (training/photographs.py fills it): only for figures on them and int8's ranges measured anew.
PHOTOGRAPHS :=
SEEN = $(if $(PHOTOGRAPHS),--photographs $(PHOTOGRAPHS))
TRAIN := PYTHONPATH=src $(TORCH)/bin/python training

model: $(TORCH)/.ready ## train the small CLIP again, measure it, write its card: 40 minutes of a core
	$(TRAIN)/image.py $(FLAGS) --out $(DATA)/image.pt
	$(TRAIN)/hue.py $(DATA)/image.pt $(FLAGS) --out $(DATA)/hue.pt
	$(TRAIN)/text.py $(FLAGS) --out $(DATA)/text.pt
	$(TRAIN)/export.py $(MODEL) --data $(DATA) $(SEEN)
	$(TRAIN)/evaluate.py $(MODEL) --data $(DATA) --out $(DATA)/drawn.json
	$(TRAIN)/card.py $(MODEL) --measured $(DATA)/drawn.json --curves $(DATA)
	@$(if $(PHOTOGRAPHS),,echo "how sure a name is: of drawings only; make confidence PHOTOGRAPHS=folder learns it of photographs too")
	$(MAKE) confidence

confidence: $(TORCH)/.ready ## how sure the model is of what it calls a photo; PHOTOGRAPHS=folder: of photographs too
	$(TRAIN)/describe.py $(MODEL) --data $(DATA) $(SEEN)

clean: ## remove what the targets made, but the hours of training that training/data has
	rm -rf .venv .venv-* .uv tests/browser/node_modules demo-out dist site pictures .benchmarks benchmarks/models \
	  .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help setup demo fuzz house licences test test-long test-cluster environment test-parity model confidence bench bench-full lint clean docs test-races test-kills test-package test-notebook test-faults test-processes notebook test-browser pictures
