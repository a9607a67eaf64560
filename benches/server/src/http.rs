//! HTTP/1.1 with keep-alive, reduced to the needs of the benchmarks' clients.

use std::{io, rc::Rc};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{
    files,
    routes::{Answer, State},
};

/// Limit of a head or a body, far above those of the benchmarks' clients.
const LIMIT: usize = 1024 * 1024;

/// The parts of a request that the server uses.
#[derive(Debug, PartialEq, Eq)]
pub struct Request {
    /// The method, such as `GET`.
    pub method: String,
    /// The path, with the query if there is one.
    pub target: String,
    /// The `Range` header.
    pub range: Option<String>,
    /// Whether the connection ends with the answer.
    pub close: bool,
    /// Length in the buffer, with the body.
    pub length: usize,
}

/// Parses the request at the front of a buffer; returns `None` while it is incomplete.
pub fn parse(buffer: &[u8]) -> Result<Option<Request>, String> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut headers);
    let length = match head.parse(buffer) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if buffer.len() < LIMIT => return Ok(None),
        Ok(httparse::Status::Partial) => return Err("the head is too long".into()),
        Err(error) => return Err(format!("not HTTP: {error}")),
    };
    let (mut body, mut range, mut close) = (0, None, false);
    for header in head.headers.iter() {
        let value = || String::from_utf8_lossy(header.value);
        if header.name.eq_ignore_ascii_case("content-length") {
            body = value().trim().parse().map_err(|_| format!("content-length is {:?}", value()))?;
        } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
            return Err("a chunked body is not supported".into());
        } else if header.name.eq_ignore_ascii_case("range") {
            range = Some(value().into_owned());
        } else if header.name.eq_ignore_ascii_case("connection") {
            close = value().eq_ignore_ascii_case("close");
        }
    }
    if body > LIMIT {
        return Err("the body is too long".into());
    }
    if buffer.len() < length + body {
        return Ok(None);
    }
    Ok(Some(Request {
        method: head.method.unwrap_or_default().to_owned(),
        target: head.path.unwrap_or_default().to_owned(),
        range,
        close,
        length: length + body,
    }))
}

/// Serves every connection until the future is dropped.
pub async fn accept(listener: TcpListener, state: Rc<State>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Most likely the process is out of descriptors for the moment.
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            continue;
        };
        let state = Rc::clone(&state);
        tokio::task::spawn_local(async move {
            state.connected(1);
            // A client may close its connection at any time.
            let _ = serve(stream, &state).await;
            state.connected(-1);
        });
    }
}

async fn serve(mut stream: TcpStream, state: &State) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(8 * 1024);
    let mut out = Vec::with_capacity(1024);
    loop {
        let request = match parse(&buffer) {
            Ok(Some(request)) => request,
            Ok(None) => {
                if stream.read_buf(&mut buffer).await? == 0 {
                    return Ok(());
                }
                continue;
            }
            Err(problem) => {
                head(&mut out, "400 Bad Request", "text/plain", problem.len() as u64, "");
                out.extend_from_slice(problem.as_bytes());
                return stream.write_all(&out).await;
            }
        };
        buffer.drain(..request.length);
        out.clear();
        match state.answer(&request).await {
            Answer::Json { status, retry_after, body } => {
                let extra = retry_after.map(|seconds| format!("retry-after: {seconds}\r\n"));
                head(
                    &mut out,
                    status,
                    "application/json",
                    body.len() as u64,
                    extra.as_deref().unwrap_or_default(),
                );
                out.extend_from_slice(body.as_bytes());
                stream.write_all(&out).await?;
            }
            Answer::File(part) => {
                head(&mut out, part.status(), "video/mp4", part.length(), &part.headers());
                stream.write_all(&out).await?;
                if request.method != "HEAD" {
                    files::send(&mut stream, &part).await?;
                }
            }
        }
        if request.close {
            return stream.shutdown().await;
        }
    }
}

fn head(out: &mut Vec<u8>, status: &str, kind: &str, length: u64, extra: &str) {
    use std::io::Write as _;
    let _ =
        write!(out, "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\n{extra}\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_parsed_once_it_is_complete() {
        let bytes = b"POST /v1/video/generate?a=b HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\nRange: bytes=1-\r\n\r\nabcGET";
        let whole = bytes.len() - 3;
        for cut in 0..whole {
            assert_eq!(parse(&bytes[..cut]), Ok(None), "{cut} bytes");
        }
        let request = parse(bytes).unwrap().unwrap();
        assert_eq!(request.length, whole);
        assert_eq!((request.method.as_str(), request.target.as_str()), ("POST", "/v1/video/generate?a=b"));
        assert_eq!(request.range.as_deref(), Some("bytes=1-"));
    }

    #[test]
    fn unsupported_requests_are_refused() {
        assert!(parse(b"\x16\x03\x01 hello\r\n\r\n").is_err());
        assert!(parse(b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
