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
    say "The grid stops, and this demo leaves nothing behind."
    printf '$ rgrid down\n'
    "$rgrid" down || { [ "$code" -ne 0 ] || code=1; }
    if [ -L "$RGRID_HOME/pg" ]; then rm -rf "$(readlink "$RGRID_HOME/pg")"; fi
    cd / && rm -rf "$work"
    exit "$code"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# What comes next, in words, then the command as a person would type it, then what it answers. Both streams go to stdout,
# so that a pipe or a log file reads in the same order as a terminal.
exec 2>&1
say() { printf '\n# %s\n' "$*"; }
show() {
    printf '$ rgrid %s\n' "$*"
    "$rgrid" "$@"
}

cp -r "$here/elements" "$work/elements"
cd "$work/elements"

say "A grid starts: the log (NATS JetStream), Postgres, the services, the gateway and one runner, all in one folder."
show up -d
say "A script, 118 chemical elements as its input. Its output comes live, the files it writes come home."
show run report.py elements.csv -o outputs
say "Those files:"
printf '$ ls outputs; cat outputs/by_period.csv\n'
ls outputs
cat outputs/by_period.csv
say "Every change of state is an event in the log. The life of this run, from the log itself:"
show events @last
say "Where the time went:"
show why @last
say "What it cost here (nothing), and what it would have cost on the cheapest cloud node:"
show cost --execution @last
say "And all runs so far:"
show ps
