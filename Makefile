# One short command for each job. `make` alone lists them.
SHELL := /bin/bash
VENV  := .venv
PY    := $(VENV)/bin/python
UV    := $(VENV)/bin/uv
# As pip, git and curl: the machine's certificates, among them a company's own, not uv's list.
export UV_SYSTEM_CERTS := 1

.PHONY: help venv venv-e2e lock check test stories
help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

venv: $(VENV)/.dev ## the Python environment for development
venv-e2e: $(VENV)/.e2e ## the same with TensorFlow and Envoy, for the cluster and the stories

$(VENV)/.uv:
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check uv
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.uv
	$(UV) pip install --python $(PY) --quiet -r requirements-dev.lock
	$(UV) pip install --python $(PY) --quiet --no-deps -e .
	@touch $@

$(VENV)/.e2e: requirements-e2e.lock $(VENV)/.dev
	$(UV) pip install --python $(PY) --quiet -r requirements-e2e.lock
	@touch $@

LOCK_IMAGE := $(UV) pip compile --quiet --python-version 3.11 --no-header --no-emit-index-url
LOCK := $(LOCK_IMAGE) --all-extras
lock: $(VENV)/.uv ## the locked versions, anew from pyproject.toml
	$(LOCK) --group dev pyproject.toml -o requirements-dev.lock
	$(LOCK) --group dev --group e2e pyproject.toml -o requirements-e2e.lock
	$(LOCK_IMAGE) --extra serving -c requirements-dev.lock pyproject.toml -o requirements.lock

check: $(VENV)/.e2e ## format, lint, types, layers and unit tests; changes nothing
	$(VENV)/bin/ruff format --check --quiet .
	$(VENV)/bin/ruff check --quiet .
	$(VENV)/bin/mypy operator/modelrollout tests e2e $(if $(wildcard bench/*.py bench/*/*.py),bench)
	$(VENV)/bin/lint-imports
	$(PY) -m pytest tests -m "not apiserver" --ignore tests/e2e_serving

test: $(if $(KUBECONFIG),,packages) $(VENV)/.e2e ## everything: check, API server, statistics, and the stories on a cluster of their own
	$(PY) -m e2e.suite

stories: $(VENV)/.e2e ## the stories alone, on the cluster of KUBECONFIG or on `make cluster-up`'s; STORY=03 picks one
	$(PY) -m pytest e2e $(if $(STORY),-k "story_$(STORY)")

.PHONY: crds
CRD := modelrollouts.modelrollout.dev.yaml
crds: $(VENV)/.dev ## the CustomResourceDefinition, anew from operator/modelrollout/api
	$(PY) -m modelrollout.resource.crd crds/$(CRD) charts/modelrollout/files/$(CRD)

.PHONY: docs
docs: $(VENV)/.dev ## the generated pages: command line, fields, what each input leads to
	$(PY) -m modelrollout.cli.reference docs/cli.md
	$(PY) -m tests.docs.reference
	$(PY) -m tests.docs.settings
	$(PY) -m tests.core.what_happens
	$(PY) -m tests.simulation.console

.PHONY: bench-stats bench-stats-quick
build:
	@mkdir -p build
bench-stats: $(VENV)/.dev build ## how right and how quick the verdicts are, beside other tools' rules; three hours of CPU (bench.stats --resume goes on)
	$(PY) -m bench.stats --json build/statistics.json
	$(PY) -m bench.stats.report build/statistics.json
	$(PY) -m bench.check build/statistics.json bench/goals.toml

bench-stats-quick: $(VENV)/.dev build ## the same with fewer runs and cells, as `make test` runs it
	$(PY) -m bench.stats --quick --json build/statistics-quick.json
	$(PY) -m bench.check build/statistics-quick.json bench/goals.toml

.PHONY: packages demo cluster-up cluster-down
packages:
	@e2e/cluster/bootstrap.sh

# Of all that it runs, so that each says the seconds since the start of the whole.
demo: export MAKE_BEGAN := $(shell date +%s)
demo: $(if $(KUBECONFIG),$(VENV)/.e2e,cluster-up) ## a good model promoted and a bad one rolled back, on a real cluster, with a picture
	@$(PY) -m e2e.demo

cluster-up: packages $(VENV)/.e2e ## a real Kubernetes with Istio, Envoy and Prometheus on this machine; repairs one, too
	@$(PY) -m e2e.cluster up

cluster-down: $(VENV)/.e2e ## remove it with all that belongs to it
	@$(PY) -m e2e.cluster down

.PHONY: bench-scale
bench-scale: $(VENV)/.e2e ## what hundreds of releases and thousands of rollouts cost, on an API server of its own (an hour)
	$(PY) -m bench.scale --write

.PHONY: bench
bench: bench-stats $(if $(KUBECONFIG),,cluster-up) ## every figure of bench/RESULTS.md anew: statistics, rewards, rollback, lost answers, operation, unfit versions, shadow (an hour)
	$(PY) -m bench.rewards --write
	$(PY) -m bench.rollback --write
	$(PY) -m bench.lost --write
	$(PY) -m bench.operation --write
	$(PY) -m bench.unfit --write
	$(PY) -m bench.shadow --write
