//! Records for a consumer that listens at a unix socket.

use std::path::Path;

use sysflow_record::wire::{SendCounts, SendOptions, Sender, Sent};
use sysflow_record::{CLASSIC_VERSION, Record};

/// Sends records. A consumer may come and go: what happens while there is none is counted as lost.
#[derive(Debug)]
pub struct SocketOutput {
    sender: Sender,
    /// The consumer has come anew and must be told the entities first.
    needs_header: bool,
    lost: u64,
    failed: Option<String>,
}

impl SocketOutput {
    /// Connects with the first record.
    pub fn new(path: &Path, version: u32) -> Self {
        let options = if version <= CLASSIC_VERSION {
            SendOptions {
                version,
                ..SendOptions::CLASSIC
            }
        } else {
            SendOptions::NATIVE
        };
        Self {
            sender: Sender::new(path, options),
            needs_header: false,
            lost: 0,
            failed: None,
        }
    }

    /// Takes a record.
    pub fn take(&mut self, record: &Record<'_>) {
        let is_header = matches!(record, Record::Header(_));
        if self.needs_header && !is_header {
            self.lost += 1;
            return;
        }
        match self.sender.send(record) {
            Ok(Sent::Delivered) => self.needs_header = false,
            // It can be sent at once if it is what the consumer needs first.
            Ok(Sent::Reconnected) if is_header => match self.sender.send(record) {
                Ok(Sent::Delivered) => self.needs_header = false,
                _ => self.lost += 1,
            },
            Ok(Sent::Reconnected) => {
                self.needs_header = true;
                self.lost += 1;
            }
            Err(error) => {
                // Told once until it goes again.
                if self.failed.is_none() && self.lost == 0 {
                    self.failed = Some(error.to_string());
                }
                self.lost += 1;
            }
        }
    }

    /// Whether a header and the entities must come next.
    pub const fn needs_header(&self) -> bool {
        self.needs_header
    }

    /// Records that were not sent.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// What was sent.
    pub const fn counts(&self) -> SendCounts {
        self.sender.counts()
    }

    /// What went wrong since this was last asked.
    pub const fn take_failure(&mut self) -> Option<String> {
        self.failed.take()
    }
}
