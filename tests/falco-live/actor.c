/*
 * A program of many names. The cases copy it as whatever a rule is about ("nginx", "useradd" ...).
 *
 * Called with anything but "do" first, it ends at once: only its name and its arguments matter then. Called as
 * `NAME do STEP, STEP ...` it does one step after the other; each step is a system call or a few. Steps are
 * divided by an argument ",", those of a program that a step starts by ",,", and so on.
 *
 * What the kernel refuses is told on standard error and makes the exit code 1, but the steps go on: rules are
 * about attempts too. A step that does not exist gives 2.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int failures;

static long check(const char *what, long result)
{
	if (result < 0) {
		fprintf(stderr, "%s: %s\n", what, strerror(errno));
		failures = 1;
	}
	return result;
}

static const char *need(char **arguments, int index)
{
	for (int each = 0; each <= index; each++) {
		if (!arguments[each]) {
			fprintf(stderr, "an argument is missing\n");
			exit(2);
		}
	}
	return arguments[index];
}

/* ---- files ---- */

/* Letters: r read, w write, c create, t truncate, d directory, x exclusive. */
static int open_flags(const char *letters)
{
	int flags = strchr(letters, 'w') ? (strchr(letters, 'r') ? O_RDWR : O_WRONLY) : O_RDONLY;

	flags |= strchr(letters, 'c') ? O_CREAT : 0;
	flags |= strchr(letters, 't') ? O_TRUNC : 0;
	flags |= strchr(letters, 'd') ? O_DIRECTORY : 0;
	flags |= strchr(letters, 'x') ? O_EXCL : 0;
	return flags;
}

static mode_t mode_or(const char *octal, mode_t otherwise)
{
	return octal ? (mode_t)strtoul(octal, NULL, 8) : otherwise;
}

static void step_open(char **a)
{
	int file = openat(AT_FDCWD, need(a, 0), open_flags(need(a, 1)), mode_or(a[2], 0644));

	if (check("openat", file) >= 0)
		close(file);
}

/* By the system calls that C libraries do not use any more. */
static void step_old_open(char **a)
{
#ifdef SYS_open
	long file = syscall(SYS_open, need(a, 0), open_flags(need(a, 1)), mode_or(a[2], 0644));

	if (check("open", file) >= 0)
		close((int)file);
#else
	step_open(a);
#endif
}

/* Opens again, for writing, what is open already: `/proc/self/fd/N`. */
static void step_reopen(char **a)
{
	int file = openat(AT_FDCWD, need(a, 0), O_RDONLY | O_CREAT, 0644);
	char path[64];

	if (check("openat", file) < 0)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	int again = openat(AT_FDCWD, path, O_WRONLY);
	if (check(path, again) >= 0)
		close(again);
	close(file);
}

static void step_mkdir(char **a) { check("mkdir", mkdir(need(a, 0), 0755)); }
static void step_rmdir(char **a) { check("rmdir", rmdir(need(a, 0))); }
static void step_unlink(char **a) { check("unlink", unlink(need(a, 0))); }
static void step_rename(char **a) { check("rename", rename(need(a, 0), need(a, 1))); }
static void step_symlink(char **a) { check("symlink", symlink(need(a, 0), need(a, 1))); }
static void step_link(char **a) { check("link", link(need(a, 0), need(a, 1))); }
static void step_chmod(char **a) { check("chmod", chmod(need(a, 0), mode_or(need(a, 1), 0))); }

/* Copies a program, with the rights to run it from the first moment. */
static void step_install(char **a)
{
	int from = openat(AT_FDCWD, need(a, 0), O_RDONLY);
	int to = openat(AT_FDCWD, need(a, 1), O_WRONLY | O_CREAT | O_TRUNC, 0755);
	char block[65536];
	ssize_t length;

	if (check(a[0], from) < 0 || check(a[1], to) < 0)
		return;
	while ((length = read(from, block, sizeof(block))) > 0)
		check("write", write(to, block, (size_t)length));
	close(from);
	close(to);
}

static void step_chdir(char **a) { check("chdir", chdir(need(a, 0))); }

/* ---- programs ---- */

/* One comma less: what is ours to divide is gone, what is the program's becomes its own. */
static void lift_commas(char **arguments)
{
	for (; *arguments; arguments++)
		if ((*arguments)[0] == ',' && strspn(*arguments, ",") == strlen(*arguments))
			(*arguments)++;
}

static void step_exec(char **a)
{
	lift_commas(a);
	execv(need(a, 0), a);
	check(a[0], -1);
	exit(1);
}

static void wait_for(pid_t child)
{
	int status;

	waitpid(child, &status, 0);
	if (WIFEXITED(status) && WEXITSTATUS(status))
		failures = 1;
}

static void step_spawn(char **a)
{
	pid_t child = fork();

	if (!child)
		step_exec(a);
	wait_for(child);
}

/* Runs a program that has no place in the file system. */
static void step_memory_exec(char **a)
{
	int from = openat(AT_FDCWD, need(a, 0), O_RDONLY);
	int memory = memfd_create("payload", MFD_CLOEXEC);
	char block[65536];
	ssize_t length;
	pid_t child;

	if (check(a[0], from) < 0 || check("memfd_create", memory) < 0)
		return;
	while ((length = read(from, block, sizeof(block))) > 0)
		check("write", write(memory, block, (size_t)length));
	child = fork();
	if (!child) {
		fexecve(memory, a, environ);
		check("fexecve", -1);
		exit(1);
	}
	wait_for(child);
}

/* A child does the steps that follow; on a terminal of its own, if it is wanted. */
static void continue_in_child(int with_terminal)
{
	int terminal = -1;
	pid_t child;

	if (with_terminal) {
		terminal = posix_openpt(O_RDWR | O_NOCTTY);
		if (check("posix_openpt", terminal) < 0 || grantpt(terminal) || unlockpt(terminal))
			exit(1);
	}
	child = fork();
	if (child) {
		char block[4096];

		/* A terminal that nobody reads from holds its writer up; it ends when its last user has. */
		while (terminal >= 0 && read(terminal, block, sizeof(block)) > 0)
			;
		wait_for(child);
		exit(failures);
	}
	if (with_terminal) {
		setsid();
		int line = openat(AT_FDCWD, ptsname(terminal), O_RDWR);
		if (check("openat", line) < 0)
			exit(1);
		ioctl(line, TIOCSCTTY, 0);
		for (int each = 0; each < 3; each++)
			dup2(line, each);
		close(line);
		close(terminal);
	}
}

static void step_fork(char **a) { (void)a; continue_in_child(0); }
static void step_terminal(char **a) { (void)a; continue_in_child(1); }
static void step_disguise(char **a) { check("prctl", prctl(PR_SET_NAME, need(a, 0))); }
static void step_session(char **a) { (void)a; check("setsid", setsid()); }
static void step_sleep(char **a) { usleep((useconds_t)atoi(need(a, 0)) * 1000); }

/* ---- rights and the kernel ---- */

static void step_setuid(char **a) { check("setuid", setuid((uid_t)atoi(need(a, 0)))); }
static void step_setgid(char **a) { check("setgid", setgid((gid_t)atoi(need(a, 0)))); }

static void step_trace_me(char **a)
{
	(void)a;
	check("ptrace", ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static void step_attach(char **a)
{
	pid_t child = fork();

	(void)a;
	if (!child) {
		pause();
		_exit(0);
	}
	if (check("ptrace", ptrace(PTRACE_ATTACH, child, NULL, NULL)) >= 0)
		waitpid(child, NULL, 0);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

static void step_bpf(char **a)
{
	union bpf_attr attributes = { 0 };
	/* r0 = 0; exit */
	unsigned long long program[] = { 0x00000000000000b7ULL, 0x0000000000000095ULL };

	if (!strcmp(need(a, 0), "load")) {
		attributes.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
		attributes.insns = (unsigned long)program;
		attributes.insn_cnt = 2;
		attributes.license = (unsigned long)"GPL";
		check("bpf", syscall(SYS_bpf, BPF_PROG_LOAD, &attributes, sizeof(attributes)));
	} else {
		attributes.map_type = BPF_MAP_TYPE_ARRAY;
		attributes.key_size = attributes.value_size = 4;
		attributes.max_entries = 1;
		check("bpf", syscall(SYS_bpf, BPF_MAP_CREATE, &attributes, sizeof(attributes)));
	}
}

static void step_userfaultfd(char **a)
{
	(void)a;
	/* 1 is UFFD_USER_MODE_ONLY: what users without rights may have. */
	check("userfaultfd", syscall(SYS_userfaultfd, O_CLOEXEC | 1));
}

/* Of a file that is no module: nothing is loaded. */
static void step_load_module(char **a)
{
	int file = openat(AT_FDCWD, need(a, 0), O_RDONLY);

	check(a[0], file);
	check("finit_module", syscall(SYS_finit_module, file, "", 0));
	close(file);
}

static int namespace_flag(const char *name)
{
	static const struct { const char *name; int flag; } all[] = {
		{ "uts", CLONE_NEWUTS }, { "ipc", CLONE_NEWIPC }, { "net", CLONE_NEWNET },
		{ "user", CLONE_NEWUSER }, { "mount", CLONE_NEWNS },
	};

	for (size_t each = 0; each < sizeof(all) / sizeof(all[0]); each++)
		if (!strcmp(all[each].name, name))
			return all[each].flag;
	fprintf(stderr, "there is no namespace %s\n", name);
	exit(2);
}

static void step_unshare(char **a) { check("unshare", unshare(namespace_flag(need(a, 0)))); }

/* Joins the namespace that it is in already. */
static void step_setns(char **a)
{
	char path[64];
	int file;

	snprintf(path, sizeof(path), "/proc/self/ns/%s", need(a, 0));
	file = openat(AT_FDCWD, path, O_RDONLY);
	check("setns", setns(file, namespace_flag(a[0])));
	close(file);
}

/* ---- network ---- */

static struct sockaddr_in address_of(const char *host, const char *port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((in_port_t)atoi(port)) };

	if (inet_pton(AF_INET, host, &address.sin_addr) != 1) {
		fprintf(stderr, "%s is no address\n", host);
		exit(2);
	}
	return address;
}

static int connected(const char *protocol, const char *host, const char *port)
{
	struct sockaddr_in address = address_of(host, port);
	int kind = strcmp(protocol, "udp") ? SOCK_STREAM : SOCK_DGRAM;
	int file = socket(AF_INET, kind, 0);

	check("connect", connect(file, (struct sockaddr *)&address, sizeof(address)));
	return file;
}

static void step_connect(char **a) { close(connected(need(a, 0), need(a, 1), need(a, 2))); }

/* The connection becomes a standard descriptor. */
static void step_redirect(char **a)
{
	int file = connected(need(a, 0), need(a, 1), need(a, 2));

	check("dup2", dup2(file, atoi(need(a, 3))));
	close(file);
}

/* Takes one connection and says a byte. */
static void step_accept(char **a)
{
	struct sockaddr_in address = address_of(need(a, 0), need(a, 1));
	int file = socket(AF_INET, SOCK_STREAM, 0), yes = 1, peer;

	setsockopt(file, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	check("bind", bind(file, (struct sockaddr *)&address, sizeof(address)));
	check("listen", listen(file, 4));
	struct pollfd wanted = { .fd = file, .events = POLLIN };
	if (poll(&wanted, 1, 5000) != 1) {
		fprintf(stderr, "nobody came\n");
		failures = 1;
		return;
	}
	peer = accept4(file, NULL, NULL, SOCK_CLOEXEC);
	check("accept4", peer);
	check("send", send(peer, "x", 1, MSG_NOSIGNAL));
	close(peer);
	close(file);
}

static void step_send(char **a)
{
	struct sockaddr_in address = address_of(need(a, 0), need(a, 1));
	int file = socket(AF_INET, SOCK_DGRAM, 0);

	check("sendto", sendto(file, "x", 1, 0, (struct sockaddr *)&address, sizeof(address)));
	close(file);
}

/* Fetches what the server says first. */
static void step_fetch(char **a)
{
	int file = connected("tcp", need(a, 0), need(a, 1));
	char block[1024];

	check("recv", recv(file, block, sizeof(block), 0));
	close(file);
}

/* Asks a name server for the address of a name. */
static void step_resolve(char **a)
{
	struct sockaddr_in server = address_of(need(a, 1), "53");
	unsigned char message[1500] = { 0x12, 0x34, 1, 0, 0, 1 };
	size_t length = 12;
	const char *label = need(a, 0);
	int file = socket(AF_INET, SOCK_DGRAM, 0);
	struct timeval patience = { .tv_sec = 3 };

	while (*label && length < 300) {
		size_t size = strcspn(label, ".");

		message[length] = (unsigned char)size;
		memcpy(message + length + 1, label, size);
		length += size + 1;
		label += size + (label[size] == '.');
	}
	length++;			/* the root */
	message[length + 1] = 1;	/* A */
	message[length + 3] = 1;	/* IN */
	length += 4;
	setsockopt(file, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	check("connect", connect(file, (struct sockaddr *)&server, sizeof(server)));
	check("send", send(file, message, length, 0));
	check("recv", recv(file, message, sizeof(message), 0));
	close(file);
}

static void step_packet_socket(char **a)
{
	(void)a;
	check("socket", socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL)));
}

static void step_raw_inet_socket(char **a)
{
	(void)a;
	check("socket", socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
}

static const struct {
	const char *name;
	void (*run)(char **arguments);
} steps[] = {
	{ "open", step_open },
	{ "old-open", step_old_open },
	{ "reopen", step_reopen },
	{ "mkdir", step_mkdir },
	{ "rmdir", step_rmdir },
	{ "unlink", step_unlink },
	{ "rename", step_rename },
	{ "symlink", step_symlink },
	{ "link", step_link },
	{ "chmod", step_chmod },
	{ "install", step_install },
	{ "chdir", step_chdir },
	{ "exec", step_exec },
	{ "spawn", step_spawn },
	{ "memory-exec", step_memory_exec },
	{ "fork", step_fork },
	{ "terminal", step_terminal },
	{ "session", step_session },
	{ "disguise", step_disguise },
	{ "sleep", step_sleep },
	{ "setuid", step_setuid },
	{ "setgid", step_setgid },
	{ "trace-me", step_trace_me },
	{ "attach", step_attach },
	{ "bpf", step_bpf },
	{ "userfaultfd", step_userfaultfd },
	{ "load-module", step_load_module },
	{ "unshare", step_unshare },
	{ "setns", step_setns },
	{ "connect", step_connect },
	{ "redirect", step_redirect },
	{ "accept", step_accept },
	{ "send", step_send },
	{ "fetch", step_fetch },
	{ "resolve", step_resolve },
	{ "packet-socket", step_packet_socket },
	{ "raw-inet-socket", step_raw_inet_socket },
};

static void run_step(char **words)
{
	for (size_t each = 0; each < sizeof(steps) / sizeof(steps[0]); each++) {
		if (!strcmp(steps[each].name, words[0])) {
			steps[each].run(words + 1);
			return;
		}
	}
	fprintf(stderr, "there is no step %s\n", words[0]);
	exit(2);
}

int main(int count, char **words)
{
	if (count < 3 || strcmp(words[1], "do"))
		return 0;
	for (int next = 2; next < count;) {
		int end = next;

		while (end < count && strcmp(words[end], ","))
			end++;
		words[end] = NULL;
		if (end > next)
			run_step(words + next);
		next = end + 1;
	}
	return failures;
}
