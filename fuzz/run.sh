#!/bin/sh
# Runs one target with the limits that it must hold: run.sh TARGET [SECONDS] [libFuzzer options]
set -eu
cd "$(dirname "$0")"
target=$1
seconds=${2:-60}
shift
[ $# -eq 0 ] || shift
[ ! -f "$target.dict" ] || set -- -dict="$target.dict" "$@"
exec cargo +nightly fuzz run --fuzz-dir . "$target" -- \
    -rss_limit_mb=1024 -timeout=10 -max_len=65536 -max_total_time="$seconds" "$@"
