"""What a case is: a rule, acts that it must tell of, and acts beside them that it must not."""

import pwd
import shlex
from dataclasses import dataclass, field

# Published rules name the home directory that root usually has.
HOME = pwd.getpwuid(0).pw_dir
SENSITIVE_MOUNT = "Launch Sensitive Mount Container"


@dataclass
class Act:
    """Something that is done, as one command line, and the rules that must tell of it.

    A word `@name` in `line` stands for the program of many names (`actor.c`) by that name.
    """

    line: str
    # Rule -> alerts. For acts that a rule must tell of, it is added by `case`.
    alerts: dict[str, int] = field(default_factory=dict)
    # "host", "container", "privileged", or the options of `podman run` for a container of its own.
    where: str | list[str] = "host"
    # User, environment, whether there is a terminal.
    user: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    terminal: bool = False
    # Command lines that are run first, without the mark.
    before: list[str] = field(default_factory=list)
    # (source address, port) from which a client comes to an act that accepts one.
    client: tuple[str, int] | None = None
    # The image that the container is of, where it is one of its own.
    image: str = "plain"

    def words(self, line: str | None = None) -> list[str]:
        words = shlex.split(self.line if line is None else line)
        return ["/usr/bin/" + word[1:] if word.startswith("@") else word for word in words]

    def programs(self) -> set[str]:
        """Names under which the program of many names is needed."""
        lines = [self.line, *self.before]
        return {word[1:] for line in lines for word in shlex.split(line) if word.startswith("@")}

    @property
    def is_contained(self) -> bool:
        return self.where != "host"


@dataclass
class Case:
    rule: str
    fires: list[Act]
    stays_quiet: list[Act]
    # Why the rule as published cannot fire, and what was changed to try it all the same.
    changed: str = ""
    # Why the rule cannot be tried here at all.
    impossible: str = ""


CASES: list[Case] = []


def case(rule, fires, stays_quiet=(), **more):
    """Adds a case. `rule` is expected once of each act in `fires`, unless that says how often."""
    as_list = lambda acts: list(acts) if isinstance(acts, (list, tuple)) else [acts]
    fires, stays_quiet = as_list(fires), as_list(stays_quiet)
    for act in fires:
        act.alerts.setdefault(rule, 1)
    CASES.append(Case(rule, fires, stays_quiet, **more))


def host(line, also=None, **more):
    """An act on the host. `also`: other rules that are about it, too."""
    return Act(line, dict(also or {}), **more)


def inside(line, also=None, **more):
    """An act in a container that runs already."""
    more.setdefault("where", "container")
    return Act(line, dict(also or {}), **more)


def started(options, line="@service do sleep 300", also=None, **more):
    """The start of a container. `options` are those of `podman run`.

    The macro `sensitive_mount` holds of each container, however its mounts are: it asks whether the field is not
    "N/A", but a mount that there is not gives no value at all, in Falco as here.
    """
    alerts = {} if more.get("image") == "trusted" else {SENSITIVE_MOUNT: 1}
    return Act(line, alerts | (also or {}), where=shlex.split(options), **more)
