#!/bin/sh
# Runs every test but the long ones, in two lanes side by side, and says what each lane said once it is done:
# tools/tests.sh [pytest's arguments]. Exit status 0 only if every part passed.
# Most of the time of a browser's test is waiting, so the other lane costs it little.
set -u
cd "$(dirname "$0")/.."
if ! mkdir -p var 2>/dev/null || [ ! -w var ]; then
    printf '%s\n' "$(pwd)/var cannot be written to. The output of the tests is kept there." >&2
    exit 1
fi
# What the machine lacks is said here, in one line each, before the first test.
machine=$(.venv/bin/python -m tests.plugins.machine) || exit 1
eval "$machine"

part() {
    title=$1 said=$2 database=$3 marks=$4
    shift 4
    .venv/bin/python -m pytest --db "$database" -m "$marks" "$@" >"var/$said" 2>&1 &
    running=$!
    wait "$running"
    status=$?
    printf '%s\n' "$title"
    cat "var/$said"
    # 5: of the tests that were asked for, none is in this part.
    if [ "$status" -eq 5 ]; then return 0; fi
    return "$status"
}

stop() {
    kill ${running:+"$running"} ${beside:+"$beside"} 2>/dev/null
}

{
    trap 'stop; exit 143' TERM
    bad=0
    part "The portal's pages in a browser, on PostgreSQL" test-browser.txt postgres "not long and browser" "$@" || bad=1
    part "The tests of the databases, on SQLite" test-sqlite.txt sqlite "database and not long and not browser and not whole" "$@" ||
        bad=1
    exit "$bad"
} &
beside=$!
trap 'stop; exit 130' INT TERM
failed=0
part "Everything but the browser, on PostgreSQL" test-postgres.txt postgres "not long and not browser and not whole" "$@" || failed=1
part "The whole portal, as it is started and killed" test-whole.txt postgres "not long and whole and not browser" "$@" || failed=1
wait "$beside" || failed=1
exit "$failed"
