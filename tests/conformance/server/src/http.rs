//! Just enough HTTP/1.1 to read a request to the byte.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

const HEAD_LIMIT: usize = 256 * 1024;
const BODY_LIMIT: usize = 64 * 1024 * 1024;

/// A request as it came.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Its method.
    pub method: String,
    /// Its target as it stands on the request line.
    pub target: String,
    /// Its headers in order.
    pub headers: Vec<(String, String)>,
    /// Its body, put together where it was chunked.
    pub body: Vec<u8>,
}

impl Request {
    /// The values of a header, joined by `, ` where there are several.
    pub fn header(&self, name: &str) -> Option<String> {
        let values: Vec<&str> = self
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
            .collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// `METHOD target`.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.target)
    }

    /// Whether a text stands anywhere in it.
    pub fn mentions(&self, text: &str) -> bool {
        self.target.contains(text)
            || self.headers.iter().any(|(n, v)| n.contains(text) || v.contains(text))
            || String::from_utf8_lossy(&self.body).contains(text)
    }
}

/// Reads one request; `None` where the connection ends before one begins. `buffer` keeps what follows it.
pub async fn read_request<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<Request>> {
    let head_end = loop {
        if let Some(end) = find(buffer, b"\r\n\r\n") {
            break end;
        }
        if buffer.len() > HEAD_LIMIT {
            return Err(io::Error::other("the head is too large"));
        }
        if stream.read_buf(buffer).await? == 0 {
            return if buffer.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
    };
    let head = String::from_utf8_lossy(&buffer[..head_end]).into_owned();
    buffer.drain(..head_end + 4);
    let mut lines = head.split("\r\n");
    let mut first = lines.next().unwrap_or_default().splitn(3, ' ');
    let mut request = Request {
        method: first.next().unwrap_or_default().to_owned(),
        target: first.next().unwrap_or_default().to_owned(),
        ..Request::default()
    };
    for line in lines {
        let (name, value) =
            line.split_once(':').ok_or_else(|| io::Error::other(format!("no header: {line}")))?;
        request.headers.push((name.to_owned(), value.trim().to_owned()));
    }
    if request.header("Transfer-Encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked")) {
        read_chunks(stream, buffer, &mut request.body).await?;
    } else if let Some(length) = request.header("Content-Length") {
        let length: usize = length.parse().map_err(|_| io::Error::other("unreadable Content-Length"))?;
        fill(stream, buffer, length).await?;
        request.body = buffer.drain(..length).collect();
    }
    Ok(Some(request))
}

async fn read_chunks<S: AsyncRead + Unpin>(
    stream: &mut S,
    buffer: &mut Vec<u8>,
    body: &mut Vec<u8>,
) -> io::Result<()> {
    loop {
        while find(buffer, b"\r\n").is_none() {
            fill(stream, buffer, buffer.len() + 1).await?;
        }
        let end = find(buffer, b"\r\n").unwrap_or_default();
        let size = String::from_utf8_lossy(&buffer[..end]).into_owned();
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)
            .map_err(|_| io::Error::other("unreadable chunk size"))?;
        buffer.drain(..end + 2);
        fill(stream, buffer, size + 2).await?;
        body.extend(buffer.drain(..size));
        buffer.drain(..2);
        if size == 0 {
            return Ok(());
        }
    }
}

/// Reads until the buffer holds `length` bytes.
async fn fill<S: AsyncRead + Unpin>(stream: &mut S, buffer: &mut Vec<u8>, length: usize) -> io::Result<()> {
    if length > BODY_LIMIT {
        return Err(io::Error::other("the body is too large"));
    }
    while buffer.len() < length {
        if stream.read_buf(buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(bytes: &[u8]) -> io::Result<Option<Request>> {
        let mut stream = bytes;
        read_request(&mut stream, &mut Vec::new()).await
    }

    #[tokio::test]
    async fn a_request_is_read_to_the_byte() {
        let request =
            read(b"POST /a%2Fb?x=1 HTTP/1.1\r\nA: 1\r\na: 2\r\nContent-Length: 3\r\n\r\n{}\nrest").await;
        let request = request.unwrap().unwrap();
        assert_eq!(request.line(), "POST /a%2Fb?x=1");
        assert_eq!(request.header("a").as_deref(), Some("1, 2"));
        assert_eq!(request.body, b"{}\n");
    }

    #[tokio::test]
    async fn a_chunked_body_is_put_together() {
        let request =
            read(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n")
                .await;
        assert_eq!(request.unwrap().unwrap().body, b"abc");
    }

    #[tokio::test]
    async fn a_connection_without_a_request_is_none_and_half_a_request_an_error() {
        assert!(read(b"").await.unwrap().is_none());
        assert!(read(b"GET / HTT").await.is_err());
        assert!(read(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nabc").await.is_err());
    }
}
