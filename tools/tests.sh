#!/bin/sh
# Runs every test except the long ones, in two lanes in parallel, and prints each part's output when it is done:
# tools/tests.sh [pytest arguments]. Exit status 0 only if every part passed.
# Browser tests mostly wait, so the other lane slows them down little.
set -u
cd "$(dirname "$0")/.."
if ! mkdir -p var 2>/dev/null || [ ! -w var ]; then
    printf '%s\n' "$(pwd)/var cannot be written to. The output of the tests is kept there." >&2
    exit 1
fi
# Reports what the machine lacks, one line each, before the first test.
machine=$(.venv/bin/python -m tests.plugins.machine) || exit 1
eval "$machine"

part() {
    title=$1 output=$2 database=$3 marks=$4
    shift 4
    .venv/bin/python -m pytest --db "$database" -m "$marks" "$@" >"var/$output" 2>&1 &
    running=$!
    wait "$running"
    status=$?
    printf '%s\n' "$title"
    cat "var/$output"
    # 5: none of the requested tests is in this part.
    if [ "$status" -eq 5 ]; then return 0; fi
    return "$status"
}

stop() {
    kill ${running:+"$running"} ${second_lane:+"$second_lane"} 2>/dev/null
}

{
    trap 'stop; exit 143' TERM
    bad=0
    part "The portal's pages in a browser, on PostgreSQL" test-browser.txt postgres "not long and browser" "$@" || bad=1
    part "The tests of the databases, on SQLite" test-sqlite.txt sqlite "database and not long and not browser and not whole" "$@" ||
        bad=1
    exit "$bad"
} &
second_lane=$!
trap 'stop; exit 130' INT TERM
failed=0
part "Everything but the browser, on PostgreSQL" test-postgres.txt postgres "not long and not browser and not whole" "$@" || failed=1
part "The whole portal, as it is started and killed" test-whole.txt postgres "not long and whole and not browser" "$@" || failed=1
wait "$second_lane" || failed=1
exit "$failed"
