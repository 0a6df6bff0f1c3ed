//! Captures that are made up, as bytes.

use sysflow_scap::Code;

/// A capture with nothing but events.
pub struct Recording {
    bytes: Vec<u8>,
    now: u64,
}

impl Recording {
    pub fn new() -> Self {
        let mut recording = Self {
            bytes: Vec::new(),
            now: 1_600_000_000_000_000_000,
        };
        recording.section();
        recording
    }

    /// Another capture begins.
    pub fn section(&mut self) {
        let words = [0x0A0D_0D0A_u32, 28, 0x1A2B_3C4D, 0x0002_0001];
        self.bytes.extend(words.map(u32::to_le_bytes).concat());
        self.bytes.extend((-1_i64).to_le_bytes());
        self.bytes.extend(28_u32.to_le_bytes());
    }

    pub fn event(&mut self, code: Code, tid: i64, parameters: &[&[u8]]) {
        self.now += 1000;
        let values: usize = parameters.iter().map(|bytes| bytes.len()).sum();
        let event = 26 + 2 * parameters.len() + values;
        let block = (2 + event).next_multiple_of(4) + 12;
        let start = self.bytes.len();
        let out = &mut self.bytes;
        out.extend(0x216_u32.to_le_bytes());
        out.extend((block as u32).to_le_bytes());
        out.extend(0_u16.to_le_bytes());
        out.extend(self.now.to_le_bytes());
        out.extend(tid.to_le_bytes());
        out.extend((event as u32).to_le_bytes());
        out.extend(code.0.to_le_bytes());
        out.extend((parameters.len() as u32).to_le_bytes());
        for bytes in parameters {
            out.extend((bytes.len() as u16).to_le_bytes());
        }
        out.extend(parameters.concat());
        out.resize(start + block - 4, 0);
        out.extend((block as u32).to_le_bytes());
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}
