#!/bin/sh
# Measures this project on recordings, and the original's Python tools beside it in the same run where they can
# be installed. Usage: bench/run.sh [RECORDING…]; without one, the traces beside the repository, else the
# bundled recording.
set -eu
cd "$(dirname "$0")/.."

if [ $# -eq 0 ]; then
    set -- ../shared/data/traces/express/*.sf
    [ -e "$1" ] || set -- examples/web-intrusion.sf
fi

cargo build --release --quiet -p sysflow -p sysflow-bench
venv=target/bench-venv
if [ ! -x "$venv/bin/sysprint" ]; then
    python3 -m venv "$venv" && "$venv/bin/pip" install --quiet sysflow-tools || {
        echo "bench: the original's tools cannot be installed; measuring without them" >&2
        exec target/release/sysflow-bench --rules examples/web-intrusion.yaml "$@"
    }
fi
exec "$venv/bin/python" bench/compare.py "$@"
