# make help lists the targets.
SHELL := /bin/bash
.DEFAULT_GOAL := help
UV_VERSION := 0.13.9
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
PYTHON ?= python3
export UV_PROJECT_ENVIRONMENT := .venv

help: ## what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

setup: .venv/.ready ## the environment, into .venv; Java by apt where that is allowed

.venv/.ready: pyproject.toml uv.lock scripts/system.sh
	@bash scripts/system.sh $(PYTHON)
	@command -v uv >/dev/null || test -x .uv/bin/uv || \
	  ($(PYTHON) -m venv .uv && .uv/bin/pip install -q --disable-pip-version-check uv==$(UV_VERSION))
	$(UV) sync --locked --all-extras --python $(PYTHON) --quiet
	@touch $@

demo: setup ## draw posts, store them, search with a photo: the tour, into demo-out/
	.venv/bin/matching-spark demo

test: setup ## every fast test
	.venv/bin/pytest

lint: setup ## ruff and mypy
	.venv/bin/ruff check .
	.venv/bin/ruff format --check src tests
	.venv/bin/mypy

clean: ## remove what the targets made
	rm -rf .venv .uv demo-out .pytest_cache .mypy_cache .ruff_cache .hypothesis

.PHONY: help setup demo test lint clean
