//! One HTTP exchange: what leaves, what comes back, and how it can break. The only file that knows reqwest.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use tokio::runtime::{self, Handle};
use url::Url;

use super::{config::Config, tls};
use crate::{error::Result, wire::path};

/// A request as it goes out.
#[derive(Debug, Clone)]
pub(crate) struct WireRequest {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Option<Bytes>,
    /// A file, not an answer of the API's: what comes is what is saved, so nothing is decompressed.
    pub(crate) file: bool,
}

/// A response whose body is still on its way.
pub(crate) struct WireResponse {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Box<dyn BodyChunks>,
}

pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A body, a piece at a time; `None` at its end.
pub(crate) trait BodyChunks: Send + Sync {
    fn next(&mut self) -> Boxed<'_, Result<Option<Bytes>, Fault>>;
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

/// Whatever carries requests: reqwest, or a test's script.
pub(crate) trait Transport: Send + Sync {
    fn send(&self, request: WireRequest) -> Boxed<'_, Result<WireResponse, SendError>>;
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

/// Reqwest, set up at the first request that needs it: plain http without TLS roots, loopback hosts without proxies.
///
/// A connection belongs to the runtime that opened it and answers nothing once nobody runs that one: each runtime has
/// clients of its own.
pub(crate) struct Http {
    config: Arc<Config>,
    runtimes: Mutex<Vec<(Option<runtime::Id>, Arc<Clients>)>>,
}

type Clients = [OnceLock<reqwest::Client>; 8];

impl Http {
    pub(crate) fn new(config: Arc<Config>) -> Self {
        Self { config, runtimes: Mutex::default() }
    }

    /// The clients of the runtime that the caller is in.
    fn clients(&self) -> Arc<Clients> {
        let here = Handle::try_current().ok().map(|handle| handle.id());
        let mut runtimes = self.runtimes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, clients)) = runtimes.iter().find(|(id, _)| *id == here) {
            return Arc::clone(clients);
        }
        if runtimes.len() == RUNTIMES {
            runtimes.remove(0);
        }
        let clients = Arc::<Clients>::default();
        runtimes.push((here, Arc::clone(&clients)));
        clients
    }

    fn client(&self, url: &Url, file: bool) -> Result<reqwest::Client> {
        let secure = url.scheme() == "https";
        let loopback = path::is_loopback(url);
        let clients = self.clients();
        let slot = &clients[usize::from(file) * 4 + usize::from(secure) * 2 + usize::from(loopback)];
        if let Some(client) = slot.get() {
            return Ok(client.clone());
        }
        let client = self.build(secure, loopback, file)?;
        Ok(slot.get_or_init(|| client).clone())
    }

    fn build(&self, secure: bool, loopback: bool, file: bool) -> Result<reqwest::Client> {
        let config = &self.config;
        let refuse = |message: String| crate::InfraiError::configuration("CONFIGURATION_INVALID", message);
        // An https proxy may stand before a plain http host too.
        let proxied_by_tls =
            !loopback && config.proxy.as_ref().is_some_and(|proxy| proxy.0.starts_with("https:"));
        let tls = if secure || proxied_by_tls { tls::trusted(config)? } else { tls::unused()? };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .connect_timeout(config.connect_timeout)
            .pool_idle_timeout(Duration::from_secs(60))
            .tcp_keepalive(Duration::from_secs(30))
            .tcp_nodelay(true)
            .gzip(!file)
            .http1_only();
        if loopback {
            builder = builder.no_proxy();
        } else if let Some(proxy) = &config.proxy {
            let proxy = reqwest::Proxy::all(&proxy.0).map_err(|_| {
                refuse("proxy takes the URL of a proxy, such as http://user:password@host:3128".into())
            })?;
            builder = builder.no_proxy().proxy(proxy);
        }
        builder
            .build()
            .map_err(|error| refuse(format!("the HTTP client cannot be set up: {}", chain(&error))))
    }
}

impl Transport for Http {
    fn send(&self, request: WireRequest) -> Boxed<'_, Result<WireResponse, SendError>> {
        Box::pin(async move {
            let client = self.client(&request.url, request.file).map_err(SendError::Setup)?;
            let mut outgoing = client.request(request.method, request.url).headers(request.headers);
            if let Some(body) = request.body {
                outgoing = outgoing.body(body);
            }
            let response = outgoing.send().await.map_err(|error| SendError::Fault(fault(error)))?;
            let (status, headers) = (response.status(), response.headers().clone());
            Ok(WireResponse { status, headers, body: Box::new(Chunks(response)) })
        })
    }
}

struct Chunks(reqwest::Response);

impl BodyChunks for Chunks {
    fn next(&mut self) -> Boxed<'_, Result<Option<Bytes>, Fault>> {
        Box::pin(async move { self.0.chunk().await.map_err(fault) })
    }
}

/// What a reqwest error means. Its URL is left out: a file's URL is a secret of its own.
fn fault(error: reqwest::Error) -> Fault {
    let error = error.without_url();
    let tls = tls_error(&error);
    Fault {
        message: chain(&error),
        before_sending: error.is_connect() || error.is_builder(),
        retryable: !error.is_builder() && !tls,
        hint: tls.then_some(
            "The server's certificate was not accepted: check the base URL, or name the authority's PEM file with ca_file or SSL_CERT_FILE.",
        ),
        source: Some(Box::new(error)),
    }
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
    fn keep_alive_server() -> Url {
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
        Url::parse(&format!("http://{address}/")).unwrap()
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
        let url = keep_alive_server();
        let http = Http::new(Arc::new(Config::default()));
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (first, second) = (runtime(), runtime());
        for runtime in [&first, &second, &first] {
            let request = WireRequest {
                method: Method::GET,
                url: url.clone(),
                headers: HeaderMap::new(),
                body: None,
                file: false,
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
