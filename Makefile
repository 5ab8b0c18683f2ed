# Featherline's verbs. `make` alone prints them; CI calls the same ones.
.DEFAULT_GOAL := help
.PHONY: help demo up down test unit rehearse lint schema bench overhead images base-image clean environments
SHELL := /bin/bash

PYTHON := python3
TASKS := .venvs/tasks/bin
AIRFLOW := .venvs/airflow/bin
READY := .venvs/tasks.ready .venvs/airflow.ready
FEATHERLINE := $(TASKS)/python -m featherline

help:  ## print the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(READY)  ## run recipe digits on a stack of its own, from set-up to the table of candidates
	@$(FEATHERLINE) demo

up: $(READY)  ## start SeaweedFS, MLflow and Airflow on loopback and keep them running
	@$(FEATHERLINE) up

down: $(READY)  ## stop them, and whatever a crash has left behind
	@$(FEATHERLINE) down

test: lint unit rehearse  ## lint, types, import walls and all tests (half an hour)

unit: $(READY)  ## the tests of both environments' parts
	$(TASKS)/python -m pytest tests --numprocesses 2 --dist loadfile --ignore tests/plugins --ignore tests/dags --ignore tests/end_to_end
	$(AIRFLOW)/python -m pytest tests/plugins tests/dags

rehearse: $(READY)  ## the end-to-end tests: whole runs, kills and restarts on stacks of their own
	$(TASKS)/python -m pytest tests/end_to_end

lint: $(READY)  ## format, style, types and import walls
	$(TASKS)/ruff format --check .
	$(TASKS)/ruff check .
	$(TASKS)/mypy featherline/*.py featherline/stack featherline/tasks tools
	$(AIRFLOW)/mypy featherline/airflow featherline/dags
	$(TASKS)/lint-imports

schema: .venvs/tasks.ready  ## write docs/recipe.schema.json and the tables of docs/recipes.md anew from the contracts
	@$(TASKS)/python -m tools.write_schema

bench: $(READY)  ## measure compression against other tools (a night), WIDE=…, NARROW=… float ResNet-20s, DATA=… CIFAR-10
	@if [ -z "$(WIDE)" ] || [ -z "$(NARROW)" ] || [ -z "$(DATA)" ]; then \
		echo 'bench: needs two float ResNet-20s for CIFAR-10, and the images, as `featherline data cifar10` brings them'; \
		echo "  fix  make bench WIDE=resnet20_w60.keras NARROW=resnet20_w16.keras DATA=cifar10/ [SEEDS=3]"; exit 65; fi
	$(TASKS)/python -m benchmarks.seed_case --wide $(WIDE) --narrow $(NARROW) --data $(DATA) --seeds $(or $(SEEDS),1)

overhead: $(READY)  ## measure what Airflow and the containers cost beside the work (8 minutes)
	$(TASKS)/python benchmarks/overhead.py

images:  ## build the images of the steps and of Airflow (docker/build.sh says how)
	@docker/build.sh

base-image:  ## make the images' base from Debian's packages where no registry is reachable (root, debootstrap)
	@docker/base-image.sh featherline-base:bookworm

clean: down  ## remove state, environments and caches
	rm -rf var .venvs .pytest_cache .mypy_cache .ruff_cache .import_linter_cache

.venvs/%.ready: uv.lock pyproject.toml tools/bootstrap.py
	@$(PYTHON) tools/bootstrap.py $*
	@touch $@
