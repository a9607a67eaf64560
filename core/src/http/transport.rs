//! One HTTP exchange: what leaves, what comes back, and how it can break. With `connect.rs`, all that knows hyper.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Uri, header, uri::Scheme};
use http_body_util::Full;
use hyper::body::{Body as _, Incoming};
use hyper_util::{
    client::legacy::{self, Client},
    rt::{TokioExecutor, TokioTimer},
};
use tokio::runtime::{self, Handle};

use crate::{
    error::Result,
    http::config::HttpConfig,
    http::{
        connect::{self, Connector},
        gzip::Gunzip,
        tls,
    },
    runtime::BoxFuture,
    wire::path,
};

/// Largest body of a response, after decompression.
pub(super) const MAX_BODY_BYTES: usize = 8 * 1024 * 1024;

/// How long a connection that nobody uses is kept.
const IDLE: Duration = Duration::from_secs(60);

/// A request as it goes out.
#[derive(Debug, Clone)]
pub(crate) struct WireRequest {
    pub(crate) method: Method,
    /// Absolute.
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    /// A file, not an answer of the API's: what comes is what is saved, so nothing is decompressed.
    pub(crate) file: bool,
    /// Over a connection that nobody used before: where one of those that are kept has broken, the others may have too.
    pub(crate) new_connection: bool,
}

/// A response whose body is still on its way.
pub(crate) struct WireResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Box<dyn BodyChunks>,
}

/// A body, a piece at a time; `None` at its end.
pub(crate) trait BodyChunks: Send + Sync {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Fault>>;
}

impl dyn BodyChunks {
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        poll_fn(|cx| self.poll_next(cx)).await
    }
}

/// How an exchange broke.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) message: String,
    /// Nothing of the request left this machine.
    pub(crate) before_sending: bool,
    pub(crate) retryable: bool,
    pub(crate) hint: Option<&'static str>,
    pub(crate) source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Whatever carries requests: hyper, or a test's script.
pub(crate) trait Transport: Send + Sync {
    fn send(&self, request: WireRequest) -> BoxFuture<'_, Result<WireResponse, SendError>>;
}

/// Why there is no response.
pub(crate) enum SendError {
    /// The exchange broke.
    Fault(Fault),
    /// It could not even begin: a setting is wrong.
    Setup(crate::InfraiError),
}

/// The runtimes whose connections are kept; who comes after takes the place of the first.
const RUNTIMES: usize = 8;

/// Hyper's client, set up at the first request that needs it: plain http without TLS roots, loopback hosts without proxies.
///
/// A connection belongs to the runtime that opened it and answers nothing once nobody runs that one: each runtime has
/// lanes of its own.
pub(crate) struct Http {
    config: Arc<HttpConfig>,
    runtimes: Mutex<Vec<(Option<runtime::Id>, Arc<Lanes>)>>,
}

/// Connections of one kind: to loopback hosts or to others, with or without TLS.
struct Lane {
    client: Client<Connector, Full<Bytes>>,
    /// Keeps no connection.
    new_connection: Client<Connector, Full<Bytes>>,
    connector: Connector,
}

type Lanes = [OnceLock<Lane>; 4];

impl Http {
    pub(crate) fn new(config: Arc<HttpConfig>) -> Self {
        Self { config, runtimes: Mutex::default() }
    }

    /// The lanes of the runtime that the caller is in.
    fn lanes(&self) -> Arc<Lanes> {
        let here = Handle::try_current().ok().map(|handle| handle.id());
        let mut runtimes = self.runtimes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, lanes)) = runtimes.iter().find(|(id, _)| *id == here) {
            return Arc::clone(lanes);
        }
        if runtimes.len() == RUNTIMES {
            runtimes.remove(0);
        }
        let lanes = Arc::<Lanes>::default();
        runtimes.push((here, Arc::clone(&lanes)));
        lanes
    }

    fn lane<'a>(&self, lanes: &'a Lanes, uri: &Uri) -> Result<&'a Lane> {
        let secure = uri.scheme() == Some(&Scheme::HTTPS);
        let loopback = uri.host().is_some_and(path::is_loopback_host);
        let slot = &lanes[usize::from(secure) * 2 + usize::from(loopback)];
        if let Some(lane) = slot.get() {
            return Ok(lane);
        }
        let lane = self.open(secure, loopback)?;
        Ok(slot.get_or_init(|| lane))
    }

    fn open(&self, secure: bool, loopback: bool) -> Result<Lane> {
        let config = &self.config;
        let proxies = if loopback { None } else { Some(connect::proxies(config)?) };
        // An https proxy may stand before a plain http host too.
        let proxied_by_tls = proxies.as_ref().is_some_and(connect::speaks_tls);
        let tls = if secure || proxied_by_tls { tls::trusted(config)? } else { tls::unused()? };
        let connector = Connector::new(tls, proxies, config.options.connect_timeout);
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE)
            .pool_timer(TokioTimer::new())
            .build(connector.clone());
        let new_connection =
            Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector.clone());
        Ok(Lane { client, new_connection, connector })
    }
}

impl Transport for Http {
    fn send(&self, request: WireRequest) -> BoxFuture<'_, Result<WireResponse, SendError>> {
        Box::pin(async move {
            let WireRequest { method, uri, mut headers, body, file, new_connection } = request;
            let lanes = self.lanes();
            let lane = self.lane(&lanes, &uri).map_err(SendError::Setup)?;
            let handed_to_proxy = lane.connector.hands_to_proxy(&uri);
            if let Some(authorization) = lane.connector.proxy_authorization(&uri) {
                headers.insert(header::PROXY_AUTHORIZATION, authorization);
            }
            let mut outgoing = http::Request::new(body.map_or_else(Full::default, Full::new));
            *outgoing.method_mut() = method;
            *outgoing.uri_mut() = uri;
            *outgoing.headers_mut() = headers;
            let sent = if new_connection { &lane.new_connection } else { &lane.client }.request(outgoing);
            drop(lanes);
            let response = sent.await.map_err(|error| SendError::Fault(unsent(error)))?;
            if handed_to_proxy && response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
                return Err(SendError::Fault(Fault {
                    message: PROXY_REFUSES.to_owned(),
                    before_sending: true,
                    retryable: false,
                    hint: Some(PROXY_HINT),
                    source: None,
                }));
            }
            let (parts, body) = response.into_parts();
            let zipped = !file
                && parts.headers.get(header::CONTENT_ENCODING).is_some_and(|coding| {
                    [&b"gzip"[..], b"x-gzip"].iter().any(|name| coding.as_bytes().eq_ignore_ascii_case(name))
                });
            let body = Chunks(body);
            let body: Box<dyn BodyChunks> =
                if zipped { Box::new(Gunzip::new(body, MAX_BODY_BYTES)) } else { Box::new(body) };
            Ok(WireResponse { status: parts.status, headers: parts.headers, body })
        })
    }
}

struct Chunks(Incoming);

impl BodyChunks for Chunks {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Fault>> {
        loop {
            match ready!(Pin::new(&mut self.0).poll_frame(cx)) {
                None => return Poll::Ready(Ok(None)),
                Some(Err(error)) => return Poll::Ready(Err(fault(error, false))),
                Some(Ok(frame)) => {
                    // Trailers say nothing that anybody asked for.
                    if let Ok(bytes) = frame.into_data() {
                        return Poll::Ready(Ok(Some(bytes)));
                    }
                }
            }
        }
    }
}

/// How the tunnel through a proxy says that the proxy answered 407; its type is not to be had.
const PROXY_REFUSES: &str = "proxy authorization required";
const PROXY_HINT: &str = "The proxy wants another user and password: check proxy or HTTPS_PROXY.";

/// What it means that there was no response.
fn unsent(error: legacy::Error) -> Fault {
    let before_sending = error.is_connect();
    fault(error, before_sending)
}

fn fault(error: impl std::error::Error + Send + Sync + 'static, before_sending: bool) -> Fault {
    let message = chain(&error);
    let hint = if tls_error(&error) {
        Some(
            "The server's certificate was not accepted: check the base URL, or name the authority's PEM file with ca_file or SSL_CERT_FILE.",
        )
    } else if before_sending && message.contains(PROXY_REFUSES) {
        Some(PROXY_HINT)
    } else if before_sending && message.contains(connect::NO_SUCH_PROXY) {
        Some("Give the URL of an http or https proxy, or except the host with NO_PROXY.")
    } else {
        None
    };
    // What is wrong with these stays wrong, and a proxy may lock an account that is tried too often.
    Fault { message, before_sending, retryable: hint.is_none(), hint, source: Some(Box::new(error)) }
}

/// Whether the other side's certificate, or its TLS, was refused: no retry changes that.
fn tls_error(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(current) = next {
        if current.is::<rustls::Error>() {
            return true;
        }
        // The source of an I/O error passes over the error that it wraps.
        next = match current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => current.source(),
        };
    }
    false
}

/// An error and its causes in one line, each said once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};

    use super::*;

    /// A server that keeps every connection open and answers each request with an empty object.
    fn keep_alive_server() -> Uri {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                std::thread::spawn(move || {
                    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                    while let Some(Ok(line)) = lines.next() {
                        if line.is_empty() {
                            let mut stream = &stream;
                            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}").unwrap();
                        }
                    }
                });
            }
        });
        Uri::try_from(format!("http://{address}/")).unwrap()
    }

    #[test]
    fn a_refused_certificate_is_known_however_deep_it_is_wrapped() {
        let refused = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let wrapped = std::io::Error::other(std::io::Error::other(refused));
        assert!(tls_error(&wrapped));
        assert!(!tls_error(&std::io::Error::other(std::io::Error::from_raw_os_error(111))));
    }

    #[test]
    fn a_runtime_never_waits_on_a_connection_of_one_that_stands_still() {
        let uri = keep_alive_server();
        let http = Http::new(Arc::new(HttpConfig::default()));
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (first, second) = (runtime(), runtime());
        for runtime in [&first, &second, &first] {
            let request = WireRequest {
                method: Method::GET,
                uri: uri.clone(),
                headers: HeaderMap::new(),
                body: None,
                file: false,
                new_connection: false,
            };
            let exchange = async {
                let mut response = http.send(request).await.unwrap_or_else(|_| panic!("no response"));
                response.body.next().await.unwrap()
            };
            let answered =
                runtime.block_on(async { tokio::time::timeout(Duration::from_secs(5), exchange).await });
            assert_eq!(answered.expect("an answer in time"), Some(Bytes::from_static(b"{}")));
        }
    }
}
