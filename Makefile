# Every verb a newcomer, a developer or CI needs. `make demo` first, `make test` second.
SHELL := /bin/bash
# Compiled files make every start and every test run seconds faster.
unexport PYTHONDONTWRITEBYTECODE
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SOURCES := telephony crm_core screenpop web tests bench hatch_build.py

.PHONY: setup demo serve test lint e2e bench lock clean

setup: $(STAMP)
	@$(BIN)/python -c "from web.frontend import vendor; vendor.check()" 2>/dev/null || $(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .

$(STAMP): pyproject.toml requirements.lock requirements-dev.lock hatch_build.py web/frontend/package.json web/frontend/package-lock.json web/frontend/build.mjs
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing: apt-get install python3-venv"; exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e .
	@$(BIN)/python -m compileall -q telephony crm_core screenpop web
	@touch $(STAMP)

demo: setup
	@exec $(BIN)/callcard demo

test: setup
	$(BIN)/pytest tests --ignore=tests/e2e -n auto --dist loadfile --cov --cov-report=
	$(BIN)/python -m tests.pure_coverage

lint: setup
	$(BIN)/ruff format --check $(SOURCES)
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/mypy
	$(BIN)/lint-imports

e2e: setup
	bash tests/e2e/install.sh
	$(BIN)/pytest tests/e2e

bench: setup
	$(BIN)/python -m bench

lock: setup
	$(BIN)/uv pip compile --quiet --generate-hashes --no-strip-extras --no-emit-index-url --no-header --python-version 3.11 --python-platform x86_64-manylinux_2_28 pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --generate-hashes --no-strip-extras --no-emit-index-url --no-header --python-version 3.11 --python-platform x86_64-manylinux_2_28 --extra dev pyproject.toml -o requirements-dev.lock

clean:
	rm -rf $(VENV) var web/static/vendor web/frontend/node_modules build dist *.egg-info
