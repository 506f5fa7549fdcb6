# Every habit of this project is one target. Nothing is installed outside of $(VENV).
VENV   ?= .venv
PYTHON ?= python3
BIN    := $(VENV)/bin

.PHONY: demo test test-fast test-cases fuzz test-crash test-machine test-thrash test-trust lint format bench growth clean

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

$(VENV)/.demo: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[demo]'
	@touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	@touch $@ $(VENV)/.demo

$(VENV)/.rigs: $(BIN)/python tests/rigs/package.json tests/rigs/package-lock.json
	mkdir -p $(VENV)/rigs
	cp -r tests/rigs/package.json tests/rigs/package-lock.json tests/rigs/no-telemetry $(VENV)/rigs
	cd $(VENV)/rigs && npm ci --ignore-scripts --install-links --no-audit --no-fund --loglevel=error
	@touch $@

$(VENV)/.bench: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	@touch $@

demo: $(VENV)/.demo          ## the whole story on a real PyTorch model, narrated
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/python examples/digits/demo.py

test: $(VENV)/.dev $(VENV)/.rigs  ## every test
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-fast: $(VENV)/.dev      ## the tests without servers, torch and other tools
	$(BIN)/python -m pytest -n 2 -m 'not slow' --hypothesis-profile fast

KILLED := $(addprefix tests/compat/test_,crash.py crash_check.py crash_channel.py adopt_dvc.py filesystems.py)
test-crash: $(VENV)/.dev     ## every command killed, and the power cut, at every write, rename and fsync; CI runs a seeded sample
	SYCEE_CRASH=all $(BIN)/python -m pytest -n 2 -k "killed or dvc_is_content or power" $(KILLED)

test-machine: $(VENV)/.dev   ## long random walks through a repository beside a model; CI takes a few short ones
	SYCEE_MACHINE=long $(BIN)/python -m pytest tests/compat/test_state_machine.py --hypothesis-profile search

test-trust: $(VENV)/.dev     ## 10,000 steps beside a model, a thousand loads while somebody writes, every flipped byte; CI runs some
	SYCEE_MACHINE=long $(BIN)/python -m pytest -s tests/compat/test_trust_machine.py
	SYCEE_RACES=$${SYCEE_RACES:-1000} $(BIN)/python -m pytest tests/compat/test_load_races.py
	SYCEE_FLIPS=all $(BIN)/python -m pytest tests/unit/test_verify_mutations.py

test-thrash: $(VENV)/.dev    ## eight processes of sycee and dvc at once, for SYCEE_THRASH seconds; CI runs some seconds
	SYCEE_THRASH=$${SYCEE_THRASH:-180} $(BIN)/python -m pytest tests/compat/test_thrash.py

fuzz: $(VENV)/.dev           ## readers of foreign bytes, SYCEE_FUZZ seconds each; CI reads what it found again
	$(BIN)/python tests/fuzz/run.py $${SYCEE_FUZZ:-600}

test-cases: $(VENV)/.dev     ## one script after the other, run with sycee and with the real dvc
	$(BIN)/python -m pytest -n 2 tests/cases

lint: $(VENV)/.dev           ## format, lint, types, floors, the workflow in examples/ci
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/zizmor --offline --quiet --pedantic examples/ci/*.yml

format: $(VENV)/.dev         ## what `make lint` would complain about and a machine can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.bench        ## time and memory beside dvc and git-lfs, as ratios of one run
	$(BIN)/python benchmarks/run.py

growth: $(VENV)/.bench       ## how cost grows with size, count and history: a table and a plot
	$(BIN)/python benchmarks/growth.py

clean:                       ## forget the environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
