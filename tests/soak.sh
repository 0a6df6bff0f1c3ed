#!/bin/sh
# Records this machine for some minutes (10 unless given) while processes, files and connections come and go, and tells
# memory and CPU time every ten seconds. Needs root and a built program: PROGRAM names it, else that of `cargo build --release`.
# Fails if memory grows by more than a tenth between the first third and the last.
set -eu

minutes=${1:-10}
cd "$(dirname "$0")/.."
program=${PROGRAM:-${CARGO_TARGET_DIR:-target}/release/sysflow}
[ "$(id -u)" -eq 0 ] || { echo "soak: needs root" >&2; exit 2; }
[ -x "$program" ] || { echo "soak: there is no $program (make run builds it)" >&2; exit 2; }

work=$(mktemp -d)
"$program" record -o "$work/out" --every 30s --keep 3 2>"$work/messages" &
recorder=$!
load=
cleanup() {
    [ -z "$load" ] || kill "$load" 2>/dev/null || true
    kill "$recorder" 2>/dev/null || true
    wait || true
    rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

tries=0
until grep -q 'ready after' "$work/messages"; do
    kill -0 "$recorder" 2>/dev/null || { cat "$work/messages" >&2; exit 2; }
    tries=$((tries + 1))
    [ "$tries" -lt 600 ] || { echo "soak: the program is never ready" >&2; exit 1; }
    sleep 0.1
done

# New names and new processes for ever: what is kept of them must not be.
(
    number=0
    while :; do
        number=$((number + 1))
        echo "$number" >"$work/file-$number"
        cat "$work/file-$number" >/dev/null
        rm "$work/file-$number"
    done
) &
load=$!

status() { # a number of /proc/PID/status
    sed -n "s/^$1:[^0-9]*\([0-9]*\).*/\1/p" "/proc/$recorder/status"
}

printf '%8s %12s %12s %12s\n' seconds RSS_KiB own_KiB CPU_seconds
begin=$(date +%s)
while [ $(($(date +%s) - begin)) -lt $((minutes * 60)) ]; do
    sleep 10
    kill -0 "$recorder" 2>/dev/null || { cat "$work/messages" >&2; exit 1; }
    # The name, which may hold blanks, ends with a bracket; the times are in hundredths of seconds.
    ticks=$(sed 's/.*) //' "/proc/$recorder/stat" | awk '{ print $12 + $13 }')
    printf '%8d %12d %12d %12.1f\n' "$(($(date +%s) - begin))" "$(status VmRSS)" "$(status RssAnon)" \
        "$(awk "BEGIN { print $ticks / 100 }")" | tee -a "$work/table"
done
kill "$load"
load=
kill "$recorder"
wait "$recorder"
cat "$work/messages"
awk '{ rss[NR] = $2 }
    END {
        third = int(NR / 3); if (third < 1) exit
        for (i = 1; i <= third; i++) { first += rss[i]; last += rss[NR - third + i] }
        printf "memory: %d KiB on average in the first third, %d KiB in the last\n", first / third, last / third
        if (last > first * 1.1) { print "soak: memory grows"; exit 1 }
    }' "$work/table"
