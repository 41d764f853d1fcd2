# The portal's commands; `make` lists them. They create .venv/, var/ and .tools/, which git ignores.
.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test check bench faults lock

# The same on every machine: UTF-8 whatever the locale, and no Python variables from the shell.
export PYTHONUTF8 := 1
unexport PYTHONPATH PYTHONHOME PYTHONSAFEPATH PYTHONOPTIMIZE PYTHONWARNINGS

BIN := .venv/bin
RUNTIME := .venv/runtime.stamp
DEV := .venv/dev.stamp
COMPILE := $(BIN)/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

# Made-up values that satisfy production's checks; no command connects to them.
PRODUCTION := ENV_FILE=/dev/null PORTAL_MODE=production SECRET_KEY=not-a-secret-only-for-checks-0123456789-abcdefghijklmnopqrstuvwxyz \
	DEBUG=false ALLOWED_HOSTS=portal.example CSRF_TRUSTED_ORIGINS=https://portal.example \
	DATABASE_URL=postgres://portal:portal@127.0.0.1:5432/portal REDIS_URL=redis://127.0.0.1:6379/0 \
	IVR_API_URL=https://provider.example IVR_API_KEY=made-up IVR_CUST_ID=made-up PUSH_KEYS=made-up

help:
	@echo "make run     the whole portal with sample data, on http://127.0.0.1:8000/ (PORT=… for another port)"
	@echo "make test    every test but the long ones, on PostgreSQL, and those of the databases on SQLite too"
	@echo "make check   format, lint, types, layers, templates, migrations, deployment settings"
	@echo "make bench   benchmarks against their baselines; writes docs/benchmarks.md"
	@echo "make faults  the long fault-injection runs"
	@echo "make lock    resolves requirements*.in into requirements*.txt (ARGS=--upgrade for newer versions)"

$(RUNTIME): requirements.txt tools/venv.sh
	@sh tools/venv.sh runtime

$(DEV): requirements-dev.txt $(RUNTIME)
	@sh tools/venv.sh dev

# exec_tied stops the portal when make ends, even after `kill -9`.
run: $(RUNTIME)
	@PORTAL_MODE=demo exec $(BIN)/python -I -S ivrportal/devserver/exec_tied.py $$PPID 15 - $(BIN)/python manage.py portal

test: $(DEV)
	@sh tools/tests.sh $(ARGS)

check: $(DEV)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@find templates -name '*.html' -exec $(BIN)/djade --check --target-version 5.2 {} +
	@ENV_FILE=/dev/null PORTAL_MODE=demo SECRET_KEY=made-up DATABASE_URL=sqlite://:memory: \
		$(BIN)/python manage.py makemigrations --check --dry-run
	@$(PRODUCTION) $(BIN)/python manage.py check --deploy --fail-level WARNING

bench: $(DEV)
	@$(BIN)/python -m tests.bench $(ARGS)

faults: $(DEV)
	@$(BIN)/python -m tests.faults $(ARGS)

lock: $(DEV)
	@$(COMPILE) $(ARGS) requirements.in -o requirements.txt
	@$(COMPILE) $(ARGS) requirements-dev.in -o requirements-dev.txt
	@echo "Resolved. The next make installs what changed."
