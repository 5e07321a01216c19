# make run    does all the set-up and serves on http://127.0.0.1:8000
# make help   lists the rest

bin = .venv/bin

# The first of these that is new enough; `make run PYTHON=/path/to/python3.12` names another.
# Once there is a .venv, its own Python, so that it is not made anew when python3 changes.
candidates = $(or $(PYTHON),$(wildcard $(bin)/python) python3 python3.14 python3.13 python3.12 python3.11)
python = $(shell for p in $(candidates); do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$p" && break; \
	done)

.PHONY: help run setup venv venv-dev test test-pages test-pgbouncer test-redis test-restarts test-stress test-faults test-owners test-twelvelabs test-imports test-files test-moves test-duplicates test-hostile demo-twelvelabs oracle lint bench lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' Makefile | expand -t 24

run: setup ## set-up, then serve on http://127.0.0.1:8000 (HOST, PORT, DATABASE_URL: .env.example)
	@exec $(bin)/memory-mirror serve

setup: venv ## .venv, Prisma's packages, the generated client, the database's tables
	@$(bin)/memory-mirror setup

venv:
	@$(call bootstrap)

venv-dev:
	@$(call bootstrap,--dev)

# As many processes as there are cores, each with a PostgreSQL of its own; a file's tests stay together.
workers = -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

test: venv-dev ## set-up, then all tests, on SQLite and PostgreSQL (ARGS="-k name" chooses, "-n 0" in one process)
	@$(bin)/memory-mirror setup --no-migrations
	@$(bin)/python -m pytest $(workers) $(ARGS)

test-pages: venv-dev ## /docs and /redoc in a real Chromium (CHROMIUM=/path/to/it, or Debian's, installed if it is missing)
	@for name in $(CHROMIUM) chromium chromium-browser google-chrome; do \
		command -v $$name >/dev/null && exit; done; \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium
	@$(bin)/memory-mirror setup --no-migrations
	@$(bin)/python -m pytest tests/acceptance/pages.py $(ARGS)

test-pgbouncer: venv-dev ## the PostgreSQL driver behind PgBouncer (Debian's package, installed if it is missing)
	@command -v pgbouncer >/dev/null || test -x /usr/sbin/pgbouncer || \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends pgbouncer; }
	@$(bin)/memory-mirror setup --no-migrations
	@$(bin)/python -m pytest -m "" tests/acceptance/pgbouncer.py $(ARGS)
	@$(bin)/python -m pytest -m pgbouncer tests/test_database_setup.py $(ARGS)

test-redis: venv-dev ## rate limits of several processes (Debian's Redis, installed if it is missing)
	@command -v redis-server >/dev/null || \
		{ apt-get update -qq && apt-get install -y -qq --no-install-recommends redis-server; }
	@$(bin)/memory-mirror setup --no-migrations
	@$(bin)/python -m pytest tests/acceptance/redis.py $(ARGS)

test-restarts: venv-dev ## the service under load while PostgreSQL restarts (SECONDS=60 RESTARTS=10, twice)
	@$(bin)/memory-mirror setup --no-migrations
	@$(bin)/python -m pytest tests/acceptance/restarts.py $(ARGS)

test-stress: venv-dev ## 32 tasks that read, write and transfer at once, on each database (SECONDS=60)
	@$(bin)/memory-mirror setup --no-migrations
	@$(bin)/python -m pytest tests/acceptance/stress.py $(ARGS)

test-faults: venv-dev ## 16 writers while the service is killed and its database fails (KILLS=40 STOPS=12)
	@$(bin)/memory-mirror setup --no-migrations
	@$(bin)/python -m pytest tests/acceptance/faults.py $(ARGS)

test-owners: venv-dev ## 100,000 random requests of two owners, each compared with a service of its own (REQUESTS=)
	@$(bin)/memory-mirror setup --no-migrations
	@$(bin)/python -m pytest tests/acceptance/owners.py $(ARGS)

test-twelvelabs: venv-dev ## 5,000 videos described while much goes wrong, and 100,000 compared (VIDEOS= KILLS= LARGE=)
	@$(bin)/memory-mirror setup --no-migrations
	@$(bin)/python -m pytest tests/acceptance/twelvelabs.py $(ARGS)

test-imports: venv-dev ## imports that are killed at random moments, by command and over HTTP (KILLS=20 LINES=20000)
	@$(bin)/memory-mirror setup --no-migrations
	@$(bin)/python -m pytest tests/acceptance/imports.py $(ARGS)

test-files: venv-dev ## imports of files that are huge, cut, damaged or bombs (GIGABYTES=2 LINES=10000000)
	@$(bin)/memory-mirror setup --no-migrations
	@$(bin)/python -m pytest tests/acceptance/files.py $(ARGS)

test-duplicates: venv-dev ## duplicates of 10,000 and 100,000 records, and merges that are killed (RECORDS= KILLS=20)
	@$(bin)/memory-mirror setup --no-migrations
	@$(bin)/python -m pytest tests/acceptance/duplicates.py $(ARGS)

test-moves: venv-dev ## moves and restores that are killed, and beside writers (VIDEOS=folder of NDJSON, KILLS=20)
	@$(bin)/memory-mirror setup --no-migrations
	@$(bin)/python -m pytest -s tests/acceptance/moves.py $(ARGS)

test-hostile: venv-dev ## random texts of every shape against every endpoint, on each database (SECONDS=60 SEED=)
	@$(bin)/memory-mirror setup --no-migrations
	@$(bin)/python -m pytest tests/hostile/random_texts.py $(ARGS)

demo-twelvelabs: venv-dev ## the service beside a server that behaves as Twelve Labs does, with 20 videos (ARGS=--once)
	@$(bin)/memory-mirror setup --no-migrations
	@$(bin)/python -m tests.twelvelabs.demo $(ARGS)

oracle: venv-dev ## our engine beside Prisma's own client, which needs Node.js (oracle/README.md)
	@$(bin)/memory-mirror setup --no-migrations
	@$(bin)/python -m oracle $(ARGS)

lint: venv-dev ## ruff, mypy --strict, and who may import whom
	@$(bin)/memory-mirror setup --no-migrations
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy backend
	$(bin)/lint-imports

bench: venv-dev ## measure the service beside its peers (ARGS=--help tells what can be chosen)
	@$(bin)/memory-mirror setup --no-migrations
	@$(bin)/python -m bench $(ARGS)

# Names, versions and hashes only. Needs uv on the PATH.
uv_compile = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" $(LOCK_ARGS)

lock: ## write requirements*.txt anew from pyproject.toml (LOCK_ARGS=--upgrade for new versions)
	$(uv_compile) pyproject.toml --group build -o requirements.txt
	$(uv_compile) pyproject.toml --group build --group dev -c requirements.txt -o requirements-dev.txt
	$(uv_compile) --group node -o requirements-node.txt
	$(uv_compile) --group bench -c requirements-dev.txt -o requirements-bench.txt

clean: ## remove what set-up made; databases and .env stay
	rm -rf .venv bench/.venv bench/peers/fastify-prisma/node_modules prisma/node_modules \
		oracle/node_modules .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

define bootstrap
python='$(python)'; \
test -n "$$python" || { \
	echo "Python 3.11 or later is needed; none of these is: $(candidates)." \
		"Install one, or name it: make run PYTHON=/path/to/python3.12" >&2; exit 1; }; \
exec "$$python" -I backend/bootstrap.py $(1)
endef
