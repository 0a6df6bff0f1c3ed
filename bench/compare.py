"""Measures the original's Python reader and printer beside ours, in turn, and prints the ratios.

Both are timed inside their process, on one core, files in the page cache, fastest of several passes. Peak memory
is that of the whole process `sysflow print`, on the input once, ten times and a hundred times.
"""

import contextlib
import io
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

from sysflow.formatter import SFFormatter
from sysflow.reader import FlattenedSFReader

OURS = "target/release/sysflow-bench"
PROGRAM = "target/release/sysflow"
RULES = "examples/web-intrusion.yaml"
PASSES = 3


def ours(paths):
    done = subprocess.run([OURS, "--rules", RULES, *paths], check=True, capture_output=True)
    return json.loads(done.stdout)


def fastest(task, paths):
    times = []
    for _ in range(PASSES):
        start = time.process_time()
        for path in paths:
            task(path)
        times.append(time.process_time() - start)
    return min(times)


def iterate(path):
    for _ in FlattenedSFReader(path):
        pass


def flat_json(path):
    with contextlib.redirect_stdout(io.StringIO()):
        SFFormatter(FlattenedSFReader(path)).toJsonStdOut(fields=None, flat=True)


# A child's peak begins with what its parent had, so that a parent as large as this process would be measured
# instead of a small child.
LAUNCHER = """
import os, sys
pid = os.fork()
if pid == 0:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    os.execvp(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(pid, 0)
print(usage.ru_maxrss)
sys.exit(status != 0)
"""


def peak_memory(command):
    """Peak resident memory of a command, in KiB."""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", LAUNCHER, *command], check=True, capture_output=True)
    return int(done.stdout)


def memory(paths):
    peaks = {}
    with tempfile.TemporaryDirectory() as directory:
        for times in (1, 10, 100):
            path = os.path.join(directory, f"{times}.sf")
            with open(path, "wb") as together:
                for _ in range(times):
                    for part in paths:
                        with open(part, "rb") as source:
                            together.write(source.read())
            peaks[times] = peak_memory([PROGRAM, "print", "--json", "--no-progress", path])
            os.remove(path)
    return peaks


def main(paths):
    first = ours(paths)
    their_iteration = fastest(iterate, paths)
    their_json = fastest(flat_json, paths)
    second = ours(paths)
    seconds = {task: min(first["seconds"][task], second["seconds"][task]) for task in first["seconds"]}
    events, records = first["events"], first["records"]
    print(f"{records:,} records, {events:,} events and flows, {first['file_bytes']:,} bytes "
          f"({first['decoded_bytes']:,} decoded); load {os.getloadavg()[0]:.1f}")
    for task, time_taken in seconds.items():
        print(f"  {task:<12} {time_taken * 1000:9.2f} ms  {events / time_taken / 1e6:7.2f} M events/s  "
              f"{first['decoded_bytes'] / time_taken / 1e6:8.1f} MB/s decoded")
    print(f"  original: flattened iteration {their_iteration * 1000:.0f} ms, flat JSON {their_json * 1000:.0f} ms")
    print(f"decoding against the original's flattened iteration: {their_iteration / seconds['decode']:.0f} times")
    print(f"decoding and joining against the same:               {their_iteration / seconds['join']:.0f} times")
    print(f"flat JSON against the original's:                    {their_json / seconds['flat_json']:.0f} times")
    print(f"decoding takes {seconds['decode'] / seconds['inflate']:.2f} times as long as bare inflate")
    peaks = memory(paths)
    print("peak memory of `sysflow print --json`: "
          + ", ".join(f"{times}x {peak / 1024:.1f} MiB" for times, peak in peaks.items()))


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    main(sys.argv[1:])
