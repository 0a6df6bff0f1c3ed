/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* All programs, in one object. */
#include "kernel.h"
#include "intf.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "../lib/cast.h"
#include "../lib/maps.h"
#include "../lib/record.h"
#include "../lib/path.h"
#include "../lib/object.h"
#include "../lib/identity.h"
#include "../lib/flow.h"

#include "arguments.bpf.h"
#include "message.bpf.h"
#include "call.bpf.h"
#include "process.bpf.h"
#include "network.bpf.h"
#include "uring.bpf.h"
#include "snapshot.bpf.h"
#include "floor.bpf.h"

char LICENSE[] SEC("license") = "GPL";
