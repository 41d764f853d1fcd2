#!/bin/sh
# Creates .venv and installs the locked requirements: tools/venv.sh runtime|dev
# The Makefile calls it when a lock file is newer than the stamp. pip's output goes to .venv/install.log; a failure ends
# with one line that says what to do.
set -eu
cd "$(dirname "$0")/.."
group=$1
log=.venv/install.log
stamp=.venv/$group.stamp

fail() {
    printf 'Set-up failed: %s\n' "$1" >&2
    exit 1
}

is_new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        is_new_enough "$PYTHON" || fail "PYTHON=$PYTHON is not a Python 3.11 or newer."
        echo "$PYTHON"
        return
    fi
    # Each is run, because a version manager's shim can exist without working.
    for candidate in python3.13 python3.14 python3.12 python3.11 python3 python; do
        if is_new_enough "$candidate"; then
            echo "$candidate"
            return
        fi
    done
    fail "no Python 3.11 or newer was found (python3 is $(python3 -V 2>&1 | tail -n 1)). Install one, or name it: make run PYTHON=/path/to/python3.11"
}

make_venv() {
    # A venv whose interpreter is missing or too old is created again.
    if [ -x .venv/bin/python ] && is_new_enough .venv/bin/python && [ -f .venv/made ]; then
        return
    fi
    python=$(find_python)
    echo "Making .venv with $("$python" -V)"
    rm -rf .venv
    if ! "$python" -m venv .venv >/dev/null 2>&1; then
        rm -rf .venv
        fail "$python cannot make a virtual environment. Install its venv module (Debian, Ubuntu: apt install python3-venv), then try again."
    fi
    touch .venv/made
}

explain() {
    if grep -qiE "error: command '?[^ ]*(cc|gcc|g\+\+|clang|c\+\+)|no such file or directory: '?(cc|gcc|clang)|failed building wheel|failed-wheel-build|python\.h" "$log"; then
        fail "a package has no ready-made build for this machine and could not be compiled. Install a C compiler and Python's headers, or use Python 3.11 to 3.14 on 64-bit Linux or macOS; details in $log"
    elif grep -qi "do not match the hashes" "$log"; then
        fail "a download is not the file that the lock names. Try again; if it stays so, run make lock and look at what changed; details in $log"
    elif grep -qi "no space left" "$log"; then
        fail "the disk is full: about 1 GB are needed; details in $log"
    elif grep -qiE "connection|timed out|resolve|unreachable|ssl|proxy|no matching distribution" "$log"; then
        fail "the package registry cannot be reached. Check the network and the proxy settings (HTTPS_PROXY), then try again; details in $log"
    fi
    fail "pip could not install the requirements; details in $log"
}

install() {
    lock=$1
    echo "Installing $lock (a minute or two the first time)"
    .venv/bin/python -m pip install --require-hashes --disable-pip-version-check --no-input --progress-bar off \
        --retries 2 -r "$lock" >"$log" 2>&1 || explain
}

[ -w . ] || fail "$(pwd) cannot be written to. Clone the portal to a directory of your own."
make_venv
case $group in
    runtime) lock=requirements.txt ;;
    dev) lock=requirements-dev.txt ;;
    *) fail "tools/venv.sh knows runtime and dev, not $group." ;;
esac
sum=$(cksum <"$lock")
# A checkout may change a file's time without its content: then only the stamp is touched.
if [ ! -f "$stamp" ] || [ "$(cat "$stamp")" != "$sum" ]; then
    install "$lock"
    echo "$sum" >"$stamp"
else
    touch "$stamp"
fi
