//! The two rings, read together and in the order of time.
//!
//! Each ring keeps the order in which its records were begun; between rings, and between processors within a few
//! microseconds, only the times tell. So what was read is held until nothing earlier can come.

use std::cell::RefCell;
use std::mem::offset_of;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;
use std::time::Duration;

use libbpf_rs::{Map, RingBuffer, RingBufferBuilder};
use rustix::event::epoll;
use rustix::time::Timespec;

use crate::clock;
use crate::error::Error;
use crate::interface::{Header, Number};

/// How long a record may take from its time to its place in the ring, ns, interrupts included.
const SETTLING: u64 = 300_000;

/// Records that were read and not told yet.
#[derive(Debug, Default)]
struct Held {
    bytes: Vec<u8>,
    /// Time, place and length of each.
    records: Vec<(u64, u32, u32)>,
}

impl Held {
    fn push(&mut self, record: &[u8]) {
        let time = record
            .get(offset_of!(Header, time)..)
            .and_then(u64::read)
            .unwrap_or_default();
        let place = self.bytes.len() as u32;
        self.bytes.extend_from_slice(record);
        self.records.push((time, place, record.len() as u32));
    }
}

/// The rings.
#[derive(Debug)]
pub(crate) struct Rings {
    both: RingBuffer<'static>,
    waiting: OwnedFd,
    held: Rc<RefCell<Held>>,
    /// What was held and is being told.
    told: Held,
    /// Up to when everything was told, ns since boot.
    pub(crate) complete_to: u64,
    /// Bytes that crossed.
    pub(crate) bytes: u64,
}

impl Rings {
    pub(crate) fn new(critical: &Map<'_>, normal: &Map<'_>) -> Result<Self, Error> {
        let held = Rc::new(RefCell::new(Held::default()));
        let refused = |error: libbpf_rs::Error| Error::Refused {
            what: "map the rings".to_owned(),
            reason: error.to_string(),
            hint: String::new(),
            log: String::new(),
        };
        let mut builder = RingBufferBuilder::new();
        for map in [critical, normal] {
            let held = Rc::clone(&held);
            builder
                .add(map, move |record| {
                    held.borrow_mut().push(record);
                    0
                })
                .map_err(refused)?;
        }
        let both = builder.build().map_err(refused)?;
        // Edge-triggered: most records wake nobody, and the next look finds them.
        let waiting =
            wait_set([critical.as_fd(), normal.as_fd()]).map_err(|error| Error::Read {
                what: "wait for the rings",
                reason: error.into(),
            })?;
        Ok(Self {
            both,
            waiting,
            held,
            told: Held::default(),
            complete_to: 0,
            bytes: 0,
        })
    }

    /// Waits for some time, or until a ring is getting full.
    pub(crate) fn wait(&self, time: Duration) -> Result<(), Error> {
        let time = Timespec {
            tv_sec: time.as_secs() as i64,
            tv_nsec: i64::from(time.subsec_nanos()),
        };
        let mut woken = [const { std::mem::MaybeUninit::uninit() }; 2];
        match epoll::wait(&self.waiting, &mut woken, Some(&time)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(Error::Read {
                what: "wait for the rings",
                reason: error.into(),
            }),
        }
    }

    /// Reads what there is, and gives what is complete to a function in order. `all` holds nothing back.
    pub(crate) fn drain(&mut self, all: bool, mut tell: impl FnMut(&[u8])) -> Result<usize, Error> {
        let now = clock::since_boot();
        self.both.consume().map_err(|error| Error::Read {
            what: "read the rings",
            reason: std::io::Error::other(error.to_string()),
        })?;
        let until = if all { u64::MAX } else { now - SETTLING };
        std::mem::swap(&mut *self.held.borrow_mut(), &mut self.told);
        let told = &mut self.told;
        // Mostly in order already, and stable for those of the same time.
        told.records.sort_by_key(|(time, ..)| *time);
        let count = told.records.partition_point(|(time, ..)| *time <= until);
        for &(_, place, length) in &told.records[..count] {
            tell(&told.bytes[place as usize..(place + length) as usize]);
            self.bytes += u64::from(length);
        }
        let mut held = self.held.borrow_mut();
        for &(_, place, length) in &told.records[count..] {
            held.push(&told.bytes[place as usize..(place + length) as usize]);
        }
        told.bytes.clear();
        told.records.clear();
        self.complete_to = if all { now } else { until };
        Ok(count)
    }
}

fn wait_set(rings: [std::os::fd::BorrowedFd<'_>; 2]) -> rustix::io::Result<OwnedFd> {
    let set = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    for (number, ring) in rings.into_iter().enumerate() {
        epoll::add(
            &set,
            ring,
            epoll::EventData::new_u64(number as u64),
            epoll::EventFlags::IN | epoll::EventFlags::ET,
        )?;
    }
    Ok(set)
}
