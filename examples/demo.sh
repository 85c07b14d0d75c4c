#!/bin/sh
# The tour of `make demo`: a grid of its own, a real script over real data, everything it leaves behind shown, nothing left running.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
rgrid=${RGRID:-rgrid}

work=$(mktemp -d "${TMPDIR:-/tmp}/rgrid-demo.XXXXXX")
export RGRID_HOME="$work/home"
unset RGRID_API_URL RGRID_API_KEY || true

finish() {
    code=$?
    trap - EXIT INT TERM HUP
    "$rgrid" down || { [ "$code" -ne 0 ] || code=1; }
    if [ -L "$RGRID_HOME/pg" ]; then rm -rf "$(readlink "$RGRID_HOME/pg")"; fi
    rm -rf "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

show() {
    printf '\n$ rgrid %s\n' "$*"
    "$rgrid" "$@"
}

cp -r "$here/elements" "$work/elements"
cd "$work/elements"

show up -d
show run report.py elements.csv -o "$work/outputs"
printf '\n$ ls outputs; cat outputs/by_period.csv\n'
ls "$work/outputs"
cat "$work/outputs/by_period.csv"
show events @last
show cost --execution @last
show ps
printf '\n'
