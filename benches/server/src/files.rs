//! Generated files of any length. The bytes at an offset follow from the offset alone.

use std::io;

use tokio::{io::AsyncWriteExt as _, net::TcpStream};

/// Length of a block. A file is a sequence of one fixed block, with the block's number, little-endian, in its first eight bytes.
pub const BLOCK: usize = 64 * 1024;
/// Blocks per write.
const BLOCKS: usize = 16;

/// Part of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    /// First byte.
    pub from: u64,
    /// End, exclusive.
    pub to: u64,
    /// Length of the file.
    pub total: u64,
    /// Whether the request named a range.
    pub partial: bool,
}

impl Part {
    /// Returns the part that a `Range` header of one range names, with or without an end; `None` if the file has no such part.
    pub fn of(total: u64, range: Option<&str>) -> Option<Self> {
        let Some(range) = range else { return Some(Self { from: 0, to: total, total, partial: false }) };
        let (from, last) = range.strip_prefix("bytes=")?.split_once('-')?;
        let from: u64 = from.parse().ok()?;
        let to = if last.is_empty() { total } else { last.parse::<u64>().ok()?.checked_add(1)?.min(total) };
        (from < to).then_some(Self { from, to, total, partial: true })
    }

    /// Returns the number of bytes.
    pub fn length(&self) -> u64 {
        self.to - self.from
    }

    /// Returns the status code and reason.
    pub fn status(&self) -> &'static str {
        if self.partial { "206 Partial Content" } else { "200 OK" }
    }

    /// Returns the headers of a file.
    pub fn headers(&self) -> String {
        let Self { from, to, total, partial } = self;
        let range = if *partial {
            format!("content-range: bytes {from}-{}/{total}\r\n", to - 1)
        } else {
            String::new()
        };
        format!("accept-ranges: bytes\r\netag: \"generated-{total}\"\r\n{range}")
    }
}

/// Returns the block without its number. It is noise, so that compression cannot shrink it.
pub fn block() -> Vec<u8> {
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut bytes = Vec::with_capacity(BLOCK);
    while bytes.len() < BLOCK {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes
}

/// Sends the bytes of a part.
pub async fn send(stream: &mut TcpStream, part: &Part) -> io::Result<()> {
    let mut buffer = block().repeat(BLOCKS);
    let mut at = part.from;
    while at < part.to {
        let first = at / BLOCK as u64;
        for (number, block) in (first..).zip(buffer.chunks_exact_mut(BLOCK)) {
            block[..8].copy_from_slice(&number.to_le_bytes());
        }
        let begin = first * BLOCK as u64;
        let end = (begin + buffer.len() as u64).min(part.to);
        let inside = |offset: u64| usize::try_from(offset - begin).unwrap_or(usize::MAX);
        stream.write_all(&buffer[inside(at)..inside(end)]).await?;
        at = end;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_names_a_part() {
        let part = |range| Part::of(100, Some(range)).map(|part| (part.from, part.to));
        assert_eq!(part("bytes=0-"), Some((0, 100)));
        assert_eq!(part("bytes=10-19"), Some((10, 20)));
        assert_eq!(part("bytes=90-1000"), Some((90, 100)));
        for nothing in ["bytes=100-", "bytes=5-4", "bytes=-5", "lines=1-2", "bytes=a-"] {
            assert_eq!(part(nothing), None, "{nothing}");
        }
        assert_eq!(Part::of(100, None).map(|part| part.status()), Some("200 OK"));
    }
}
