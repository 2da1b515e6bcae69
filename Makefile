# `make` lists what can be done. Everything it needs beyond Python 3.11, Node 20 and make it fetches itself.

PYTHON ?= python3
BIN := .venv/bin
TEMPLATES := bothwell/web/templates
# Words for pytest, or for the start: make test ARGS="tests/privacy -q", make serve ARGS="--port 8100"
ARGS ?=
# As root nothing stands before apt-get; others need sudo.
SUDO := $(shell [ "$$(id -u)" = 0 ] || command -v sudo)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help demo serve prepare test check pictures bench format install locks clean chromium pango

help: ## list these words
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: .venv/.running node_modules/.built pango ## open a made-up clinic at http://localhost:8000
	@$(BIN)/bothwell serve --demo $(ARGS)

serve: .venv/.running node_modules/.built pango ## open the clinic of BOTHWELL_HOME (default: var)
	@$(BIN)/bothwell serve $(ARGS)

prepare: .venv/.running node_modules/.built pango ## fetch and build what `make serve` needs, without starting it
	@$(BIN)/python -m compileall -q bothwell

test: install chromium pango ## run every test, those in a browser too
ifeq ($(strip $(ARGS)),)
	@# Side by side what shares nothing, file by file in order (else the three longest tests come last, and alone);
	@# alone what measures seconds; then browsers, two side by side, each before a clinic of its own.
	@failed=0; \
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder --ignore tests/browser --ignore tests/survival || failed=1; \
	$(BIN)/python -m pytest tests/survival || failed=1; \
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder tests/browser || failed=1; \
	exit $$failed
else
	$(BIN)/python -m pytest $(ARGS)
endif

check: install ## format, lint, templates, types, walls between the parts; then the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/djlint --lint --quiet $(TEMPLATES)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(MAKE) test

pictures: install chromium ## take the pictures of the README anew
	$(BIN)/python -m tests.pictures

bench: install chromium ## measure what must stay fast
	$(BIN)/python -m benchmarks.pages
	$(BIN)/python -m benchmarks.feed
	$(BIN)/python -m benchmarks.live
	$(BIN)/python -m benchmarks.forms

format: install ## lay out the code as the house does
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

install: .venv/.developing node_modules/.built ## everything for developing, without running anything

locks: install ## choose the newest allowed versions and write them down with their hashes
	$(BIN)/uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet uv
	$(BIN)/uv $(COMPILE) --upgrade --extra test --extra dev -o requirements-dev.lock
	$(BIN)/uv $(COMPILE) --upgrade -c requirements-dev.lock -o requirements.lock

COMPILE := pip compile pyproject.toml --quiet --generate-hashes --universal --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make locks"

clean: ## remove what was built; a clinic's data in var stay
	rm -rf .venv node_modules bothwell/web/static/vendor build dist *.egg-info
	find . -name __pycache__ -not -path './var/*' -prune -exec rm -rf {} +
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .grimp_cache

# ── the environments, each made once and again only when what it comes from changes ────────────────────────────

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Bothwell needs Python 3.11 or newer; name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || { $(call apt,python3-venv); }
	$(PYTHON) -m venv .venv

.venv/.running: requirements.lock pyproject.toml | .venv/bin/python
	[ -e .venv/.developing ] || $(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps -e .
	@touch $@

.venv/.developing: requirements-dev.lock pyproject.toml | .venv/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --no-deps -e .
	@touch .venv/.running $@

node_modules/.built: package.json package-lock.json $(wildcard frontend/*)
	@command -v npm >/dev/null || { echo "npm is missing: install Node 20 or newer."; exit 1; }
	npm ci --no-fund --no-audit
	npm run build
	@touch $@

chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || { $(call apt,chromium); }

# What sets the letters of a PDF. Without it everything else works.
pango: | .venv/bin/python
	-@$(BIN)/python -c 'import ctypes.util as c, sys; sys.exit(not (c.find_library("pangoft2-1.0") and c.find_library("harfbuzz-subset")))' \
		|| { $(call apt,libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0); }

define apt
if ! command -v apt-get >/dev/null || { [ "$$(id -u)" != 0 ] && [ -z "$(SUDO)" ]; }; then \
	echo "$(1) is missing, and this user cannot install it. Install it with the system's package manager."; exit 1; \
fi; $(SUDO) apt-get update -q && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $(1)
endef
