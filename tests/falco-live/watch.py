"""`sysflow run` as a child, and its alerts as they come."""

import json
import subprocess
import threading
import time
from collections import defaultdict

MARK = "SYSFLOW_CASE"
ENDING = "act-is-over"
FILES = ["falco_rules.yaml", "falco-incubating_rules.yaml", "falco-sandbox_rules.yaml"]


def rule_names(directory):
    """The names of the published rules, in their order."""
    names = []
    for file in FILES:
        for line in (directory / file).read_text().splitlines():
            if line.startswith("- rule:"):
                names.append(line.removeprefix("- rule:").strip().strip("\"'"))
    return names


def override(names, changes):
    """Rules that enable all others, whatever they were published as, and let alerts tell which act they are of."""
    lines = [changes]
    for name in names:
        lines += [
            f"- rule: {json.dumps(name)}",
            "  enabled: true",
            f'  output: " (%proc.env[{MARK}] %proc.name %proc.pname %evt.type %evt.args %fd.name)"',
            "  override: {enabled: replace, output: append}",
        ]
    lines += [
        f"- rule: {ENDING}",
        "  desc: tells that all before it was judged",
        f'  condition: evt.type in (execve, execveat) and proc.name = "{ENDING}"',
        f'  output: "over (%proc.env[{MARK}])"',
        "  priority: DEBUG",
    ]
    return "\n".join(lines) + "\n"


class Watch:
    """A running `sysflow run`."""

    def __init__(self, program, directory, names, changes, scratch):
        self.alerts = defaultdict(list)
        self.changed = threading.Condition()
        self.ending = scratch / ENDING
        own = scratch / "live.yaml"
        own.write_text(override(names, changes))
        self.log = open(scratch / "sysflow.log", "w+")
        policies = [str(directory / file) for file in FILES] + [str(own)]
        self.process = subprocess.Popen(
            [program, "run", "--json", "--rate", "1000000", "--policies", *policies],
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            alert = json.loads(line)
            mark = alert["output_fields"].get(f"proc.env[{MARK}]") or ""
            with self.changed:
                self.alerts[mark].append(alert)
                self.changed.notify_all()

    def errors(self):
        self.log.flush()
        return open(self.log.name).read()

    def end(self, mark):
        """Runs the program whose alert tells that those of the act before it have come."""
        subprocess.run([self.ending], env={MARK: mark}, check=True)

    def is_over(self, mark):
        return any(alert["rule"] == ENDING for alert in self.alerts[mark])

    def wait_until_ready(self, seconds):
        """Waits until alerts come; says whether they do."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.process.poll() is None:
            self.end("ready")
            with self.changed:
                if self.changed.wait_for(lambda: self.is_over("ready"), 0.5):
                    return True
        return False

    def catch_up(self):
        """Waits until alerts come soon after what they are about: a machine that does much else may be behind."""
        for _ in range(60):
            mark = f"late-{time.monotonic()}"
            began = time.monotonic()
            self.end(mark)
            with self.changed:
                if not self.changed.wait_for(lambda: self.is_over(mark), 60):
                    break
            if time.monotonic() - began < 0.2:
                return

    def of_act(self, mark):
        """All alerts of an act that has been performed, and how long they took, in seconds."""
        began = time.monotonic()
        self.end(mark)
        with self.changed:
            if not self.changed.wait_for(lambda: self.is_over(mark), 60):
                raise RuntimeError(f"no alerts come any more; sysflow says:\n{self.errors()}")
            alerts = [alert for alert in self.alerts[mark] if alert["rule"] != ENDING]
            return alerts, time.monotonic() - began

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
