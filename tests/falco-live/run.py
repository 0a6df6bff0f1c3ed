#!/usr/bin/env python3
"""Performs, live, what each published Falco rule is about, and compares the alerts of `sysflow run`.

See README.md beside this file.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
INNER = "SYSFLOW_FALCO_LIVE_INNER"
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import cases_container  # noqa: E402, F401
import cases_host  # noqa: E402, F401
import cases_network  # noqa: E402, F401
from case import CASES  # noqa: E402
from stage import Containers, Host, Network  # noqa: E402
from watch import ENDING, FILES, Watch, rule_names  # noqa: E402

# What the test changes of the published rules, so that two that cannot fire as published can be tried.
CHANGES = """\
- macro: allowed_containers
  condition: (container.image.repository endswith /plain or container.image.repository endswith /sysdig)
- list: namespace_scope_network_only_subnet
  items: [walled]
"""


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("rules", nargs="?", type=Path, default=REPOSITORY / "../shared/data/falco-rules",
                        help="the directory of the published rule files")
    parser.add_argument("--sysflow", type=Path, help="the program; otherwise the newest in the target directory")
    parser.add_argument("--only", default="", help="only rules whose names have this in them")
    parser.add_argument("--repeat", type=int, default=1, help="how often each case is tried")
    parser.add_argument("--verbose", action="store_true", help="tell of each act, and of alerts outside of acts")
    return parser.parse_args()


def find_program(wanted):
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target"))
    built = [target / profile / "sysflow" for profile in ("debug", "release")]
    found = [wanted] if wanted else sorted((p for p in built if p.exists()), key=lambda p: -p.stat().st_mtime)
    if not found or not found[0].exists():
        sys.exit("there is no sysflow: build it (cargo build -p sysflow) or name it with --sysflow")
    return str(found[0].resolve())


def skip_unless_possible(rules):
    missing = [file for file in FILES if not (rules / file).exists()]
    reasons = [f"{rules} lacks {', '.join(missing)}"] if missing else []
    reasons += [] if os.geteuid() == 0 else ["it needs root"]
    tools = ("unshare", "mount", "ip", "cc", "busybox")
    reasons += [f"{tool} is not installed" for tool in tools if not shutil.which(tool)]
    if reasons:
        print(f"skipped: {'; '.join(reasons)}")
        sys.exit(0)


def enter_namespaces():
    """Becomes the same program in mount, network, UTS and IPC namespaces of its own."""
    if INNER not in os.environ:
        os.environ[INNER] = "1"
        words = ["unshare", "--mount", "--net", "--uts", "--ipc", "--propagation", "private"]
        os.execvp(words[0], [*words, sys.executable, str(HERE / "run.py"), *sys.argv[1:]])


# Alerts that take longer, in seconds, are late.
LATE = 0.2


class Verdict:
    """What became of a case."""

    def __init__(self, case):
        self.case, self.missed, self.others, self.notes = case, [], [], []

    @staticmethod
    def is_as_expected(act, alerts):
        return Counter(act.alerts) == Counter(alert["rule"] for alert in alerts)

    def judge(self, act, alerts, result):
        code, errors = result
        expected = Counter({rule: count for rule, count in act.alerts.items() if count})
        got = Counter(alert["rule"] for alert in alerts)
        for rule, count in (expected - got).items():
            self.missed.append(f"{act.line}: `{rule}` {got[rule]} times, not {expected[rule]}")
        for rule, count in (got - expected).items():
            text = next(alert["output"] for alert in alerts if alert["rule"] == rule)
            self.others.append(f"{act.line}: `{rule}` {got[rule]} times, not {expected[rule]}: {text}")
        if code and (expected - got):
            self.notes.append(f"{act.line}: ended with {code}: {errors.strip()}")

    def word(self):
        if self.case.impossible:
            return "cannot be tried here"
        if self.missed:
            return "not as expected: alerts are missing"
        return "not as expected: other alerts too" if self.others else "as expected"


def perform_all(cases, host, containers, watch, verbose):
    programs = {name for case in CASES for act in [*case.fires, *case.stays_quiet] for name in act.programs()}
    number = 0
    for case in cases:
        verdict = Verdict(case)
        for act in [*case.fires, *case.stays_quiet]:
            place = containers if act.is_contained else host
            if place is None:
                case.impossible = "it needs podman"
                break
            for attempt in range(4):
                number += 1
                mark = f"act-{number}"
                is_start = isinstance(act.where, list)
                if is_start:
                    watch.catch_up()
                result = place.perform(act, mark, act.programs() | {"helper", "session"} & programs)
                alerts, seconds = watch.of_act(mark)
                # What is known of a container is asked when its start is seen. On a machine that does so much that this
                # is much later, the container may have gone: such a try says nothing.
                if not is_start or seconds < LATE or verdict.is_as_expected(act, alerts):
                    break
                print(f"{'':38}   {act.line}: tried again, since alerts were {seconds:.1f} s late")
            verdict.judge(act, alerts, result)
            if verbose:
                told = ", ".join(alert["rule"] for alert in alerts) or "quiet"
                print(f"    {act.line} [{act.where}] -> {told} (exit code {result[0]} {result[1].strip()})")
        yield verdict


def of_runtime(watch):
    """Alerts that the runtime itself sets off when it starts containers, and must not: attacks that it is excepted of."""
    alerts = [alert for alert in watch.alerts[""] if alert["rule"] == "Modify Container Entrypoint"]
    return [alert for alert in alerts if alert["output_fields"]["proc.name"].startswith("runc")]


def report(verdict):
    word, case = verdict.word(), verdict.case
    print(f"{word:38} {case.rule}", flush=True)
    for reason in (case.impossible, case.changed):
        if reason:
            print(f"{'':38}   {reason}")
    for line in [*verdict.missed, *verdict.others, *verdict.notes]:
        print(f"{'':38}   {line}", flush=True)


def main():
    options = arguments()
    skip_unless_possible(options.rules)
    program = find_program(options.sysflow)
    enter_namespaces()
    # What was started is ended then, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    names = rule_names(options.rules)
    untried = [name for name in names if not any(case.rule == name for case in CASES)]
    cases = [case for case in CASES if options.only.lower() in case.rule.lower()] * options.repeat
    # In memory, and of this mount namespace alone: it is gone when the last process of the test is.
    scratch = Path("/mnt")
    subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "live", scratch], check=True)
    actor, busybox = scratch / "actor", scratch / "busybox"
    subprocess.run(["cc", "-O1", "-static", "-o", actor, HERE / "actor.c"], check=True)
    shutil.copy(shutil.which("busybox"), busybox)
    os.link(actor, scratch / ENDING)
    network, host, containers, watch = None, None, None, None
    began = time.monotonic()
    try:
        network = Network()
        host = Host(scratch, actor, busybox)
        if shutil.which("podman"):
            programs = {name for case in CASES for act in [*case.fires, *case.stays_quiet] for name in act.programs()}
            containers = Containers(scratch, actor, busybox, programs | {"service", "helper"})
        watch = Watch(program, options.rules, names, CHANGES, scratch)
        if not watch.wait_until_ready(60):
            sys.exit(f"sysflow does not watch:\n{watch.errors()}")
        if containers and any(act.is_contained for case in cases for act in [*case.fires, *case.stays_quiet]):
            containers.start_lasting()
        words = Counter()
        for verdict in perform_all(cases, host, containers, watch, options.verbose):
            report(verdict)
            words[verdict.word()] += 1
    finally:
        del network
        if containers:
            containers.stop()
        if watch:
            watch.stop()
    for line in watch.errors().splitlines():
        if "events were lost" in line:
            print(f"some alerts may be missing, since sysflow could not keep up with this machine: {line.strip()}")
    for alert in of_runtime(watch):
        print(f"not as expected: of the runtime itself  {alert['output']}")
        words["not as expected: of the runtime itself"] += 1
    if options.verbose:
        print("\nalerts outside of acts:")
        for rule, count in Counter(alert["rule"] for alert in watch.alerts[""]).most_common():
            print(f"  {count:5} {rule}: {next(a['output'] for a in watch.alerts[''] if a['rule'] == rule)[:300]}")
        print(watch.errors())
    for name in untried:
        print(f"{'no case':38} {name}")
    print(f"\n{len(names)} rules, {len(cases)} tried in {time.monotonic() - began:.0f} s: "
          + ", ".join(f"{count} {word}" for word, count in words.most_common()))
    wrong = sum(count for word, count in words.items() if word.startswith("not"))
    sys.exit(1 if wrong or (untried and not options.only) else 0)


if __name__ == "__main__":
    main()
