# The commands. `make check` is the definition of done; `make run` needs Python 3.11 or newer and nothing else.
SHELL := /bin/sh
.DEFAULT_GOAL := help
VENV := .venv
PY := $(VENV)/bin/python
# A stamp per lock: what is installed already is not installed again.
RUNTIME := $(VENV)/.installed-$(shell cksum < requirements.txt | cut -d' ' -f1)
TOOLS := $(VENV)/.installed-$(shell cksum < requirements-dev.txt | cut -d' ' -f1)-dev
# Installs $(1) and shows each package as it comes; the pipe must not hide pip's own exit code.
define install
@{ $(PY) -m pip --disable-pip-version-check install --require-hashes --progress-bar off -r $(1) 2>&1; \
   echo $$? > $(VENV)/.pip-exit; } | sed -n -e 's/^Collecting \([^ ]*\).*/  \1/p' -e '/^ERROR/p'; \
test "$$(cat $(VENV)/.pip-exit)" = 0 || { echo "pip could not install $(1); see above. Is the network there?"; exit 1; }
endef

.PHONY: help run test check long faults bench interop mutate mutate-protocol demo protocols screenshots lock

help:
	@echo "make run        the whole service on this machine, with a demonstration clinic; Ctrl-C ends it"
	@echo "make test       the suite, on SQLite and, where one answers, on PostgreSQL and Redis"
	@echo "make check      format, lint, types, import contracts, Django checks, then make test"
	@echo "make long       the long profiles: faults, soak, fuzz"
	@echo "make faults     the alert duty under every fault, with a table (half an hour; starts its own servers)"
	@echo "make bench      the benchmarks"
	@echo "make interop    other people's HL7 clients against the running listener (needs npm and the network)"
	@echo "make mutate     change the decision core in every small way: the tests must notice (an hour or more)"
	@echo "make mutate-protocol  the same for the clinical data files, noticed by the clinical cases"
	@echo "make demo       build the demonstration clinic without starting the service"
	@echo "make protocols  check every clinical data file and print its table"
	@echo "make screenshots take the README's pictures anew (needs Chromium)"
	@echo "make lock       compile the requirements locks (needs uv)"

$(PY):
	@set -e; found=; \
	for name in $${PYTHON:-} python3.11 python3.12 python3.13 python3.14 python3 python; do \
	  if command -v "$$name" >/dev/null 2>&1 && \
	     "$$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; \
	  then found=$$name; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo "No Python 3.11 or newer with the venv module was found."; \
	  echo "Install one (Debian, Ubuntu: apt install python3 python3-venv), or name yours: PYTHON=/path/to/python3 make run"; \
	  exit 1; \
	fi; \
	echo "Creating $(VENV) with $$("$$found" --version) ..."; \
	"$$found" -m venv $(VENV)

$(RUNTIME): | $(PY)
	@echo "Installing $$(grep -c '^[a-zA-Z].*==' requirements.txt) packages ..."
	$(call install,requirements.txt)
	@rm -f $(VENV)/.installed-*; touch $@

$(TOOLS): $(RUNTIME)
	@echo "Installing the development and test tools ..."
	$(call install,requirements-dev.txt)
	@touch $@

run: $(RUNTIME)
	@exec $(PY) manage.py runclinic

test: $(TOOLS)
	@exec $(PY) tests/run_suite.py

check: $(TOOLS)
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy .
	$(VENV)/bin/lint-imports
	$(PY) manage.py check --fail-level WARNING
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) manage.py check_protocols >/dev/null
	@$(MAKE) --no-print-directory test

long: $(TOOLS)
	@exec $(PY) tests/run_suite.py --long

faults: $(TOOLS)
	@exec $(PY) tests/run_suite.py --faults

interop: $(TOOLS)
	@exec $(PY) tests/run_suite.py --interop

bench: $(TOOLS)
	@exec $(PY) tests/run_suite.py --bench

mutate: $(TOOLS)
	@exec $(PY) -m tests.mutation.mutate_core

mutate-protocol: $(TOOLS)
	@exec $(PY) -m tests.mutation.mutate_protocol

demo: $(RUNTIME)
	$(PY) manage.py migrate --skip-checks
	$(PY) manage.py demo

screenshots: $(TOOLS)
	$(PY) -m tests.browser.screenshots

protocols: $(RUNTIME)
	$(PY) manage.py check_protocols

# Extras stay named: with hashes, older pip takes a newer release for a package asked for with an extra.
lock:
	uv pip compile --python-version 3.11 --generate-hashes --no-header --no-strip-extras requirements.in -o requirements.txt
	uv pip compile --python-version 3.11 --generate-hashes --no-header --no-strip-extras --constraint requirements.txt requirements-dev.in -o requirements-dev.txt
