//! Turns a scripted reply into bytes, and sends, cuts, stalls or drips them.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use base64::Engine;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::http::Request;
use crate::scenario::{Drop, FileReply, Reply};

/// The longest that a stalled connection is left open.
const STALL: Duration = Duration::from_secs(30);

/// The bytes of a generated file.
pub fn generated(bytes: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0x2545_F491_4F6C_DD1D);
    let mut content = Vec::with_capacity(bytes + 8);
    while content.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        content.extend_from_slice(&state.to_le_bytes());
    }
    content.truncate(bytes);
    content
}

/// What goes back for one request.
#[derive(Debug, Default)]
struct Rendered {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Sends the scripted reply to a request, and closes the connection unless it is to be kept.
pub async fn answer(reply: &Reply, request: &Request, stream: &mut TcpStream) -> io::Result<()> {
    match reply.drop {
        Some(Drop::AfterReading) => return stream.shutdown().await,
        Some(Drop::BeforeReading | Drop::ResetAfterReading) => return stream.set_zero_linger(),
        None => {}
    }
    let rendered = render(reply, request).map_err(io::Error::other)?;
    let sends_body = request.method != "HEAD" && rendered.status != 204 && rendered.status != 304;
    stream.write_all(&head(&rendered, reply, sends_body)).await?;
    let body = if sends_body { rendered.body } else { Vec::new() };
    let end = reply.cut_after.or(reply.stall_after).unwrap_or(body.len()).min(body.len());
    let whole = reply.cut_after.is_none() && reply.stall_after.is_none();
    send_body(reply, &body[..end], whole && sends_body, stream).await?;
    stream.flush().await?;
    if reply.stall_after.is_some() {
        let mut byte = [0; 1];
        let left = stream.read(&mut byte);
        let _ = tokio::time::timeout(STALL, left).await;
    }
    if reply.keep_alive.is_none() {
        stream.shutdown().await?;
    }
    Ok(())
}

/// Waits until the other side has closed too, so that nothing already sent is lost to a reset.
pub async fn linger(stream: &mut TcpStream) {
    let mut rest = [0; 1024];
    let drained = async { while stream.read(&mut rest).await.is_ok_and(|n| n > 0) {} };
    let _ = tokio::time::timeout(Duration::from_secs(2), drained).await;
}

async fn send_body(reply: &Reply, body: &[u8], whole: bool, stream: &mut TcpStream) -> io::Result<()> {
    let piece = reply.chunked.or(reply.drip.map(|d| d.bytes)).unwrap_or(body.len()).max(1);
    for (i, bytes) in body.chunks(piece).enumerate() {
        if let (Some(drip), true) = (reply.drip, i > 0) {
            stream.flush().await?;
            sleep(Duration::from_secs_f64(drip.every)).await;
        }
        if reply.chunked.is_some() {
            stream.write_all(format!("{:x}\r\n", bytes.len()).as_bytes()).await?;
            stream.write_all(bytes).await?;
            stream.write_all(b"\r\n").await?;
        } else {
            stream.write_all(bytes).await?;
        }
    }
    if reply.chunked.is_some() && whole {
        stream.write_all(b"0\r\n\r\n").await?;
    }
    Ok(())
}

fn head(rendered: &Rendered, reply: &Reply, sends_body: bool) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {} {}\r\n", rendered.status, reason(rendered.status));
    for (name, value) in &rendered.headers {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if reply.chunked.is_some() {
        head += "Transfer-Encoding: chunked\r\n";
    } else if rendered.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length")) {
        // The script's own, which may not be true.
    } else if sends_body || !rendered.body.is_empty() {
        let _ = write!(head, "Content-Length: {}\r\n", rendered.body.len());
    }
    head += if reply.keep_alive.is_some() { "Connection: keep-alive" } else { "Connection: close" };
    head += "\r\n\r\n";
    head.into_bytes()
}

fn reason(status: u16) -> &'static str {
    match status {
        200..=299 => "Fine",
        300..=399 => "Elsewhere",
        _ => "Failed",
    }
}

fn render(reply: &Reply, request: &Request) -> Result<Rendered, String> {
    let mut rendered = Rendered { status: reply.status.unwrap_or(200), ..Rendered::default() };
    let mut content_type = Some("application/json");
    if let Some(data) = &reply.ok {
        rendered.body = envelope(true, data, &Value::Null, reply);
    } else if let Some(error) = &reply.fail {
        rendered.body = envelope(false, &Value::Null, error, reply);
    } else if let Some(json) = &reply.json {
        rendered.body = json.to_string().into_bytes();
    } else if let Some(text) = &reply.text {
        content_type = Some("text/plain; charset=utf-8");
        rendered.body = text.clone().into_bytes();
    } else if let Some(base64) = &reply.base64 {
        let engine = base64::engine::general_purpose::STANDARD;
        rendered.body = engine.decode(base64).map_err(|e| format!("base64 in a reply: {e}"))?;
    } else if let Some(file) = &reply.file {
        content_type = Some("video/mp4");
        serve_file(file, request, &mut rendered);
    } else {
        content_type = None;
    }
    if reply.gzip {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(&rendered.body).map_err(|e| e.to_string())?;
        rendered.body = encoder.finish().map_err(|e| e.to_string())?;
        rendered.headers.push(("Content-Encoding".to_owned(), "gzip".to_owned()));
    }
    if let Some(content_type) = content_type {
        rendered.headers.push(("Content-Type".to_owned(), content_type.to_owned()));
    }
    for (name, value) in &reply.headers {
        rendered.headers.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
        let values = value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
        for value in values.iter().filter_map(Value::as_str) {
            rendered.headers.push((name.clone(), value.to_owned()));
        }
    }
    Ok(rendered)
}

fn envelope(ok: bool, data: &Value, error: &Value, reply: &Reply) -> Vec<u8> {
    let usual = json!({"latency_ms": 12, "vendor": "sandbox", "cache_hit": false,
                       "request_id": "019aaf5e-7c00-7000-8000-000000000001"});
    let metadata = reply.metadata.as_ref().unwrap_or(&usual);
    json!({"ok": ok, "data": data, "error": error, "metadata": metadata}).to_string().into_bytes()
}

/// The file, or the part of it that is asked for where its `ETag` still holds.
fn serve_file(file: &FileReply, request: &Request, rendered: &mut Rendered) {
    let content = generated(file.bytes, file.seed);
    if let Some(etag) = &file.etag {
        rendered.headers.push(("ETag".to_owned(), etag.clone()));
    }
    rendered
        .headers
        .push(("Accept-Ranges".to_owned(), if file.ranges { "bytes" } else { "none" }.to_owned()));
    let holds = request.header("If-Range").is_none_or(|tag| Some(tag) == file.etag);
    let range = request.header("Range").filter(|_| file.ranges && holds);
    let from =
        range.as_deref().and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    match from {
        Some(from) if from < content.len() => {
            let range = format!("bytes {from}-{}/{}", content.len() - 1, content.len());
            rendered.status = 206;
            rendered.headers.push(("Content-Range".to_owned(), range));
            rendered.body = content[from..].to_vec();
        }
        Some(_) => {
            rendered.status = 416;
            rendered.headers.push(("Content-Range".to_owned(), format!("bytes */{}", content.len())));
        }
        None => rendered.body = content,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(reply: &Value, headers: &[(&str, &str)]) -> Rendered {
        let reply: Reply = serde_json::from_value(reply.clone()).unwrap();
        let headers = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        render(&reply, &Request { method: "GET".to_owned(), headers, ..Request::default() }).unwrap()
    }

    #[test]
    fn an_ok_reply_is_an_envelope() {
        let body: Value = serde_json::from_slice(&ask(&json!({"ok": {"a": 1}}), &[]).body).unwrap();
        assert_eq!(
            (&body["ok"], &body["data"], &body["error"]),
            (&json!(true), &json!({"a": 1}), &Value::Null)
        );
    }

    #[test]
    fn a_header_of_the_scenario_replaces_a_default_and_null_removes_it() {
        let headers = |reply: Value| ask(&reply, &[]).headers;
        assert_eq!(
            headers(json!({"json": 1, "headers": {"content-type": "text/html"}})),
            [("content-type".to_owned(), "text/html".to_owned())]
        );
        assert!(headers(json!({"json": 1, "headers": {"Content-Type": null}})).is_empty());
    }

    #[test]
    fn a_file_is_served_from_where_it_is_asked_for_while_its_tag_holds() {
        let file = json!({"file": {"bytes": 10, "seed": 3, "etag": "\"v1\""}});
        let whole = generated(10, 3);
        let part = ask(&file, &[("Range", "bytes=4-"), ("If-Range", "\"v1\"")]);
        assert_eq!((part.status, part.body.as_slice()), (206, &whole[4..]));
        let changed = ask(&file, &[("Range", "bytes=4-"), ("If-Range", "\"v0\"")]);
        assert_eq!((changed.status, changed.body.as_slice()), (200, whole.as_slice()));
        assert_eq!(ask(&file, &[("Range", "bytes=10-")]).status, 416);
    }

    #[test]
    fn generated_content_depends_on_its_seed() {
        assert_eq!(generated(100, 1), generated(100, 1));
        assert_ne!(generated(100, 1), generated(100, 2));
        assert_eq!(generated(13, 1).len(), 13);
    }
}
