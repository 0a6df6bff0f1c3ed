#!/bin/sh
# Measures what live capture costs, as root. Usage: bench/live.sh [--rounds N] [--only WORK,…] [--rules PATH] [--quick] [--json]
# Wants redis-server, nginx, wrk, gcc; what is not installed is left out.
set -eu
cd "$(dirname "$0")/.."
cargo build --release --quiet -p sysflow-bench-live
program=${CARGO_TARGET_DIR:-target}/release/sysflow-bench-live
if [ "$(id -u)" -eq 0 ]; then exec "$program" "$@"; fi
exec sudo -n "$program" "$@"
