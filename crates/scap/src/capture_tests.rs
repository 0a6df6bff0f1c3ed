//! Whole captures, written by the tests: every kind of block, and every kind of damage.

use std::io::{self, Read, Write as _};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::block::MAGIC;
use crate::testing::{
    CaptureBytes, EventBytes, close, descriptor, group, interface, items, machine, process_entry,
    read, user, whole,
};
use crate::{Arguments, Capture, Code, Error, Item, Statistics};

#[test]
fn every_kind_of_block_is_read() {
    let capture = whole();
    let (yielded, statistics) = read(&capture.bytes[..]);
    assert_eq!(yielded.len(), 1 + 1 + 4 + 2 + 2 + 2 + 4, "{yielded:#?}");
    assert!(
        !yielded.iter().any(|text| text.starts_with("error")),
        "{yielded:#?}"
    );
    assert_eq!(
        statistics,
        Statistics {
            blocks: 10,
            bytes: capture.bytes.len() as u64,
            sections: 1,
            events: 4,
            entries: 11,
            ..Statistics::default()
        }
    );
}

#[test]
fn entries_say_what_they_hold() {
    let bytes = whole().bytes;
    let mut capture = Capture::open(&bytes[..]).expect("a capture");
    let mut speeds = Vec::new();
    let mut tids = Vec::new();
    while let Some(item) = capture.next().expect("an undamaged capture") {
        match item {
            Item::Machine(machine) => {
                assert_eq!((machine.processors, machine.memory), (8, 1 << 30));
                assert_eq!((machine.host_name, machine.boot_time), (&b"sampa"[..], 5));
            }
            Item::Interface(interface) => {
                assert_eq!(interface.name, b"eth0");
                assert_eq!(interface.address, interface.netmask);
                speeds.push((interface.address.is_ipv4(), interface.link_speed));
            }
            Item::User(user) => {
                assert_eq!((user.uid, user.gid, user.name), (0, 7, &b"root"[..]));
                assert_eq!((user.home, user.shell), (&b"/home"[..], &b"/bin/sh"[..]));
            }
            Item::Group(group) => assert_eq!((group.gid, group.name), (7, &b"wheel"[..])),
            Item::Descriptor(descriptor) => tids.push((descriptor.tid, descriptor.number)),
            Item::Event(event) => assert_eq!(event.is_state_only(), event.timestamp() == 2),
            Item::Section(_) | Item::Process(_) => {}
        }
    }
    let fast = Some(1000);
    assert_eq!(
        speeds,
        [(true, fast), (false, fast), (true, None), (false, None)]
    );
    assert_eq!(tids, [(10, 3), (10, 4)]);
}

/// Old blocks and their aliases of before the first release hold the same as new ones.
#[test]
fn old_blocks_are_read() {
    for aliases in [false, true] {
        let kind = |code, alias| if aliases { alias } else { code };
        let mut capture = CaptureBytes::default()
            .section(1, 0)
            .block(kind(0x201, 0x8002_ABCD), &machine())
            .list(
                kind(0x205, 0x8011_ABCD),
                &[],
                None,
                &[interface(1, b"lo"), interface(2, b"lo")],
            )
            .list(
                kind(0x206, 0x8012_ABCD),
                &[],
                None,
                &[user(0, b"root"), group(0, b"root")],
            );
        for (version, code, alias) in [
            (1, 0x202, 0x8000_ABCD),
            (2, 0x207, 0x8013_ABCD),
            (3, 0x209, 0x8014_ABCD),
        ] {
            let entries = [process_entry(version, &[]), process_entry(version, &[])];
            capture = capture.list(kind(code, alias), &[], None, &entries);
        }
        for (version, code) in (4..).zip(0x210..=0x214) {
            let entries = [process_entry(version, &[]), process_entry(version, &[])];
            capture = capture.list(code, &[], None, &entries);
        }
        capture = capture
            .list(
                kind(0x203, 0x8001_ABCD),
                &[0; 8],
                None,
                &[descriptor(1), descriptor(2)],
            )
            .block(kind(0x204, 0x8010_ABCD), &close(1).body_of_first_version(0))
            .block(0x208, &close(2).flagged(1).body_of_first_version(0));
        let (yielded, statistics) = read(&capture.bytes[..]);
        assert!(
            !yielded.iter().any(|text| text.starts_with("error")),
            "{yielded:#?}"
        );
        assert_eq!(
            (statistics.entries, statistics.events),
            (1 + 2 + 2 + 16 + 2, 2)
        );
    }
}

#[test]
fn what_is_not_known_is_skipped_and_counted() {
    let capture = CaptureBytes::new()
        .block(0x999, b"from the future")
        .event(&EventBytes::new(Code(9_999), 1, 1).parameter(b"x"))
        .event(&close(1))
        .block(0x999, &[]);
    let (yielded, statistics) = read(&capture.bytes[..]);
    assert_eq!(yielded.len(), 2);
    assert_eq!(
        (
            statistics.skipped_unknown_blocks,
            statistics.skipped_unknown_events
        ),
        (2, 1)
    );
    assert_eq!(statistics.events, 1);
}

#[test]
fn options_behind_the_content_are_passed_over() {
    let mut body = close(1).body();
    body.extend(b"a comment of pcapng");
    let mut section = MAGIC.to_le_bytes().to_vec();
    section.extend([1, 0, 2, 0]);
    section.extend([0xff; 8]);
    section.extend([0; 88]);
    let capture = CaptureBytes::default()
        .block(0x0A0D_0D0A, &section)
        .block(0x216, &body);
    assert_eq!(items(&capture).len(), 2);
}

#[test]
fn captures_can_be_put_together() {
    let one = whole();
    let two = [one.bytes.clone(), one.bytes.clone()].concat();
    let (yielded, statistics) = read(&two[..]);
    assert_eq!(statistics.sections, 2);
    let single = items(&one);
    assert_eq!(yielded, [single.clone(), single].concat());
}

#[test]
fn gzip_in_several_members() {
    let capture = whole();
    let (first, second) = capture.bytes.split_at(100);
    let mut compressed = Vec::new();
    for part in [first, second] {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(part).expect("writing to memory");
        compressed.extend(encoder.finish().expect("writing to memory"));
    }
    assert_eq!(read(&compressed[..]), read(&capture.bytes[..]));

    // Cut off, it yields what came through, then the fault.
    for length in (2..compressed.len()).step_by(7) {
        let (yielded, _) = read(&compressed[..length]);
        let all = items(&capture);
        let fault = yielded
            .iter()
            .position(|text| text.starts_with("error"))
            .expect("a fault");
        assert_eq!(yielded.len(), fault + 1);
        assert_eq!(yielded[..fault], all[..fault]);
    }
}

/// A reader that gives little at a time, and is interrupted now and then.
struct Slow<'a>(&'a [u8], u32);

impl Read for Slow<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 += 1;
        if self.1.is_multiple_of(5) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let count = self.0.len().min(buffer.len()).min(7);
        buffer[..count].copy_from_slice(&self.0[..count]);
        self.0 = &self.0[count..];
        Ok(count)
    }
}

#[test]
fn readers_may_be_slow() {
    let capture = whole();
    assert_eq!(read(Slow(&capture.bytes, 0)), read(&capture.bytes[..]));
}

#[test]
fn blocks_may_be_longer_than_the_buffer() {
    let data = vec![1; 3 << 20];
    let large = EventBytes::new(Code::ASYNCEVENT_E, 1, -1)
        .parameter(&[0; 4])
        .parameter(b"x\0")
        .parameter(&data);
    let capture = CaptureBytes::new()
        .event(&close(0))
        .event(&large)
        .event(&close(2));
    let mut reader = Capture::open(&capture.bytes[..]).expect("a capture");
    let mut sizes = Vec::new();
    while let Some(item) = reader.next().expect("an undamaged capture") {
        if let Item::Event(event) = item {
            sizes.push(
                event
                    .arguments()
                    .map(|argument| argument.bytes.len())
                    .sum::<usize>(),
            );
        }
    }
    assert_eq!(sizes, [8, data.len() + 6, 8]);

    let mut limited = Capture::open_with_limit(&capture.bytes[..], 1 << 20).expect("a capture");
    assert!(matches!(limited.next(), Ok(Some(Item::Section(_)))));
    assert!(matches!(limited.next(), Ok(Some(Item::Event(_)))));
    assert!(matches!(
        limited.next(),
        Err(Error::TooLong { block: 2, .. })
    ));
    assert!(matches!(limited.next(), Ok(None)));
}

#[test]
fn what_is_no_capture_is_refused() {
    let open = |bytes: &[u8]| Capture::open(bytes).map(|_| ()).expect_err("no capture");
    assert!(matches!(open(b""), Error::Empty));
    assert!(matches!(
        open(b"\x0a\x0d"),
        Error::Truncated { found: 2, .. }
    ));
    assert!(matches!(
        open(b"\x0a\x0d\x0d\x0a"),
        Error::Truncated { found: 4, .. }
    ));
    assert!(matches!(
        open(b"GET / HTTP/1.1\r\n"),
        Error::NotACapture { .. }
    ));
    let bytes = whole().bytes;
    assert!(matches!(
        open(&bytes[28..]),
        Error::NotACapture { found: 0x201 }
    ));

    let mut big_endian = 0x0A0D_0D0A_u32.to_be_bytes().to_vec();
    big_endian.extend(28_u32.to_be_bytes());
    big_endian.extend(MAGIC.to_be_bytes());
    assert!(matches!(open(&big_endian), Error::BigEndian { .. }));
    big_endian[8] = 0;
    assert!(matches!(open(&big_endian), Error::Magic { .. }));

    let newer = CaptureBytes::default().section(2, 0);
    let found = items(&newer);
    assert_eq!(
        found,
        ["error: block 0 at byte 0 begins format 2.0, but only 1.x is known"]
    );
}

#[test]
fn damage_between_blocks_ends_the_capture() {
    let capture = whole();
    let last = capture.boundaries[capture.boundaries.len() - 2];
    let with_number = |at: usize, number: u32| {
        let mut bytes = capture.bytes.clone();
        bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
        read(&bytes[..])
    };
    let all = items(&capture);
    let before = all.len() - 1;
    let trailer = capture.bytes.len() - 4;
    for (at, number, message) in [
        (last + 4, 0, "an impossible length of 0 bytes"),
        (last + 4, 30, "an impossible length of 30 bytes"),
        (last + 4, 0xffff_fff0, "over the limit of"),
        (last + 4, 4096, "is cut off"),
        (trailer, 8, "8 at its end"),
    ] {
        let (yielded, statistics) = with_number(at, number);
        assert_eq!(yielded[..before], all[..before]);
        assert_eq!(yielded.len(), before + 1);
        assert!(yielded[before].contains(message), "{}", yielded[before]);
        let place = format!("block {} at byte {last} ", capture.boundaries.len() - 1);
        assert!(yielded[before].contains(&place), "{}", yielded[before]);
        assert!(statistics.truncated);
    }
}

#[test]
fn damage_within_a_block_is_passed() {
    let mut damaged = close(2).body();
    damaged[18..22].copy_from_slice(&4_000_u32.to_le_bytes());
    let capture = CaptureBytes::new()
        .event(&close(1))
        .block(0x216, &damaged)
        .event(&close(3));
    let (yielded, statistics) = read(&capture.bytes[..]);
    assert_eq!(yielded.len(), 4);
    let message = "error: block 2 at byte 80 is damaged: an event is longer than its block";
    assert_eq!(yielded[2], message);
    assert_eq!(
        (statistics.events, statistics.damaged, statistics.truncated),
        (2, 1, false)
    );
    let error = Error::Content {
        block: 2,
        offset: 80,
        what: "",
    };
    assert!(error.is_recoverable() && !Error::Empty.is_recoverable());
}

/// A damaged entry that tells its length costs only itself, one that does not the rest of its list.
#[test]
fn damaged_entries_cost_little() {
    let mut bad = group(1, b"wheel");
    bad[5] = 200;
    let entries = [user(0, b"root"), bad, group(2, b"adm")];
    let texts = |own, kind| items(&CaptureBytes::new().list(kind, &[], own, &entries));
    let new = texts(Some(4), 0x220);
    assert_eq!(new.len(), 4);
    assert!(
        new[2].contains("an entry of the user list is cut off"),
        "{new:?}"
    );
    assert!(new[3].starts_with("Group"), "{new:?}");
    let old = texts(None, 0x206);
    assert_eq!(old.len(), 3);
    assert!(old[2].starts_with("error"), "{old:?}");

    let none = CaptureBytes::new()
        .block(0x218, &[1, 2, 3])
        .event(&close(1));
    let found = items(&none);
    assert_eq!(found.len(), 3);
    assert!(found[1].contains("has no thread"), "{found:?}");
}

#[test]
fn truncation_anywhere_loses_nothing_before_it() {
    let capture = whole();
    let all = items(&capture);
    for length in 0..capture.bytes.len() {
        let (mut yielded, statistics) = read(&capture.bytes[..length]);
        let whole_blocks = capture
            .boundaries
            .iter()
            .filter(|&&end| end <= length)
            .count();
        assert!(statistics.blocks <= whole_blocks as u64);
        if capture.boundaries.contains(&length) {
            assert_eq!(statistics.blocks, whole_blocks as u64);
            assert!(!statistics.truncated);
        } else {
            let fault = yielded.pop().expect("a fault");
            assert!(fault.starts_with("error"), "{fault}");
        }
        assert_eq!(yielded, all[..yielded.len()]);
    }
}
