//! Compression of blocks.

use std::fmt;
use std::io::{self, Read, Write};

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use crate::BlockProblem;

/// How blocks are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    Null,
    /// Raw deflate with a level from 0 to 9. The original collector uses 6.
    Deflate(u32),
    /// Snappy with a checksum.
    Snappy,
    /// Zstandard with a level from 1 to 22.
    #[default]
    Zstandard,
}

impl Codec {
    /// What the original collector writes.
    pub const CLASSIC: Self = Self::Deflate(6);

    /// The codec of this name in a file header.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"null" | b"" => Self::Null,
            b"deflate" => Self::CLASSIC,
            b"snappy" => Self::Snappy,
            b"zstandard" => Self::Zstandard,
            _ => return None,
        })
    }

    /// The name in a file header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Deflate(_) => "deflate",
            Self::Snappy => "snappy",
            Self::Zstandard => "zstandard",
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Decompresses blocks, keeping its working memory from one to the next.
pub(super) struct Decoder {
    inflate: Decompress,
}

impl Decoder {
    pub(super) fn new() -> Self {
        Self {
            inflate: Decompress::new(false),
        }
    }

    /// Decompresses `input` into `output`, which is cleared first. After a problem `output` holds what
    /// could be decompressed before it. No more than `limit` bytes are produced.
    pub(super) fn decode(
        &mut self,
        codec: Codec,
        input: &[u8],
        output: &mut Vec<u8>,
        limit: usize,
    ) -> Result<(), BlockProblem> {
        output.clear();
        match codec {
            Codec::Null => {
                output.extend_from_slice(input);
                Ok(())
            }
            Codec::Deflate(_) => self.inflate(input, output, limit),
            Codec::Snappy => unsnap(input, output, limit),
            Codec::Zstandard => unzstd(input, output, limit),
        }
    }

    fn inflate(
        &mut self,
        input: &[u8],
        output: &mut Vec<u8>,
        limit: usize,
    ) -> Result<(), BlockProblem> {
        self.inflate.reset(false);
        loop {
            let done = usize::try_from(self.inflate.total_in()).unwrap_or(input.len());
            if output.capacity() - output.len() < 1024 {
                if output.len() > limit {
                    return Err(BlockProblem::TooLarge(output.len() as u64));
                }
                let room = limit.saturating_add(1024) - output.len();
                output.reserve_exact(output.len().max(64 * 1024).min(room));
            }
            let before = output.len();
            let status =
                self.inflate
                    .decompress_vec(&input[done..], output, FlushDecompress::Finish);
            match status {
                Ok(Status::StreamEnd) if output.len() > limit => {
                    return Err(BlockProblem::TooLarge(output.len() as u64));
                }
                Ok(Status::StreamEnd) => return Ok(()),
                Err(_) => return Err(BlockProblem::BadCompression),
                Ok(Status::Ok | Status::BufError) => {
                    let stuck = output.len() == before && output.capacity() > output.len();
                    if stuck {
                        return Err(BlockProblem::Truncated);
                    }
                }
            }
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decoder")
    }
}

fn unsnap(input: &[u8], output: &mut Vec<u8>, limit: usize) -> Result<(), BlockProblem> {
    let Some((compressed, checksum)) = input.split_last_chunk::<4>() else {
        return Err(BlockProblem::Truncated);
    };
    let length = snap::raw::decompress_len(compressed).map_err(|_| BlockProblem::BadCompression)?;
    // Snappy cannot make more than some 22 bytes of one, so a claim beyond that is a lie.
    if length > limit || length / 64 > compressed.len() {
        return Err(BlockProblem::TooLarge(length as u64));
    }
    output.resize(length, 0);
    if snap::raw::Decoder::new()
        .decompress(compressed, output)
        .is_err()
    {
        output.clear();
        return Err(BlockProblem::BadCompression);
    }
    if crc32fast::hash(output) == u32::from_be_bytes(*checksum) {
        Ok(())
    } else {
        Err(BlockProblem::BadChecksum)
    }
}

fn unzstd(input: &[u8], output: &mut Vec<u8>, limit: usize) -> Result<(), BlockProblem> {
    let bad = |_| BlockProblem::BadCompression;
    let mut decoder = zstd::Decoder::with_buffer(input).map_err(bad)?;
    decoder.window_log_max(27).map_err(bad)?;
    let read = (&mut decoder).take(limit as u64 + 1).read_to_end(output);
    match read {
        Ok(length) if length > limit => Err(BlockProblem::TooLarge(length as u64)),
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(BlockProblem::Truncated),
        Err(_) => Err(BlockProblem::BadCompression),
    }
}

/// Compresses `input`, appending to `output`.
pub(super) fn encode(codec: Codec, input: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
    match codec {
        Codec::Null => output.extend_from_slice(input),
        Codec::Deflate(level) => deflate(level, input, output)?,
        Codec::Snappy => {
            let compressed = snap::raw::Encoder::new()
                .compress_vec(input)
                .map_err(io::Error::other)?;
            output.extend_from_slice(&compressed);
            output.extend_from_slice(&crc32fast::hash(input).to_be_bytes());
        }
        Codec::Zstandard => {
            let mut encoder = zstd::Encoder::new(output, zstd::DEFAULT_COMPRESSION_LEVEL)?;
            encoder.write_all(input)?;
            encoder.finish()?;
        }
    }
    Ok(())
}

fn deflate(level: u32, input: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
    let mut compress = Compress::new(Compression::new(level.min(9)), false);
    loop {
        let done = usize::try_from(compress.total_in()).unwrap_or(input.len());
        output.reserve(input.len() / 4 + 1024);
        let status = compress.compress_vec(&input[done..], output, FlushCompress::Finish);
        if status.map_err(io::Error::other)? == Status::StreamEnd {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Codec; 4] = [Codec::Null, Codec::CLASSIC, Codec::Snappy, Codec::Zstandard];

    fn sample() -> Vec<u8> {
        (0..200_000_u32)
            .flat_map(|i| (i / 7).to_le_bytes())
            .collect()
    }

    #[test]
    fn every_codec_gives_back_what_it_took() {
        let sample = sample();
        let mut decoder = Decoder::new();
        for codec in ALL {
            let mut compressed = Vec::new();
            encode(codec, &sample, &mut compressed).unwrap();
            let mut output = Vec::new();
            decoder
                .decode(codec, &compressed, &mut output, 1 << 24)
                .unwrap();
            assert!(output == sample, "{codec}");
        }
    }

    #[test]
    fn no_codec_produces_more_than_its_limit() {
        let zeros = vec![0; 4 << 20];
        let mut decoder = Decoder::new();
        for codec in [Codec::CLASSIC, Codec::Snappy, Codec::Zstandard] {
            let mut compressed = Vec::new();
            encode(codec, &zeros, &mut compressed).unwrap();
            let mut output = Vec::new();
            let result = decoder.decode(codec, &compressed, &mut output, 1 << 20);
            assert!(
                matches!(result, Err(BlockProblem::TooLarge(_))),
                "{codec}: {result:?}"
            );
            assert!(output.capacity() <= 4 << 20, "{codec}");
        }
    }

    #[test]
    fn the_limit_is_exact() {
        let sample = sample();
        let mut decoder = Decoder::new();
        for codec in [Codec::CLASSIC, Codec::Snappy, Codec::Zstandard] {
            let mut compressed = Vec::new();
            encode(codec, &sample, &mut compressed).unwrap();
            let mut decode = |limit| decoder.decode(codec, &compressed, &mut Vec::new(), limit);
            assert_eq!(decode(sample.len()), Ok(()), "{codec}");
            let refused = decode(sample.len() - 1);
            assert_eq!(
                refused,
                Err(BlockProblem::TooLarge(sample.len() as u64)),
                "{codec}"
            );
        }
    }

    #[test]
    fn a_cut_block_gives_what_stands_before_the_cut() {
        let sample = sample();
        let mut decoder = Decoder::new();
        for codec in [Codec::CLASSIC, Codec::Zstandard] {
            let mut compressed = Vec::new();
            encode(codec, &sample, &mut compressed).unwrap();
            let mut output = Vec::new();
            let cut = &compressed[..compressed.len() / 2];
            assert!(decoder.decode(codec, cut, &mut output, 1 << 24).is_err());
            assert!(output.len() > sample.len() / 4, "{codec}: {}", output.len());
            assert!(sample.starts_with(&output), "{codec}");
        }
    }
}
