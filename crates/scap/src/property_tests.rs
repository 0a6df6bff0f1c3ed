//! Random captures are read back, random damage does no harm.

use proptest::prelude::*;

use crate::testing::{CaptureBytes, EventBytes, close, items, read, whole};
use crate::{Arguments, Capture, Code, Item, events};

/// Any event that the table knows, with parameters of any length.
fn any_event() -> impl Strategy<Value = EventBytes> {
    let parameters = prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..36);
    let code = 0..events().len() as u16;
    (
        code,
        any::<u64>(),
        any::<i64>(),
        any::<Option<u32>>(),
        parameters,
    )
        .prop_map(|(code, timestamp, thread, flags, parameters)| {
            let event = EventBytes::new(Code(code), timestamp, thread);
            let event = parameters
                .iter()
                .fold(event, |event, bytes| event.parameter(bytes));
            flags.map_or(event.clone(), |flags| event.flagged(flags))
        })
}

/// Asks everything that can be asked, for the sake of what must not happen.
fn exhaust(bytes: &[u8]) {
    let Ok(mut capture) = Capture::open_with_limit(bytes, 1 << 20) else {
        return;
    };
    let mut steps = 0;
    loop {
        steps += 1;
        assert!(steps <= bytes.len() + 2, "reading ends");
        let item = match capture.next() {
            Ok(Some(item)) => item,
            Ok(None) => break,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                continue;
            }
        };
        let Item::Event(event) = item else { continue };
        for argument in event.upgraded(None).arguments().chain(event.arguments()) {
            let selected = argument.selected().unwrap_or(argument);
            let _ = (
                selected.i64(),
                selected.u32(),
                selected.bool(),
                selected.text(),
            );
            let _ = (
                selected.socket_address(),
                selected.socket_tuple(),
                selected.address(),
            );
            let _ = selected.flags().map(|flags| flags.to_string());
            let _ = selected.polled().map(Iterator::count);
            let _ = selected.texts().map(Iterator::count);
        }
    }
}

proptest! {
    #[test]
    fn random_captures_are_read_back(written in prop::collection::vec(any_event(), 0..20)) {
        let capture =
            written.iter().fold(CaptureBytes::new(), CaptureBytes::event);
        let mut reader = Capture::open(&capture.bytes[..]).expect("a capture");
        prop_assert!(matches!(reader.next(), Ok(Some(Item::Section(_)))));
        for wanted in &written {
            let Ok(Some(Item::Event(event))) = reader.next() else {
                panic!("an event was written here");
            };
            prop_assert!(wanted.is_the_same_as(&event));
        }
        prop_assert!(matches!(reader.next(), Ok(None)));
        prop_assert_eq!(reader.statistics().events, written.len() as u64);
    }

    #[test]
    fn flipped_bytes_do_no_harm(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let capture = whole();
        let mut bytes = capture.bytes.clone();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        exhaust(&bytes);
        // Blocks before the damaged one are not touched by it.
        let sound = capture.boundaries.iter().filter(|&&end| end <= at).count();
        let kept = items(&CaptureBytes {
            bytes: capture.bytes[..sound.checked_sub(1).map_or(0, |last| capture.boundaries[last])]
                .to_vec(),
            boundaries: Vec::new(),
        });
        if sound > 0 {
            prop_assert_eq!(&read(&bytes[..]).0[..kept.len()], &kept[..]);
        }
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        exhaust(&bytes);
        // Behind a sound header they get further.
        exhaust(&[CaptureBytes::new().bytes, bytes].concat());
    }

    #[test]
    fn any_block_does_no_harm(
        kind in prop_oneof![
            0x200_u32..0x224,
            Just(0x216),
            Just(0x204),
            Just(0x221),
            Just(0x215),
            Just(0x218),
        ],
        body in prop::collection::vec(prop_oneof![Just(0_u8), 0_u8..32, any::<u8>()], 0..300),
    ) {
        exhaust(&CaptureBytes::new().block(kind, &body).event(&close(1)).bytes);
    }

    #[test]
    fn any_damage_to_an_event_does_no_harm(
        event in any_event(),
        at in any::<prop::sample::Index>(),
        value: u8,
    ) {
        let mut body = event.body();
        let at = at.index(body.len());
        body[at] = value;
        let capture = CaptureBytes::new().block(event.kind(), &body).event(&close(1));
        exhaust(&capture.bytes);
        // The block is whole, so what is behind it is reached.
        let last = items(&capture).pop();
        prop_assert_eq!(last.as_deref(), Some("close 1 [[3, 0, 0, 0, 0, 0, 0, 0]]"));
    }
}
