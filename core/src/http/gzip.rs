//! Decompression of a gzip body, piece by piece.

use std::{
    io::{self, Write},
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use flate2::write::GzDecoder;

use super::transport::{BodyStream, TransportError};

/// Decompresses another body, and passes over bytes after the end of the gzip.
///
/// A small body can decompress to a huge one, and the reader stops at the limit: so no piece exceeds the limit by more
/// than one write of the decoder.
pub(super) struct GzipDecoder<B> {
    body: B,
    decoder: GzDecoder<BoundedBuf>,
    begun: bool,
    /// All of the gzip has been read.
    whole: bool,
    ended: bool,
    /// Returned after the bytes before it.
    error: Option<TransportError>,
}

/// The decoder's output, which refuses writes beyond the limit.
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
        Self { body, decoder, begun: false, whole: false, ended: false, error: None }
    }

    fn decode(&mut self, mut chunk: &[u8]) -> io::Result<()> {
        while !chunk.is_empty() && !self.whole {
            self.begun = true;
            let in_header = self.decoder.header().is_none();
            match self.decoder.write(chunk)? {
                0 if !in_header => self.whole = true,
                taken => chunk = &chunk[taken..],
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
                // A body of nothing is nothing, whatever its header says.
                if self.begun { self.decoder.try_finish() } else { Ok(()) }
            };
            let sink = self.decoder.get_mut();
            if let Err(error) = decoded {
                self.ended = true;
                if !sink.is_full() {
                    self.error = Some(TransportError {
                        message: format!("the body is no whole gzip, although it says so: {error}"),
                        before_sending: false,
                        retryable: true,
                        hint: None,
                        source: Some(Box::new(error)),
                    });
                }
            }
            if !sink.bytes.is_empty() {
                return Poll::Ready(Ok(Some(std::mem::take(&mut sink.bytes).into())));
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

    struct Pieces(VecDeque<Vec<u8>>);

    impl BodyStream for Pieces {
        fn poll_next(&mut self, _: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransportError>> {
            Poll::Ready(Ok(self.0.pop_front().map(Bytes::from)))
        }
    }

    fn zipped(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// The pieces that come of a body in pieces of `size`, and how it ended.
    fn read(body: &[u8], size: usize, limit: usize) -> (Vec<Bytes>, Result<(), TransportError>) {
        let mut gunzip = GzipDecoder::new(Pieces(body.chunks(size).map(<[u8]>::to_vec).collect()), limit);
        let (mut pieces, mut cx) = (Vec::new(), Context::from_waker(std::task::Waker::noop()));
        loop {
            match gunzip.poll_next(&mut cx) {
                Poll::Ready(Ok(Some(piece))) => pieces.push(piece),
                Poll::Ready(Ok(None)) => return (pieces, Ok(())),
                Poll::Ready(Err(fault)) => return (pieces, Err(fault)),
                Poll::Pending => unreachable!("its pieces are there"),
            }
        }
    }

    #[test]
    fn a_body_is_the_same_in_whatever_pieces_it_comes() {
        let text: Vec<u8> = (0..100_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let body = zipped(&text);
        for size in [1, 5, 4096, body.len()] {
            let (pieces, end) = read(&body, size, usize::MAX);
            assert!(end.is_ok() && pieces.concat() == text, "in pieces of {size}");
        }
        assert!(matches!(read(b"", 1, 10), (pieces, Ok(())) if pieces.is_empty()));
    }

    #[test]
    fn what_follows_the_gzip_is_passed_over() {
        for rest in [&b"\r\n"[..], &[0; 512], &zipped(b"two")] {
            let body = [&zipped(b"one"), rest].concat();
            for size in [1, 9, body.len()] {
                let (pieces, end) = read(&body, size, usize::MAX);
                assert!(end.is_ok() && pieces.concat() == b"one", "{rest:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn what_came_before_a_fault_is_handed_out() {
        let mut body = zipped(b"what the server had to say");
        let last = body.len() - 1;
        body[last] ^= 1;
        let (pieces, end) = read(&body, body.len(), usize::MAX);
        assert_eq!(pieces.concat(), b"what the server had to say");
        assert!(end.is_err());
    }

    #[test]
    fn what_is_no_whole_gzip_is_a_fault() {
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
    fn a_small_body_that_is_a_huge_one_stops_soon_after_the_limit() {
        let body = zipped(&vec![0; 64 << 20]);
        let (pieces, end) = read(&body, body.len(), 1 << 20);
        let length: usize = pieces.iter().map(Bytes::len).sum();
        assert!(end.is_ok() && (1 << 20..2 << 20).contains(&length), "{length} bytes");
    }
}
