# Everything here needs Python >= 3.11 and make, nothing else.

PYTHON ?= python3
PORT ?= 8888
# cpu: PyTorch without CUDA, 1.7 GB of packages in place of 6.4 (or another backend that uv knows). For a new
# .venv, on Linux.
TORCH ?=
LAB_FLAGS ?=
# For `make checkpoint`: the runs that led to the new weights, and the benchmark's folder.
RUNS ?= data_samples/checkpoints/small runs/small
BENCHMARK ?= runs/two_hands

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PYTEST := $(BIN)/python -m pytest
NBVAL := $(PYTEST) -c tests/notebooks/nbval.ini --rootdir=. notebooks
# xdist would begin with the files that have most tests; tests/conftest.py begins with the slowest.
TWO := -n 2 --dist loadfile --no-loadscope-reorder

# Processes that keep no compiled modules compile all of torch each time they start.
unexport PYTHONDONTWRITEBYTECODE

# Numbers in tests and notebooks are compared digit by digit: one thread each.
test test-all test-quick test-notebooks test-browser test-min notebooks checkpoint: export OMP_NUM_THREADS = 1

define CHECK_PYTHON
$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "handlib needs Python 3.11 or newer, '$(PYTHON)' is `$(PYTHON) -V 2>&1`." \
	    "Name another one: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
endef

# The book has packages of its own.
BOOK_VENV := .venv-book
BOOK_STAMP := $(BOOK_VENV)/.installed

# The lowest versions that pyproject.toml declares.
MIN_VENV := .venv-min
MIN_STAMP := $(MIN_VENV)/.installed

.PHONY: help setup lab test test-quick test-all test-notebooks test-browser test-min test-processors \
  notebooks checkpoint book lint

help:
	@echo "make lab        open JupyterLab on the tour (PORT=$(PORT), LAB_FLAGS for more options)"
	@echo "make test       code, parity with the released network, notebooks, widgets in a browser: minutes"
	@echo "make test-quick most tests of the code; make test-all: also what takes long, and the book"
	@echo "make test-min, test-processors: lowest versions, other processors"
	@echo "make setup      make $(VENV) and install the package into it (the others do this first);"
	@echo "                TORCH=cpu: PyTorch without CUDA, 1.7 GB in place of 6.4"
	@echo "make notebooks  rebuild the notebooks"
	@echo "make checkpoint RUNS='...': ship newly trained weights, and all that is made from them"
	@echo "make book       build the book: book/_build/html/index.html"
	@echo "make lint       style (ruff) and types (mypy)"

setup: $(STAMP)

$(STAMP): pyproject.toml
	@$(CHECK_PYTHON)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "'$(PYTHON) -m venv' failed; on Debian and Ubuntu it needs the package python3-venv." >&2; exit 1; }
	$(if $(TORCH),$(BIN)/python -m pip install -q uv)
	$(if $(TORCH),$(BIN)/python -m uv pip install --torch-backend $(TORCH) torch torchvision)
	$(BIN)/python -m pip install --no-compile -e '.[dev]'
	@touch $@

lab: setup
	$(BIN)/python -m jupyterlab --ip=127.0.0.1 --port=$(PORT) --config=jupyter_lab_config.py $(LAB_FLAGS)

test: setup
	$(PYTEST) $(TWO) -m "not slow" tests
	$(NBVAL)

# Mechanisms, mathematics and data; not what commands, widgets and scripts make of them.
QUICK := $(addprefix tests/unit/,hand geometry model training evaluation analysis data exercises utils)

test-quick: setup
	$(PYTEST) $(TWO) -m "not slow" $(QUICK)

test-all: setup $(BOOK_STAMP)
	$(PYTEST) $(TWO) tests
	$(PYTEST) $(TWO) --hypothesis-profile=thorough -k broken tests/unit
	$(NBVAL)

test-notebooks: setup
	$(PYTEST) tests/notebooks
	$(NBVAL)

test-browser: setup $(BOOK_STAMP)
	$(PYTEST) $(TWO) tests/browser

test-min: $(MIN_STAMP)
	$(MIN_VENV)/bin/python -m pytest $(TWO) tests/unit

$(MIN_STAMP): pyproject.toml
	@$(CHECK_PYTHON)
	@test -x $(MIN_VENV)/bin/python || $(PYTHON) -m venv $(MIN_VENV)
	$(MIN_VENV)/bin/python -m pip install -q uv
	$(MIN_VENV)/bin/python -m uv pip install --resolution lowest-direct -e '.[dev]'
	@touch $@

test-processors: setup
	ATEN_CPU_CAPABILITY=default OMP_NUM_THREADS=1 $(NBVAL)
	OMP_NUM_THREADS=2 $(NBVAL)

notebooks: setup
	$(BIN)/python scripts/build/build_notebooks.py

# Everything that is made from the checkpoint's weights, in the order in which one thing needs another.
checkpoint: setup
	$(BIN)/handlib data benchmark --out $(BENCHMARK) --splits val test studio-test --sizes 128 --workers 2
	$(BIN)/python scripts/build/ship_checkpoint.py $(RUNS) --benchmark $(BENCHMARK)
	$(BIN)/python scripts/build/ship_checkpoint.py --measure --benchmark $(BENCHMARK)
	$(BIN)/python scripts/build/ship_checkpoint.py --card
	$(BIN)/python scripts/build/robustness.py --threads 2 --workers 2
	$(BIN)/python scripts/build/claims.py
	$(BIN)/python scripts/build/make_readme_picture.py
	$(BIN)/python scripts/build/build_notebooks.py
	$(BIN)/python scripts/build/record_book.py

book: $(BOOK_STAMP)
	$(BOOK_VENV)/bin/python scripts/build/build_book.py

$(BOOK_STAMP): book/requirements.txt
	@$(CHECK_PYTHON)
	@test -x $(BOOK_VENV)/bin/python || $(PYTHON) -m venv $(BOOK_VENV)
	$(BOOK_VENV)/bin/python -m pip install --no-compile -q -r book/requirements.txt
	@touch $@

lint: setup
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy
