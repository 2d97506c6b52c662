# The verbs of this project. `make` alone lists them.
#   make serve DEVICE=gpu   the GPU build of ONNX Runtime (default: gpu where nvidia-smi answers)
#   make test ARGS="tests/unit -k window"

VENV ?= .venv
BIN := $(VENV)/bin
ifeq ($(origin DEVICE),undefined)
DEVICE := $(if $(shell nvidia-smi -L 2>/dev/null),gpu,cpu)
endif
ARGS ?=
ROOMS := pipeline stream_server export benchmarks onnx_models
RUNTIME := $(VENV)/.fakewatch-$(DEVICE)
DEV := $(VENV)/.fakewatch-dev
INPUTS := pyproject.toml constraints.txt
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

# cpu and gpu builds of ONNX Runtime overwrite each other: the other one has to go first.
RIVAL := $(if $(filter gpu,$(DEVICE)),onnxruntime,onnxruntime-gpu)

.PHONY: help serve training test lint types audit faults bench check clean
.DELETE_ON_ERROR:

help: ## list the verbs
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

serve: $(RUNTIME) ## set up what is missing, start the service and open its page
	@$(BIN)/fakewatch serve --open $(ARGS)

training: $(RUNTIME) ## install what the verbs data, train, evaluate and export need
	@$(PIP) --editable '.[$(DEVICE),train]'

test: $(DEV) ## run every test layer; what this machine cannot run is skipped with its reason
	@$(BIN)/python -m pytest $(ARGS)

lint: $(DEV) ## style, formatting and who may import whom
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports

types: $(DEV) ## mypy --strict on every room
	@$(BIN)/mypy

audit: $(DEV) ## insecure code, and known weaknesses of the pinned packages (OFFLINE=1 leaves those out)
	@$(BIN)/ruff check --select S
	@$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(ROOMS)
	@$(if $(OFFLINE),,$(BIN)/pip-audit --strict --requirement constraints.txt --no-deps --disable-pip)

faults: $(DEV) ## inject every fault by its test; writes docs/faults.md
	@$(BIN)/python -m benchmarks.faults $(ARGS)

bench: $(DEV) ## measure on this machine; writes benchmarks/results/*.json
	@$(BIN)/python -m benchmarks $(ARGS)

check: lint types test ## all that has to hold before a change is shown

clean: ## forget the virtual environment and the caches
	rm -rf $(VENV) build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache

$(VENV)/pyvenv.cfg:
	@for name in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	  if $$name -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    echo "Making $(VENV) with $$($$name --version) ..."; \
	    exec $$name -m venv $(VENV); \
	  fi; \
	done; \
	echo 'fakewatch needs Python 3.11 or newer with its venv module.' >&2; \
	echo 'Debian, Ubuntu: apt install python3 python3-venv. Fedora: dnf install python3. macOS: brew install python.' >&2; \
	exit 1

$(RUNTIME): $(VENV)/pyvenv.cfg $(INPUTS)
	@echo 'Installing fakewatch for $(DEVICE) into $(VENV) (once; a minute or two) ...'
	@$(BIN)/python -m pip --disable-pip-version-check uninstall --quiet --yes $(RIVAL) 2>/dev/null || true
	@$(PIP) --editable '.[$(DEVICE)]'
	@rm -f $(VENV)/.fakewatch-*; touch $@

$(DEV): $(RUNTIME)
	@echo 'Installing the tools of development into $(VENV) (once) ...'
	@$(PIP) --editable '.[$(DEVICE),dev]'
	@touch $@
