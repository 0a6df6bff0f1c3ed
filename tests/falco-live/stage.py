"""Where acts happen: a root directory of its own for the host, containers of Podman, a network without an outside."""

import ctypes
import os
import shutil
import socket
import stat
import subprocess
import threading
import time
from pathlib import Path

from watch import MARK

# Addresses that this machine has in the network of the test.
ADDRESSES = ["203.0.113.7/32", "203.0.113.8/32", "10.1.2.3/32", "10.96.0.1/32", "169.254.169.254/32", "198.51.100.53/32"]
NAME_SERVER = "198.51.100.53"
# Ports on which connections are taken by nobody: the kernel makes them all the same.
PORTS = [22, 80, 443, 3333, 5000, 30080]
# Ports, and what is said there to who comes.
SAYINGS = {9001: bytes.fromhex("cafebabe00000034"), 9002: b"HTTP/1.1 200 OK\r\n\r\n"}
NAMES = {
    "ca.minexmr.com": "203.0.113.7",
    "www.example.org": "203.0.113.8",
    "kubernetes.default.svc.cluster.local": "10.96.0.1",
}


def run(*words, **options):
    """Runs a program of the system; what it says is told only if it fails."""
    words = [str(word) for word in words]
    done = subprocess.run(words, capture_output=True, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout.strip()


LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, MS_REC, MS_PRIVATE, MNT_DETACH, SYS_PIVOT_ROOT = 0x20000, 0x4000, 0x40000, 2, {"x86_64": 155, "aarch64": 41}


def must(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def enter_root(root):
    """Makes a mount point the root directory in a new mount namespace. What was mounted before is not there."""
    must(LIBC.unshare(CLONE_NEWNS))
    must(LIBC.mount(None, b"/", None, MS_REC | MS_PRIVATE, None))
    os.chdir(root)
    must(LIBC.syscall(SYS_PIVOT_ROOT[os.uname().machine], b".", b"."))
    must(LIBC.umount2(b".", MNT_DETACH))
    os.chdir("/")


class Network:
    """Addresses, and servers behind them. The network namespace is the test's own."""

    def __init__(self):
        run("ip", "link", "set", "lo", "up")
        for address in ADDRESSES:
            run("ip", "address", "add", address, "dev", "lo")
        self.listening = [self.listen(port) for port in [*PORTS, *SAYINGS]]
        for port, server in zip(SAYINGS, self.listening[len(PORTS):]):
            threading.Thread(target=self.say, args=(server, SAYINGS[port]), daemon=True).start()
        names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        names.bind((NAME_SERVER, 53))
        threading.Thread(target=self.answer, args=(names,), daemon=True).start()

    @staticmethod
    def listen(port):
        server = socket.socket()
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server.bind(("0.0.0.0", port))
        server.listen(4096)
        return server

    @staticmethod
    def say(server, saying):
        while True:
            peer, _ = server.accept()
            with peer:
                peer.sendall(saying)
                peer.settimeout(2)
                try:
                    peer.recv(1)
                except OSError:
                    pass

    @staticmethod
    def answer(server):
        """A name server that knows few names. Answers end with a text, as long as those of real servers are."""
        while True:
            question, peer = server.recvfrom(1500)
            labels, at = [], 12
            while length := question[at]:
                labels.append(question[at + 1 : at + 1 + length].decode())
                at += 1 + length
            address = NAMES.get(".".join(labels), "203.0.113.7")
            asked = question[12 : at + 5]
            reply = question[:2] + bytes.fromhex("8180 0001 0001 0000 0001") + asked
            reply += bytes.fromhex("c00c 0001 0001 0000003c 0004") + socket.inet_aton(address)
            text = b"v" * 60
            reply += bytes.fromhex("c00c 0010 0001 0000003c") + (len(text) + 1).to_bytes(2, "big") + bytes([len(text)]) + text
            server.sendto(reply, peer)

    @staticmethod
    def come(source, port):
        """A client that tries until somebody listens."""
        until = time.monotonic() + 4
        while time.monotonic() < until:
            with socket.socket() as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                client.bind((source, 0))
                try:
                    client.connect((source, port))
                except ConnectionRefusedError:
                    time.sleep(0.02)
                    continue
                client.settimeout(3)
                client.recv(1)
                return


# What is there before each act: path -> mode.
FILES = {
    "etc/passwd": 0o644, "etc/hostname": 0o644, "etc/profile": 0o644, "etc/shadow": 0o600,
    "etc/sudoers.d/people": 0o600, "etc/cron.d/present": 0o644, "etc/apt/sources.list": 0o644,
    "etc/apt/sources.list.d/some.list": 0o644, "home/alice/.ssh/id_rsa": 0o600,
    "home/alice/.ssh/authorized_keys": 0o600, "home/alice/.bashrc": 0o644, "home/alice/.bash_history": 0o600,
    "home/alice/note": 0o644, "root/.ssh/authorized_keys": 0o600, "root/.cache/old": 0o644,
    "var/log/messages": 0o644, "var/lib/rpm/old": 0o644, "srv/auth.log": 0o644, "srv/other.txt": 0o644,
    "srv/.present": 0o644, "tmp/note": 0o644, "boot/old": 0o644, "usr/lib/liblzma.so.5.6.1": 0o644,
    "usr/lib/liblzma.so.5.4.1": 0o644, "host/etc/passwd": 0o644, "usr/local/bin/old": 0o755, "mnt/old": 0o644,
}
LASTING = {"dev", "proc", "programs"}
APPLETS = ["sh", "true"]


def fill(root, actor, programs, busybox):
    """Files and programs that acts find. Programs are links to one file."""
    for directory in ("bin", "sbin", "usr/bin", "tmp", "srv", "dev", "proc", "sys"):
        (root / directory).mkdir(parents=True, exist_ok=True)
    for path, mode in FILES.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("")
        file.chmod(mode)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\ngames:x:5:60:games:/:/bin/false\n")
    (root / "srv/data").write_text("data")
    os.link(busybox, root / "bin/busybox")
    for applet in APPLETS:
        (root / "bin" / applet).symlink_to("busybox")
    for name in sorted(programs):
        os.link(actor, root / "usr/bin" / name)


class Host:
    """A root directory in memory, made afresh for each act."""

    def __init__(self, scratch, actor, busybox):
        self.root = scratch / "root"
        self.root.mkdir()
        run("mount", "-t", "tmpfs", "-o", "mode=755", "root", self.root)
        for directory in LASTING:
            (self.root / directory).mkdir()
        # Links need both names on one mount.
        self.actor = shutil.copy(actor, self.root / "programs")
        self.busybox = shutil.copy(busybox, self.root / "programs")
        run("mount", "-t", "tmpfs", "dev", self.root / "dev")
        run("mount", "--rbind", "/proc", self.root / "proc")
        (self.root / "dev/pts").mkdir()
        run("mount", "-t", "devpts", "-o", "newinstance,ptmxmode=0666,mode=0620", "devpts", self.root / "dev/pts")
        (self.root / "dev/ptmx").symlink_to("pts/ptmx")
        os.mknod(self.root / "dev/null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        (self.root / "dev/shm/sub").mkdir(parents=True)
        for name in ("payload", "sub/payload"):
            shutil.copy(actor, self.root / "dev/shm" / name)
        (self.root / "dev/sdz").write_text("")

    def refresh(self, programs):
        for entry in self.root.iterdir():
            if entry.name not in LASTING:
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        (self.root / "dev/thing").unlink(missing_ok=True)
        fill(self.root, self.actor, {*programs, "victim"}, self.busybox)

    def perform(self, act, mark, programs):
        self.refresh(programs)
        for line in act.before:
            self.start(act, act.words(line), {}).communicate(timeout=20)
        process = self.start(act, act.words(), {MARK: mark, **act.environment})
        if act.client:
            Network.come(*act.client)
        _, errors = process.communicate(timeout=30)
        return process.returncode, errors

    def start(self, act, words, environment):
        def enter():
            enter_root(self.root)
            if act.user:
                os.setgroups([])
                os.setgid(act.user)
                os.setuid(act.user)

        return subprocess.Popen(
            words, env=environment, preexec_fn=enter, text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
        )


# Where Podman and its runtime keep things, of which each becomes a directory in memory.
PODMAN = ["/etc/cni/net.d", "/var/lib/containers", "/run/containers", "/run/libpod", "/run/runc", "/run/crun"]
# The last has a name that lists of the published rules trust.
IMAGES = {"plain": "sysflow-live/plain:1", "stranger": "sysflow-live/stranger:1",
          "trusted": "docker.io/sysdig/sysdig:1"}
# This machine may forbid to raise limits; so few are asked for.
CGROUP = "sysflow-live"
OPTIONS = ["--network", "host", "--cgroup-parent", f"/{CGROUP}", "--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1000:1000"]


class Containers:
    """An image of the programs, two containers that run, and others as acts want them."""

    def __init__(self, scratch, actor, busybox, programs):
        for directory in PODMAN:
            Path(directory).mkdir(parents=True, exist_ok=True)
            run("mount", "-t", "tmpfs", "podman", directory)
        root = scratch / "image"
        root.mkdir()
        fill(root, actor, programs, busybox)
        archive = scratch / "image.tar"
        run("tar", "-C", root, "-cf", archive, ".")
        for image in IMAGES.values():
            run("podman", "import", archive, image)
        archive.unlink()

    def start_lasting(self):
        for name, options in {"container": [], "privileged": ["--privileged"]}.items():
            run("podman", "run", "-d", "--name", name, *OPTIONS, *options,
                IMAGES["plain"], "/bin/busybox", "sleep", "100000")

    def perform(self, act, mark, programs):
        environment = [f"--env={key}={value}" for key, value in {MARK: mark, **act.environment}.items()]
        if isinstance(act.where, list):
            words = ["podman", "run", "--rm", *OPTIONS, *environment, *act.where,
                     IMAGES[act.image], *act.words()]
        else:
            for line in act.before:
                run("podman", "exec", act.where, *act.words(line))
            words = ["podman", "exec", *environment, "--user", str(act.user)]
            words += ["--tty"] if act.terminal else []
            words += [act.where, *act.words()]
        done = subprocess.run(words, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, timeout=60)
        return done.returncode, done.stderr

    def stop(self):
        run("podman", "rm", "--all", "--force", "--time", "0")
        # Control groups are the machine's; monitors of the containers may take a moment to leave them.
        for _ in range(20):
            groups = sorted(Path("/sys/fs/cgroup").glob(f"**/{CGROUP}/**"), reverse=True)
            for group in groups:
                try:
                    group.rmdir()
                except OSError:
                    pass
            if not groups:
                break
            time.sleep(0.1)
