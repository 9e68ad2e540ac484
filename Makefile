# Every target makes what it needs, from nothing. `make` lists them; ARGS='…' hands options on: make demo ARGS='--data fashion'.
# A smaller PyTorch without CUDA:  make demo TORCH_INDEX=https://download.pytorch.org/whl/cpu
PYTHON ?= python3
JOBS   ?= 2
VENV   := .venv
PY     := $(VENV)/bin/python
READY  := $(VENV)/.ganad-installed
PIP    := $(PY) -m pip install --disable-pip-version-check $(if $(MAKE_TERMOUT),,--quiet) --use-pep517 $(if $(TORCH_INDEX),--extra-index-url '$(TORCH_INDEX)')
PYTEST := OMP_NUM_THREADS=1 $(PY) -m pytest tests -n $(JOBS) --durations 12

ifdef GANAD_DATA   # notebooks run in nbs/: a relative path would mean another folder there
override GANAD_DATA := $(if $(filter /%,$(GANAD_DATA)),$(GANAD_DATA),$(CURDIR)/$(GANAD_DATA))
export GANAD_DATA
endif

.PHONY: help demo test quick lint student slides test-slow fuzz gpu mutants site preview lab times bench export clean tools
.DELETE_ON_ERROR:

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/make \1|\2/p' Makefile | while IFS='|' read -r t d; do printf '%-15s %s\n' "$$t" "$$d"; done

$(READY): settings.ini setup.py
	@test -x $(VENV)/bin/pip || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	    echo 'no virtual environment: install venv (Debian: apt-get install python3-venv), or name another Python: make PYTHON=…' >&2; exit 1; }
	@echo "installing into $(VENV), some minutes the first time"
	@$(PIP) -e '.[dev]'
	@touch $@

demo: $(READY)  ## train every method on real digits, and compare them
	@$(VENV)/bin/ganad demo $(ARGS)

test: $(READY) tools  ## run every check: code, notebooks, site
	$(PYTEST) $(ARGS)

quick: $(READY)  ## run the checks that concern what you changed, in about a minute
	$(PYTEST) --changed $(ARGS)

lint: $(READY)  ## check the style of package and tests with ruff
	@$(PY) -m ruff check ganad tests $(ARGS)

test-slow: $(READY) tools  ## run what `make test` leaves out: cells marked slow, an installation from nothing
	$(PYTEST) -m slow --timeout 7200 $(ARGS)

site: $(READY)  ## build the pages into _docs/
	@$(PY) -m ganad.site.docs $(ARGS)

preview: $(READY)  ## show the pages until Ctrl-C, and build them again after every change
	@$(PY) -m ganad.site.docs --serve $(ARGS)

gpu: $(READY)  ## check every method on a CUDA device, and its speed; says what it left out where there is none
	@$(PY) tests/on_device.py $(or $(ARGS),cuda)

fuzz: $(READY)  ## damage 10,000 tables, pictures and models, none of which may score otherwise: make fuzz ARGS='FILES SEED'
	@OMP_NUM_THREADS=1 $(PY) tests/fuzz.py $(ARGS)

mutants: $(READY)  ## change losses and metrics a little, hundreds of times, and say what no test notices: make mutants ARGS=losses
	@$(PIP) 'mutmut>=3.8,<4'
	@OMP_NUM_THREADS=1 $(PY) tests/mutate.py $(JOBS) $(ARGS)

student: $(READY)  ## write the lessons with their central lines left out, for a class: make student ARGS=20_bigan
	@$(PY) -m ganad.site.student $(ARGS)

slides: $(READY)  ## write the lessons' formulas and figures as slides, for a class: make slides ARGS=20_bigan
	@$(PY) -m ganad.site.slides $(ARGS)

lab: $(READY)  ## open the notebooks in Jupyter, or one of them: make lab NB=10_gan
	@$(PY) -m jupyter lab $(if $(NB),$(wildcard nbs/$(NB).ipynb nbs/*/$(NB).ipynb),nbs) $(ARGS)

times: $(READY)  ## measure how long notebooks run, for the heads of their pages: make times ARGS=10_gan
	@$(PY) -m ganad.site.docs --times $(ARGS)

bench: $(READY)  ## run the comparison whose results the lessons show; what is there is not run again
	@$(VENV)/bin/ganad bench $(ARGS)

export: $(READY)  ## notebooks to package and README.md, cleaned: after every edit
	@$(PY) -c 'from nbdev.clean import nbdev_clean; nbdev_clean()'
	@$(PY) -c 'from nbdev.doclinks import nbdev_export; nbdev_export()'
	@$(PY) -m ganad.site.rooms
	@$(PY) -m ganad.site.docs --readme

clean:  ## remove what builds made; the environment, data and results stay
	rm -rf _docs _proc build dist nbs/nbdev.yml _docs.*.tmp
	find ganad nbs tests '(' -name __pycache__ -o -name .ipynb_checkpoints -o -name .pytest_cache ')' -prune -exec rm -rf '{}' +

# Chromium shows the pages in the tests, npm fetches KaTeX. They are installed where that is asked for (CI=true), as root on Debian; elsewhere named in one line
tools:
	@want=; command -v chromium >/dev/null || command -v google-chrome >/dev/null || want=chromium; \
	command -v npm >/dev/null || want="$$want npm"; \
	test -z "$$want" || { test "$(CI)" = true && test "$$(id -u)" = 0 && command -v apt-get >/dev/null && \
	    apt-get -qq update </dev/null && DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $$want </dev/null >/dev/null; } || \
	    echo "tests of the pages will fail, for want of:" $$want "(Debian: apt-get install" $$want"; GANAD_NO_BROWSER=1 leaves them out)" >&2
