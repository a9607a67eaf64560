//! `/files/…`: videos and thumbnails behind signed URLs, whole or by range.

use std::{io::SeekFrom, sync::Arc, time::Duration};

use axum::{body::Body, extract::State, response::Response};
use bytes::{Bytes, BytesMut};
use futures_util::stream;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::{
    fs::{File, OpenOptions},
    io::{AsyncReadExt, AsyncSeekExt},
    time::Instant,
};

use super::{
    extract::PathParam,
    range::{self, RangeRequest},
};
use crate::{
    app::App,
    error::ApiError,
    private::{self, Kind},
    runner::{THUMBNAIL, VIDEO, job_dir},
    store::jobs,
    time, tokens,
};

/// `GET /files/{token}/video.mp4`.
pub(super) async fn video(
    State(app): State<Arc<App>>,
    PathParam(token): PathParam,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (job, etag) = find(&app, &token, |job| job.video_etag).await?;
    serve(&app, &job, VIDEO, &etag, "video/mp4", &method, &headers).await
}

/// `GET /files/{token}/thumbnail.jpg`.
pub(super) async fn thumbnail(
    State(app): State<Arc<App>>,
    PathParam(token): PathParam,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let (job, etag) = find(&app, &token, |job| job.thumbnail_etag).await?;
    serve(&app, &job, THUMBNAIL, &etag, "image/jpeg", &method, &headers).await
}

async fn find(
    app: &App,
    token: &str,
    etag: fn(jobs::Job) -> Option<String>,
) -> Result<(String, String), ApiError> {
    let unknown = || ApiError::not_found("no such file");
    let (file_id, expires) = tokens::verify_file(&app.file_signing_key, token).ok_or_else(unknown)?;
    if expires <= time::unix_millis() {
        let message = "this URL has expired: the job's status has a fresh one";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "FILE_URL_EXPIRED", message));
    }
    let file_id = file_id.to_owned();
    let job =
        app.db.read(move |connection| jobs::by_file(connection, &file_id)).await?.ok_or_else(unknown)?;
    Ok((job.id.clone(), etag(job).ok_or_else(unknown)?))
}

async fn serve(
    app: &App,
    job: &str,
    name: &str,
    etag: &str,
    content_type: &'static str,
    method: &Method,
    headers: &HeaderMap,
) -> Result<Response, ApiError> {
    let gone = |error: std::io::Error| {
        tracing::error!(%error, job = ?job, name, "a file of a finished job cannot be read");
        ApiError::internal("the file cannot be read; see the sandbox's log")
    };
    let path = job_dir(&app.files, job).map_err(gone)?.join(name);
    let mut options = private::options();
    let mut file = OpenOptions::from(options.read(true).clone()).open(&path).await.map_err(gone)?;
    let metadata = file.metadata().await.map_err(gone)?;
    private::check(&metadata, Kind::File).map_err(gone)?;
    let length = metadata.len();
    let etag = HeaderValue::from_str(&format!("\"{etag}\"")).map_err(|_| ApiError::internal("a bad tag"))?;

    let text = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let unchanged = text(header::IF_NONE_MATCH).is_some_and(|tags| {
        tags.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == "*" || etag == tag)
    });
    // A range applies to GET, and only if the file is still the one that the client has a part of. No date is ever
    // sent, so a date in If-Range cannot match.
    let same_file = headers.get(header::IF_RANGE).is_none_or(|tag| *tag == etag);
    let ask = if method == Method::GET && same_file {
        range::parse(text(header::RANGE), length)
    } else {
        RangeRequest::Whole
    };
    let (status, start, count) = match ask {
        _ if unchanged => (StatusCode::NOT_MODIFIED, 0, 0),
        RangeRequest::Whole => (StatusCode::OK, 0, length),
        RangeRequest::Part { start, end } => (StatusCode::PARTIAL_CONTENT, start, end - start + 1),
        RangeRequest::Unsatisfiable => {
            let message = format!("the range starts beyond the end of the file ({length} bytes)");
            let range = HeaderValue::from_str(&format!("bytes */{length}"));
            let error = ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "RANGE_NOT_SATISFIABLE", message);
            return Err(
                error.header(header::CONTENT_RANGE, range.unwrap_or(HeaderValue::from_static("bytes")))
            );
        }
    };
    let body = if count == 0 || method == Method::HEAD {
        Body::empty()
    } else {
        file.seek(SeekFrom::Start(start)).await.map_err(gone)?;
        let deadline = Instant::now() + app.send_timeout + Duration::from_secs(count / MIN_RATE);
        Body::from_stream(stream::try_unfold(FileTail { file, left: count, deadline }, next_chunk))
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let answer = response.headers_mut();
    answer.insert(header::ETAG, etag);
    answer.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if status != StatusCode::NOT_MODIFIED {
        answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        answer.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        answer.insert(header::CONTENT_LENGTH, HeaderValue::from(count));
    }
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {start}-{}/{length}", start + count - 1);
        answer.insert(header::CONTENT_RANGE, HeaderValue::from_str(&range).unwrap_or(HeaderValue::from(0)));
    }
    Ok(response)
}

const CHUNK: u64 = 64 * 1024;
/// Minimum rate of a download, in bytes per second. A client that reads a byte now and then would hold the file open
/// indefinitely.
const MIN_RATE: u64 = 16 * 1024;

/// The unsent part of a file, and its deadline.
struct FileTail {
    file: File,
    left: u64,
    deadline: Instant,
}

async fn next_chunk(mut rest: FileTail) -> std::io::Result<Option<(Bytes, FileTail)>> {
    if rest.left == 0 {
        return Ok(None);
    }
    if Instant::now() >= rest.deadline {
        return Err(std::io::ErrorKind::TimedOut.into());
    }
    let mut buffer = BytesMut::with_capacity(usize::try_from(rest.left.min(CHUNK)).unwrap_or(0));
    let read = (&mut rest.file).take(rest.left.min(CHUNK)).read_buf(&mut buffer).await?;
    if read == 0 {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    rest.left -= read as u64;
    Ok(Some((buffer.freeze(), rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_file_is_sent_until_its_deadline_and_no_longer() {
        let (file, later) = (tempfile::NamedTempFile::new().expect("a file"), Duration::from_secs(3600));
        std::fs::write(file.path(), vec![7; 100_000]).expect("written");
        let open = || async { File::open(file.path()).await.expect("the file") };
        let rest = FileTail { file: open().await, left: 100_000, deadline: Instant::now() + later };
        let (first, mut rest) = next_chunk(rest).await.expect("in time").expect("a chunk");
        assert_eq!(first.len() as u64 + rest.left, 100_000);
        rest.deadline = Instant::now();
        let error = next_chunk(rest).await.err().map(|error| error.kind());
        assert_eq!(error, Some(std::io::ErrorKind::TimedOut));
    }
}
