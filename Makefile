# Every target sets up what it needs: a virtual environment in .venv, from hashed requirements.
# Settings: PYTHON (which Python makes .venv), ARGS (handed to demo, smoke, bench, chaos and test).

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo smoke bench bench-report chaos test check lint types imports protos-check dashboards-check \
	protos baseline requirements image-requirements images kind-up e2e deploy-tools clean

BIN := .venv/bin
READY := .venv/set-up
BENCH_READY := .venv/bench-set-up
PYTHON_FILES := src services tests benchmarks chaos scripts/generate-protos scripts/lock-kafka-jars \
	scripts/deploy-tools scripts/generate-dashboards images/kafka/fetch-jars
ARGS ?=

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(READY) ## a live panel over a real Kafka, Spark and query service on this machine
	@$(BIN)/sottovoce demo $(ARGS)

smoke: $(READY) ## the demo by itself: ask everything, compare with the truth, stop
	@$(BIN)/sottovoce smoke $(ARGS)

test: $(READY) ## all tests, those with a real Kafka and Spark included
	@$(BIN)/pytest $(ARGS)

bench: $(BENCH_READY) ## the benchmarks, about three quarters of an hour; ARGS="consumer query" for some
	@$(BIN)/python -m benchmarks $(ARGS)

bench-report: $(BENCH_READY) ## docs/benchmarks.md and its plots, from the results of make bench
	@$(BIN)/python -m benchmarks.report

chaos: $(READY) ## faults against every process under load; ARGS="--seed 7 --faults 50", "--help"
	@$(BIN)/python -m chaos $(ARGS)

check: $(READY) lint types imports protos-check dashboards-check ## what CI checks besides the tests

lint: $(READY) ## style and format
	$(BIN)/ruff check $(PYTHON_FILES)
	$(BIN)/ruff format --check $(PYTHON_FILES)

types: $(READY) ## mypy, strict
	$(BIN)/mypy

imports: $(READY) ## which package may import which
	$(BIN)/lint-imports --no-cache

protos-check: $(READY) ## lint, breaking changes, drift of the generated code
	$(BIN)/buf lint protos
	$(BIN)/buf breaking protos --against protos/baseline.binpb
	$(BIN)/python scripts/generate-protos --check

dashboards-check: $(READY) ## drift of Grafana's dashboards
	$(BIN)/python scripts/generate-dashboards --check

protos: $(READY) ## generate src/sottovoce/wire/v1 from protos
	$(BIN)/python scripts/generate-protos

baseline: $(READY) ## make the protos of now what later ones must not break (at a release)
	$(BIN)/buf build protos --exclude-source-info --output protos/baseline.binpb

# Options of `uv pip compile`: hashes, no name of a registry's host.
PIN := $(BIN)/uv pip compile --universal --python-version 3.12 --generate-hashes --no-header \
	--no-annotate --no-emit-index-url --no-emit-find-links --quiet

requirements: $(READY) ## pin all dependencies again, with hashes
	$(PIN) pyproject.toml --all-extras --group dev --output-file requirements/dev.txt
	$(PIN) --group bench --constraints requirements/dev.txt --output-file requirements/bench.txt
	@$(MAKE) --no-print-directory image-requirements

image-requirements: $(READY) ## of those pinned, what each image needs
	for extra in producer consumer query dashboard; do \
		$(PIN) pyproject.toml --extra $$extra --constraints requirements/dev.txt \
			--output-file requirements/$$extra.txt || exit 1; \
	done
	printf 'hatchling\nsetuptools\n' | $(PIN) - --constraints requirements/dev.txt \
		--output-file requirements/build.txt

images: ## the images, with docker or buildah; TAG, REGISTRY, PYTHON_IMAGE as environment
	@scripts/build-images

kind-up: images ## a cluster by kind with the images loaded, for people with Docker
	@scripts/kind-up

e2e: $(READY) ## the chart on the cluster that KUBECONFIG names, from install to uninstall
	@SOTTOVOCE_E2E=1 $(BIN)/pytest tests/e2e/cluster --capture=no $(ARGS)

deploy-tools: $(READY) ## Helm 4 and 3 for tests/deploy, grpcurl (by Go) for e2e, into .local/tools
	@$(BIN)/python scripts/deploy-tools helm helm3 grpcurl

clean: ## remove all that was installed, downloaded or cached here
	rm -rf .venv .local .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src services tests scripts benchmarks chaos -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements/dev.txt pyproject.toml scripts/set-up
	@scripts/set-up

$(BENCH_READY): $(READY) requirements/bench.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--require-hashes --requirement requirements/bench.txt
	@touch $@
