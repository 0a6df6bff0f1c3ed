//! Records, bytes and operations of the original's recordings.

use std::collections::BTreeMap;

use sysflow_record::Kind;

use crate::{TRACES, data, for_each_record};

/// Process events, file events, file flows, network flows and Kubernetes events.
const RECORDS: [[u64; 5]; 8] = [
    [4, 0, 4, 2, 0],
    [0, 0, 4, 1, 0],
    [9, 0, 47, 0, 0],
    [341, 8, 3_383, 1_511, 4],
    [127, 83, 5_609, 3, 0],
    [537, 0, 17_904, 314, 0],
    [234, 3, 6_002, 86, 0],
    [488, 158, 18_893, 486, 0],
];

/// Bytes read, reads, bytes written and writes: of file flows, then of network flows.
const TRANSFERS: [[i64; 8]; 8] = [
    [1_664, 2, 0, 0, 160, 3, 160, 2],
    [198, 3, 78, 1, 92, 2, 306, 1],
    [15_178, 28, 1_944, 27, 0, 0, 0, 0],
    [
        4_448_145, 11_942, 1_294_653, 7_678, 703_046, 5_602, 1_038_705, 3_966,
    ],
    [
        21_148_710, 88_887, 22_697_691, 124_613, 4_518, 182, 5_451_541, 24_857,
    ],
    [
        111_732_482,
        29_806,
        514_639,
        296,
        394_968,
        1_995,
        85_546,
        216,
    ],
    [45_900_677, 10_777, 388_750, 4_257, 106_198, 467, 20_765, 65],
    [
        115_711_554,
        31_490,
        3_518_559,
        1_701,
        525_442,
        2_431,
        132_108,
        283,
    ],
];

const COUNTED: [Kind; 5] = [
    Kind::ProcessEvent,
    Kind::FileEvent,
    Kind::FileFlow,
    Kind::NetworkFlow,
    Kind::K8sEvent,
];

#[test]
fn records_and_transfers() {
    let Some(data) = data() else {
        return;
    };
    for ((trace, records), transfers) in TRACES.into_iter().zip(RECORDS).zip(TRANSFERS) {
        let mut sums = [0; 8];
        let tally = for_each_record(&data.join(trace), |joined| {
            let Some(transfer) = joined.transfer() else {
                return;
            };
            let first = if joined.is_socket() { 4 } else { 0 };
            sums[first] += transfer.read_bytes;
            sums[first + 1] += transfer.read_ops;
            sums[first + 2] += transfer.write_bytes;
            sums[first + 3] += transfer.write_ops;
        });
        let counted = COUNTED.map(|kind| tally.records[kind as usize]);
        assert_eq!(counted, records, "{trace}");
        assert_eq!(tally.events(), records.iter().sum::<u64>(), "{trace}");
        assert_eq!(sums, transfers, "{trace}");
        assert_eq!((tally.faults, tally.lost_bytes), (0, 0), "{trace}");
    }
}

/// Records of entry points, of processes with a terminal and of processes whose parent has no identity, and the
/// longest ancestry, the process itself among it.
const PROCESSES: [[u64; 4]; 8] = [
    [0, 10, 0, 6],
    [0, 0, 0, 5],
    [0, 0, 0, 9],
    [3_549, 0, 1_852, 7],
    [135, 14, 0, 7],
    [0, 0, 0, 10],
    [0, 0, 28, 10],
    [0, 0, 15, 12],
];

#[test]
fn processes_and_ancestors() {
    let Some(data) = data() else {
        return;
    };
    for (trace, expected) in TRACES.into_iter().zip(PROCESSES) {
        let mut found = [0; 4];
        for_each_record(&data.join(trace), |joined| {
            if joined.record.kind() == Kind::K8sEvent {
                return;
            }
            let is_entry = joined.process.is_some_and(|process| process.entry);
            let has_terminal = joined.process.is_some_and(|process| process.tty);
            found[0] += u64::from(is_entry);
            found[1] += u64::from(has_terminal);
            let has_parent = joined.process.is_some_and(|process| process.poid.is_some());
            found[2] += u64::from(!has_parent);
            found[3] = found[3].max(joined.lineage().count() as u64);
        });
        assert_eq!(found, expected, "{trace}");
    }
}

/// Sets of operations by kind of record; those that the original's reference lists, most of all.
const OPERATIONS: &[(usize, &[(&str, u64)])] = &[
    (
        0,
        &[
            ("PE EXEC", 2),
            ("PE EXIT", 2),
            ("FF OPEN CLOSE", 2),
            ("FF OPEN CLOSE READ", 2),
            ("NF CONNECT SEND RECV TRUNCATE", 1),
            ("NF ACCEPT SEND RECV TRUNCATE", 1),
        ],
    ),
    (
        3,
        &[
            ("FF OPEN CLOSE READ", 2_338),
            ("NF SEND RECV", 503),
            ("FF OPEN CLOSE", 286),
            ("FF CLOSE", 198),
            ("NF CLOSE", 161),
            ("FF WRITE", 151),
            ("PE CLONE", 146),
            ("FF CLOSE READ", 119),
            ("NF SEND", 118),
            ("NF RECV", 105),
            ("PE EXIT", 97),
            ("FF READ", 92),
            ("PE EXEC", 79),
            ("PE SETUID", 19),
            ("FE RENAME", 7),
        ],
    ),
    (
        5,
        &[
            ("FF OPEN CLOSE READ", 8_750),
            ("FF OPEN CLOSE", 8_536),
            ("PE CLONE", 268),
            ("PE EXIT", 136),
            ("PE EXEC", 133),
            ("NF CONNECT CLOSE RECV", 236),
            ("NF CONNECT CLOSE SEND RECV", 59),
        ],
    ),
];

#[test]
fn sets_of_operations() {
    let Some(data) = data() else {
        return;
    };
    for (trace, expected) in OPERATIONS {
        let trace = TRACES[*trace];
        let mut sets: BTreeMap<String, u64> = BTreeMap::new();
        for_each_record(&data.join(trace), |joined| {
            let mut set = joined.record.kind().code().to_owned();
            for name in joined.op_flags().names(joined.is_socket()) {
                set.push(' ');
                set.push_str(name);
            }
            *sets.entry(set).or_default() += 1;
        });
        for (set, records) in *expected {
            assert_eq!(sets.get(*set), Some(records), "{set} in {trace}");
        }
    }
}
