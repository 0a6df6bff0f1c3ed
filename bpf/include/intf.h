/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/*
 * What crosses between the kernel and user space: the one description of it, read by both sides.
 * `crates/probe/src/interface.rs` mirrors it, and a test compares the mirror with the types of the object.
 *
 * A record is a header, up to six numbers, and items; each item is a head of eight bytes, its data, and
 * padding to a multiple of eight. All numbers are in the order of the machine.
 */
#ifndef SYSFLOW_INTF_H
#define SYSFLOW_INTF_H

#define SF_ARGUMENTS 6
#define SF_CALLS 512           /* system calls that the table has room for */
#define SF_SCRATCH 65536       /* room for a record under construction, a power of two */
#define SF_LONGEST_ITEM 16384  /* an item's data at most, a power of two */
#define SF_FULL (SF_SCRATCH - SF_LONGEST_ITEM - 256) /* no item begins behind this */
#define SF_PATH 4096           /* the longest path */
#define SF_KINDS 16
#define SF_NO_CALL 0xffff
#define SF_FOREIGN 0xffffffff
#define SF_ANSWER 512 /* first bytes that are kept of what a name server answers */

/* What a record tells. */
enum sf_kind {
	SF_KIND_CALL = 1,   /* a system call has ended: the numbers are its arguments */
	SF_KIND_FORK,       /* a thread was made, told before it runs: the numbers are clone flags */
	SF_KIND_EXEC,       /* a program was executed: the numbers are old tid */
	SF_KIND_EXIT,       /* a thread ended: status, whether it was the last, reaper, whether another takes its place */
	SF_KIND_FLOW,       /* what moved on a descriptor; ends what is counted there. Closes carry it themselves */
	SF_KIND_SIGNAL,     /* the kernel sends a signal: signal, code, target tid, target pid */
	SF_KIND_URING,      /* a request of io_uring has ended: as the call that it stands for; [5] is the opcode */
	SF_KIND_TASK,       /* a thread that there is (iterator) */
	SF_KIND_FILE,       /* a descriptor that there is (iterator): tid, fd */
	SF_KIND_PASSED,     /* a descriptor that another process has sent, or a ring has given out: fd */
	SF_KIND_MOVED,      /* a thread is in other control groups: whether its whole process is */
};

/* Which ring. */
enum sf_lane {
	SF_LANE_CRITICAL,
	SF_LANE_NORMAL,
	SF_LANES,
};

/* What an item holds. */
enum sf_item_kind {
	SF_ITEM_STRING0 = 1, /* texts that the program gave, in the order of the call table */
	SF_ITEM_STRING1,
	SF_ITEM_STRING2,
	SF_ITEM_FILE,        /* struct sf_file of the first descriptor */
	SF_ITEM_PATH,        /* its path */
	SF_ITEM_FILE2,       /* the same of the second */
	SF_ITEM_PATH2,
	SF_ITEM_SOCKET,      /* struct sf_socket of the first descriptor */
	SF_ITEM_UNIX,        /* its path, or that of its peer */
	SF_ITEM_SOCKET2,
	SF_ITEM_ADDRESS,     /* a socket address, as the program or the kernel wrote it */
	SF_ITEM_DATA,        /* first bytes that moved */
	SF_ITEM_NUMBERS,     /* numbers behind a pointer: two descriptors, a clone3 or openat2 structure */
	SF_ITEM_IDENTITY,    /* struct sf_identity */
	SF_ITEM_ARGUMENTS,   /* argv, a NUL after each */
	SF_ITEM_ENVIRONMENT, /* the same for the environment */
	SF_ITEM_DIRECTORY,   /* the working directory */
	SF_ITEM_ROOT,        /* the root directory, seen from the mount namespace */
	SF_ITEM_EXECUTABLE,  /* the path of the executable */
	SF_ITEM_INTERPRETER, /* what the kernel executed in its place */
	SF_ITEM_GIVEN,       /* the path of the executable as the program gave it */
	SF_ITEM_CGROUP,      /* the path of the control group (v2) */
	SF_ITEM_CGROUP_V1,   /* the same of the memory controller, where that has a hierarchy of its own */
	SF_ITEM_COUNTS,      /* struct sf_counts: what is counted no longer */
	SF_ITEM_COMM,        /* short name */
	SF_ITEM_TARGET,      /* struct sf_peer: where a socket was being connected to, as the kernel took it */
	SF_ITEM_PEER,        /* struct sf_peer: with whom a datagram was exchanged */
};

/* Facts about a file. */
enum sf_fact {
	SF_FACT_UPPER = 1,   /* in the upper layer of an overlay */
	SF_FACT_LOWER = 2,   /* in a lower layer */
	SF_FACT_MEMORY = 4,  /* in memory only */
	SF_FACT_DELETED = 8, /* has no name any more */
};

/* What is done about a system call. */
enum sf_action {
	SF_ACTION_NONE,
	SF_ACTION_TELL,
	SF_ACTION_COUNT,
};

/* What is special about a system call. */
enum sf_special {
	SF_SPECIAL_NONE,
	SF_SPECIAL_CLOSE,        /* ends what is counted on its descriptor */
	SF_SPECIAL_DUP2,         /* the same for the second, where it now stands for something else */
	SF_SPECIAL_DUP_COMMAND,  /* fcntl: only where it copies a descriptor */
	SF_SPECIAL_MAP,          /* mmap: only executable mappings of files */
	SF_SPECIAL_MESSAGE,      /* the second argument is a message head */
	SF_SPECIAL_MESSAGES,     /* the second argument is an array of those, the result their number */
	SF_SPECIAL_FAILURE_ONLY, /* a success is told elsewhere */
	SF_SPECIAL_EXEC,         /* failures only, with argv */
	SF_SPECIAL_VECTOR,       /* the second argument is an array of buffers */
	SF_SPECIAL_COPY,         /* data move between two descriptors */
	SF_SPECIAL_CLOSE_RANGE,  /* ends what is counted on many descriptors */
	SF_SPECIAL_CONNECT,      /* where to is told as the kernel took it */
	SF_SPECIAL_CLONE,        /* the child returns from it too, and was told before */
	SF_SPECIAL_PAIR,         /* the numbers are two descriptors, the first of which is described */
	SF_SPECIAL_DIRECTORY,    /* the working directory is told as the kernel has it */
};

#define SF_DIRECT 0x7fffffff /* in place of a descriptor: a place in the own table of an io_uring */
#define SF_REQUESTS 128 /* kinds of requests of io_uring that the table has room for */
#define SF_RESULT 7 /* in place of an argument's position: the result */

/* How a system call is told. Positions of arguments are counted from 1; 0 is none. */
struct sf_call {
	__u8 action;
	__u8 lane;
	__u8 special;
	__u8 direction;  /* counted calls: 1 in, 2 out */
	__u8 strings[3]; /* arguments that point to texts */
	__u8 fd;         /* the descriptor that is described */
	__u8 fd2;        /* another one */
	__u8 address;    /* points to a socket address; its length is the next argument */
	__u8 data;       /* points to what moved */
	__u8 numbers;    /* points to numbers */
	__u32 numbers_size;
	__u8 arguments; /* how many there are */
	__u8 first;     /* counted calls: whether the first on each descriptor is told */
	__u16 unused;
};

struct sf_config {
	__u32 own_pid;       /* nothing is told of it */
	__u32 per_call;      /* 1: nothing is counted, everything is told; 2: calls of no interest too */
	__u32 data_size;     /* first bytes that are kept of what moves */
	__u32 wake_at;       /* bytes in a ring at which the reader is woken */
	__u32 processors;    /* how many there may be */
	__u32 by_entry;      /* whether io_uring_complete is given its entry in the ring, not what stands in that */
	__u64 event_cost;    /* ns of a process's time that a normal record uses up */
	__u64 event_burst;   /* ns by which it may be ahead */
	__u32 copies;        /* whether members are copied by helpers though they could be read in place */
	__u32 unused;
};

struct sf_header {
	__u32 length; /* of the record, with this header */
	__u16 kind;
	__u16 call; /* number of the system call, or SF_NO_CALL */
	__u16 cpu;
	__u8 lane;
	__u8 is_compat;
	__u32 pid; /* as the host numbers it */
	__u32 tid;
	__u16 is_reused; /* close: the number stands for something new already */
	__u16 arguments; /* how many numbers follow the header */
	__u64 sequence; /* for each processor and lane */
	__u64 time;     /* ns since boot */
	__u64 start;    /* when the process was started, ns since boot */
	__s64 result;
};

struct sf_item {
	__u16 kind;
	__u16 unused;
	__u32 length;
};

struct sf_file {
	__u64 inode;
	__u64 changed;  /* ns since the epoch */
	__u64 modified; /* ns since the epoch */
	__u32 device;
	__u32 flags; /* f_flags */
	__u32 access; /* f_mode */
	__u32 mode;
	__u32 uid;
	__u32 gid;
	__u32 facts;
	__u32 magic; /* of the file system */
};

struct sf_socket {
	__u16 family;
	__u16 type;
	__u16 protocol;
	__u16 state;
	__u16 local_port;
	__u16 remote_port;
	__u32 unused;
	__u8 local[16];
	__u8 remote[16];
	__u64 socket; /* the kernel's address of this end */
	__u64 peer;   /* of the other end, of unix sockets */
};

struct sf_identity {
	__u64 start;           /* of the process, ns since boot */
	__u64 namespace_start; /* of the first process of its pid namespace */
	__u64 inheritable;
	__u64 permitted;
	__u64 effective;
	__u64 cgroup;
	__u64 descriptor_limit;
	__u64 faults_major;
	__u64 faults_minor;
	__u64 memory_pages;
	__u32 pid;
	__u32 tid;
	__u32 parent;
	__u32 namespace_pid;
	__u32 namespace_tid;
	__u32 uid;
	__u32 gid;
	__u32 login_uid;
	__u32 session;
	__u32 group;
	__u32 namespace_group;
	__u32 terminal;
	__u32 clone_flags; /* those that can be told from the thread itself, as the kernel numbers them */
	__u32 is_kernel;
	char comm[16];
};

struct sf_flow_key {
	__u32 pid;
	__u32 fd;
	__u32 peer; /* hash of the peer's address; 0 for connected sockets and files */
	__u32 unused;
};

struct sf_peer {
	__u16 family;
	__u16 port; /* network order */
	__u32 unused;
	__u8 address[16];
};

/* What has moved on a descriptor, apart from what was told by records of its own. */
struct sf_counts {
	__u64 id; /* never used again */
	__u64 read_ops;
	__u64 read_bytes;
	__u64 write_ops;
	__u64 write_bytes;
	__u64 first; /* ns since boot */
	__u64 last;  /* the same, perhaps early by a tick of the kernel's clock */
	__u64 peers; /* flows with peers on this descriptor; of such a flow the id of the one of the descriptor */
	__u32 fd;
	__u32 tid; /* of the thread that was the first */
};

struct sf_flow {
	struct sf_counts counts;
	__u64 file; /* the kernel's address of the open file */
	__u64 told; /* 1 a read, 2 a write */
	struct sf_peer peer;
	struct sf_peer local;
	__u32 always; /* directions of which each operation is told */
	__u32 unused;
};

struct sf_losses {
	__u64 lost[SF_LANES][SF_KINDS];
	__u64 sequence[SF_LANES];
	__u64 flows;     /* how many have begun */
	__u64 uncounted; /* no room for a flow: told by a record of its own instead */
	__u64 compat;    /* system calls of 32-bit programs that cannot be told */
};

struct sf_suppressed_key {
	__u32 pid;
	__u32 call;
};

/* All of them, so that the types of the object name each and can be compared with the mirror. */
struct sf_all {
	struct sf_call call;
	struct sf_config config;
	struct sf_header header;
	struct sf_item item;
	struct sf_file file;
	struct sf_socket socket;
	struct sf_identity identity;
	struct sf_flow_key flow_key;
	struct sf_peer peer;
	struct sf_counts counts;
	struct sf_flow flow;
	struct sf_losses losses;
	struct sf_suppressed_key suppressed_key;
};

#endif
