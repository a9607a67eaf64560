//! Streaming decompression of a gzip body.

use std::{
    io::{self, Write},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use flate2::write::GzDecoder;

use super::transport::{BodyStream, TransportError};

/// Start of a gzip member.
const MAGIC: [u8; 3] = [0x1f, 0x8b, 8];

/// Body that decompresses another body. The members of a gzip stream are joined. Bytes after the last member that start no
/// other are ignored.
///
/// A small body can decompress to a huge one, and the reader stops at the limit. A chunk exceeds the limit by at most
/// one write of the decoder.
pub(super) struct GzipDecoder<B> {
    body: B,
    decoder: GzDecoder<BoundedBuf>,
    started: bool,
    /// Number of bytes of [`MAGIC`] after the end of a member. `None` inside a member.
    next_magic: Option<usize>,
    /// The gzip stream is complete.
    complete: bool,
    ended: bool,
    /// Error to return after the bytes before it.
    error: Option<TransportError>,
}

/// Output buffer of the decoder, which rejects writes beyond the limit.
struct BoundedBuf {
    bytes: Vec<u8>,
    limit: usize,
}

impl BoundedBuf {
    fn is_full(&self) -> bool {
        self.bytes.len() > self.limit
    }
}

impl Write for BoundedBuf {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_full() {
            return Err(io::Error::other("more than the limit"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<B: BodyStream> GzipDecoder<B> {
    pub(super) fn new(body: B, limit: usize) -> Self {
        let decoder = GzDecoder::new(BoundedBuf { bytes: Vec::new(), limit });
        Self { body, decoder, started: false, next_magic: None, complete: false, ended: false, error: None }
    }

    fn decode(&mut self, mut chunk: &[u8]) -> io::Result<()> {
        while let [byte, rest @ ..] = chunk
            && !self.complete
        {
            self.started = true;
            if let Some(matched) = self.next_magic {
                self.complete = *byte != MAGIC[matched];
                self.next_magic = Some(matched + 1);
                chunk = rest;
                if !self.complete && matched + 1 == MAGIC.len() {
                    let output = self.decoder.get_mut();
                    let (bytes, limit) = (std::mem::take(&mut output.bytes), output.limit);
                    self.decoder = GzDecoder::new(BoundedBuf { bytes, limit });
                    self.next_magic = None;
                    self.decoder.write_all(&MAGIC)?;
                }
                continue;
            }
            let in_header = self.decoder.header().is_none();
            match self.decoder.write(chunk)? {
                0 if !in_header => {
                    self.decoder.try_finish()?;
                    self.next_magic = Some(0);
                }
                written => chunk = &chunk[written..],
            }
        }
        Ok(())
    }
}

impl<B: BodyStream> BodyStream for GzipDecoder<B> {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransportError>> {
        while !self.ended {
            let decoded = if let Some(chunk) = ready!(self.body.poll_next(cx))? {
                self.decode(&chunk)
            } else {
                self.ended = true;
                // An empty body is valid, even with a gzip header.
                if self.started && self.next_magic.is_none() { self.decoder.try_finish() } else { Ok(()) }
            };
            let output = self.decoder.get_mut();
            if let Err(error) = decoded {
                self.ended = true;
                if !output.is_full() {
                    self.error = Some(TransportError {
                        message: format!(
                            "the body is not a complete gzip stream, although its encoding is gzip: {error}"
                        ),
                        before_sending: false,
                        retryable: true,
                        hint: None,
                        source: Some(Box::new(error)),
                    });
                }
            }
            if !output.bytes.is_empty() {
                return Poll::Ready(Ok(Some(std::mem::take(&mut output.bytes).into())));
            }
        }
        Poll::Ready(self.error.take().map_or(Ok(None), Err))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    struct Chunks(VecDeque<Vec<u8>>);

    impl BodyStream for Chunks {
        fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransportError>> {
            Poll::Ready(Ok(self.0.pop_front().map(Bytes::from)))
        }
    }

    fn zipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Returns the decoder's chunks for a body in chunks of `size`, and the result at its end.
    fn read(body: &[u8], size: usize, limit: usize) -> (Vec<Bytes>, Result<(), TransportError>) {
        let mut decoder = GzipDecoder::new(Chunks(body.chunks(size).map(<[u8]>::to_vec).collect()), limit);
        let (mut chunks, mut cx) = (Vec::new(), Context::from_waker(std::task::Waker::noop()));
        loop {
            match decoder.poll_next(&mut cx) {
                Poll::Ready(Ok(Some(chunk))) => chunks.push(chunk),
                Poll::Ready(Ok(None)) => return (chunks, Ok(())),
                Poll::Ready(Err(error)) => return (chunks, Err(error)),
                Poll::Pending => unreachable!("all chunks are ready"),
            }
        }
    }

    #[test]
    fn chunk_sizes_do_not_change_the_result() {
        let text: Vec<u8> = (0..100_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let body = zipped(&text);
        for size in [1, 5, 4096, body.len()] {
            let (chunks, end) = read(&body, size, usize::MAX);
            assert!(end.is_ok() && chunks.concat() == text, "in chunks of {size}");
        }
        assert!(matches!(read(b"", 1, 10), (chunks, Ok(())) if chunks.is_empty()));
    }

    #[test]
    fn bytes_after_the_gzip_stream_are_ignored() {
        for rest in [&b"\r\n"[..], &[0; 512], b"\x1f", b"\x1f\x8b", b"\x1f\x8bmore"] {
            let body = [&zipped(b"one"), rest].concat();
            for size in [1, 9, body.len()] {
                let (chunks, end) = read(&body, size, usize::MAX);
                assert!(end.is_ok() && chunks.concat() == b"one", "{rest:?} in chunks of {size}");
            }
        }
    }

    #[test]
    fn members_are_joined() {
        let two = [zipped(b"one "), zipped(b""), zipped(b"two")].concat();
        for rest in [&b""[..], b"\0\0", b"more"] {
            let body = [&two, rest].concat();
            for size in [1, 2, 9, body.len()] {
                let (chunks, end) = read(&body, size, usize::MAX);
                assert!(end.is_ok() && chunks.concat() == b"one two", "{rest:?} in chunks of {size}");
            }
        }
        for size in [1, 9, 100] {
            let (_, end) = read(&two[..two.len() - 3], size, usize::MAX);
            assert!(end.is_err(), "the last member is incomplete");
        }
        let body = zipped(&vec![0; 1 << 20]).repeat(64);
        let (chunks, _) = read(&body, body.len(), 1 << 20);
        let length: usize = chunks.iter().map(Bytes::len).sum();
        assert!((1 << 20..3 << 20).contains(&length), "{length} bytes");
    }

    #[test]
    fn bytes_before_an_error_are_returned() {
        let mut body = zipped(b"the server's last words");
        let last = body.len() - 1;
        body[last] ^= 1;
        let (chunks, end) = read(&body, body.len(), usize::MAX);
        assert_eq!(chunks.concat(), b"the server's last words");
        assert!(end.is_err());
    }

    #[test]
    fn an_incomplete_gzip_stream_is_an_error() {
        let body = zipped(&[7; 5000]);
        let mut wrong = body.clone();
        let last = wrong.len() - 5;
        wrong[last] ^= 1;
        for broken in [&b"plain text"[..], &body[..body.len() - 9], &body[..5], &wrong] {
            let (_, end) = read(broken, 4, usize::MAX);
            assert!(end.unwrap_err().message.contains("gzip"));
        }
    }

    #[test]
    fn decompression_stops_soon_after_the_limit() {
        let body = zipped(&vec![0; 64 << 20]);
        let (chunks, end) = read(&body, body.len(), 1 << 20);
        let length: usize = chunks.iter().map(Bytes::len).sum();
        assert!(end.is_ok() && (1 << 20..2 << 20).contains(&length), "{length} bytes");
    }
}
