//! The transport over reqwest: clients per runtime, name resolution, and errors of an exchange.

use std::{
    future::Future,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::pin,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::StatusCode;
use reqwest::{
    Client, Response,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect, retry,
};
use rustls::ClientConfig;
use tokio::sync::Semaphore;
use url::{Host, Url};

use super::{
    config::HttpConfig,
    gzip::GzipDecoder,
    proxy::{Proxies, Route},
    tls,
    transport::{
        BodyStream, MAX_BODY_BYTES, SendError, Transport, TransportError, WireRequest, WireResponse,
    },
};
use crate::{
    error::{InfraiError, Result},
    limits,
    runtime::{self, BoxFuture, RuntimeId},
    wire::{coding, path},
};

/// Time after which the client closes an idle connection.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

// The operating system probes a silent connection and closes it if sent bytes stay unacknowledged.
const TCP_KEEPALIVE: Duration = Duration::from_secs(30);
const TCP_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(15);
const TCP_KEEPALIVE_RETRIES: u32 = 3;
#[cfg(any(target_os = "android", target_os = "linux"))]
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);

/// The most headers of a response. The library's own limit of 100 is less than some gateways send.
const MAX_HEADERS: usize = 1000;

/// Number of runtimes with pooled connections. A further runtime replaces the first.
const MAX_RUNTIMES: usize = 8;

/// The transport over reqwest. Each client is built for the first request that needs it, so that plain http loads no
/// TLS roots.
///
/// A connection belongs to the runtime that opened it and is dead once that runtime no longer runs: each runtime has
/// clients of its own.
pub(crate) struct HttpTransport {
    config: Arc<HttpConfig>,
    proxies: OnceLock<Arc<Proxies>>,
    tls: OnceLock<ClientConfig>,
    runtimes: Mutex<Vec<(Option<RuntimeId>, Arc<Pools>)>>,
}

/// The properties of a request that decide which client sends it.
#[derive(Clone, Copy)]
struct PoolKind {
    /// The host, or the proxy before it, is reached over TLS.
    tls: bool,
    proxied: bool,
    /// The connection is new and is not kept.
    new_connection: bool,
}

/// Clients and connections of a runtime.
struct Pools {
    clients: [OnceLock<Client>; 8],
    /// One permit per connection in use.
    permits: Arc<Semaphore>,
}

impl PoolKind {
    fn index(self) -> usize {
        usize::from(self.tls) * 4 + usize::from(self.proxied) * 2 + usize::from(self.new_connection)
    }
}

impl HttpTransport {
    pub(crate) fn new(config: Arc<HttpConfig>) -> Self {
        Self { config, proxies: OnceLock::new(), tls: OnceLock::new(), runtimes: Mutex::default() }
    }

    /// Returns the clients of the runtime that the caller is in.
    fn pools(&self) -> Arc<Pools> {
        let here = runtime::current_id();
        let mut runtimes = self.runtimes.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, pools)) = runtimes.iter().find(|(id, _)| *id == here) {
            return Arc::clone(pools);
        }
        if runtimes.len() == MAX_RUNTIMES {
            runtimes.remove(0);
        }
        let permits = self.config.options.max_connections.min(Semaphore::MAX_PERMITS);
        let pools =
            Arc::new(Pools { clients: Default::default(), permits: Arc::new(Semaphore::new(permits)) });
        runtimes.push((here, Arc::clone(&pools)));
        pools
    }

    /// Returns how a URL is reached. Loopback hosts never go through a proxy.
    fn route(&self, url: &Url) -> Result<Route<'_>> {
        if path::is_loopback(url) {
            return Ok(Route::Direct);
        }
        let route = self.proxies.get_or_init(|| Arc::new(Proxies::new(&self.config))).route(url)?;
        if route.is_tunnel(url)
            && let Some(Host::Ipv6(address)) = url.host()
        {
            // reqwest compares the certificate's name with the address in brackets, which never matches.
            return Err(InfraiError::configuration(
                "CONFIGURATION_INVALID",
                format!("https to the IPv6 address [{address}] cannot go through a proxy"),
            )
            .with_hint(match &self.config.options.proxy {
                Some(_) => "Use the host's name, or a client without the `proxy` option.",
                None => "Use the host's name, or add the address to NO_PROXY.",
            }));
        }
        Ok(route)
    }

    fn client<'a>(&self, pools: &'a Pools, kind: PoolKind) -> Result<&'a Client> {
        let slot = &pools.clients[kind.index()];
        if let Some(client) = slot.get() {
            return Ok(client);
        }
        let client = self.build_client(kind)?;
        Ok(slot.get_or_init(|| client))
    }

    fn build_client(&self, kind: PoolKind) -> Result<Client> {
        // No `timeout` or `read_timeout`: calls have their own deadlines, and these would cost a timer per request.
        let mut builder = Client::builder()
            .tls_backend_preconfigured(self.tls_config(kind)?)
            .dns_resolver(Resolver)
            .redirect(redirect::Policy::none())
            // Without the second setting, reqwest copies each request for a retry that never comes.
            .retry(retry::never().max_retries_per_request(0))
            .referer(false)
            // Another crate in the program may have enabled these features.
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            .no_hickory_dns()
            .connect_timeout(self.config.options.connect_timeout)
            .tcp_keepalive(TCP_KEEPALIVE)
            .tcp_keepalive_interval(TCP_KEEPALIVE_INTERVAL)
            .tcp_keepalive_retries(TCP_KEEPALIVE_RETRIES)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .http1_max_headers(MAX_HEADERS);
        #[cfg(any(target_os = "android", target_os = "linux"))]
        {
            builder = builder.tcp_user_timeout(TCP_USER_TIMEOUT);
        }
        if kind.new_connection {
            builder = builder.pool_max_idle_per_host(0);
        }
        builder = match self.proxies.get() {
            Some(proxies) if kind.proxied => Proxies::apply(proxies, builder),
            _ => builder.no_proxy(),
        };
        builder
            .build()
            .map_err(|error| InfraiError::internal("the HTTP client cannot be built").with_source(error))
    }

    fn tls_config(&self, kind: PoolKind) -> Result<ClientConfig> {
        if !kind.tls {
            return tls::placeholder_config();
        }
        if let Some(tls) = self.tls.get() {
            return Ok(tls.clone());
        }
        let tls = tls::client_config(&self.config)?;
        Ok(self.tls.get_or_init(|| tls).clone())
    }
}

impl Transport for HttpTransport {
    fn permits(&self) -> Option<Arc<Semaphore>> {
        Some(Arc::clone(&self.pools().permits))
    }

    fn send(&self, request: WireRequest) -> BoxFuture<'_, Result<WireResponse, SendError>> {
        Box::pin(async move {
            let WireRequest { method, url, headers, body, file, new_connection } = request;
            let route = self.route(&url).map_err(SendError::Setup)?;
            let kind = PoolKind {
                tls: url.scheme() == "https" || route.uses_tls(),
                proxied: !matches!(route, Route::Direct),
                new_connection,
            };
            let is_forward = route.is_forward(&url);
            let pools = self.pools();
            let client = self.client(&pools, kind).map_err(SendError::Setup)?;
            let mut outgoing = reqwest::Request::new(method, url);
            *outgoing.headers_mut() = headers;
            *outgoing.body_mut() = body.map(Into::into);
            let sent = client.execute(outgoing);
            drop(pools);
            let mut response = sent.await.map_err(|error| SendError::Transport(connect_error(error)))?;
            let status = response.status();
            if is_forward && status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
                return Err(SendError::Transport(TransportError {
                    message: PROXY_REFUSES.to_owned(),
                    before_sending: true,
                    retryable: false,
                    hint: Some(PROXY_HINT),
                    source: None,
                }));
            }
            let headers = std::mem::take(response.headers_mut());
            let body: Box<dyn BodyStream> = if !file && coding::is_gzip(&headers) {
                Box::new(GzipDecoder::new(response, MAX_BODY_BYTES))
            } else {
                Box::new(response)
            };
            Ok(WireResponse { status, headers, body })
        })
    }
}

impl BodyStream for Response {
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, TransportError>> {
        // The future holds no state between two polls.
        pin!(self.chunk()).poll(cx).map_err(|error| transport_error(error, false))
    }
}

/// The system's resolver, except for `localhost` and the names below it. Plain http is allowed to those, so no name
/// server may say where they are.
struct Resolver;

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            // The connector sets the port.
            if path::is_loopback_host(name.as_str()) {
                let addresses = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
                let addresses = addresses.map(|address| SocketAddr::new(address, 0));
                return Ok(Box::new(addresses.into_iter()) as Addrs);
            }
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// The text of the error when a proxy answers 407 to `CONNECT`. Its type is private to hyper-util.
const PROXY_REFUSES: &str = "proxy authorization required";
/// The text of the error when a server's certificate is an authority's. Its type is private to rustls.
pub(super) const CA_AS_SERVER: &str = "CaUsedAsEndEntity";
/// The text of the error when a server answers the handshake with anything but TLS. Its type is private to rustls.
const NOT_TLS: &str = "InvalidContentType";
const PROXY_HINT: &str = "The proxy requires another user and password. Check `proxy` or HTTPS_PROXY.";

/// Converts the error of an exchange without a response.
fn connect_error(error: reqwest::Error) -> TransportError {
    let before_sending = error.is_connect();
    transport_error(error, before_sending)
}

fn transport_error(error: reqwest::Error, before_sending: bool) -> TransportError {
    // The URL of a file carries its own authorization.
    let error = error.without_url();
    // The text of reqwest's error names only the step that failed.
    let message = std::error::Error::source(&error).map_or_else(|| error.to_string(), error_chain);
    let limit = limits::remedy(&message);
    let hint = if message.contains(CA_AS_SERVER) {
        Some(
            "The server presents a certificate authority's certificate as its own, which TLS does not accept. Issue a certificate for the server without `CA:TRUE`, signed by that authority or by itself.",
        )
    } else if message.contains(NOT_TLS) {
        Some("The server does not speak TLS on this port. Check the scheme and the port of the base URL.")
    } else if tls_error(&error) {
        Some(
            "The server's certificate was not accepted. Check the base URL, or set `ca_file` or SSL_CERT_FILE to the authority's PEM file.",
        )
    } else if before_sending && message.contains(PROXY_REFUSES) {
        Some(PROXY_HINT)
    } else {
        None
    };
    // A retry changes neither of these, and a proxy may lock an account after too many attempts.
    let retryable = hint.is_none();
    TransportError { message, before_sending, retryable, hint: hint.or(limit), source: Some(Box::new(error)) }
}

/// Returns whether the TLS handshake failed, a refused certificate included.
fn tls_error(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(current) = next {
        if current.is::<rustls::Error>() {
            return true;
        }
        // `source` of an I/O error skips the error that it wraps.
        next = match current.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => current.source(),
        };
    }
    false
}

/// Joins an error and its causes into one line, without repetitions.
fn error_chain(error: &(dyn std::error::Error + 'static)) -> String {
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

    use http::{HeaderMap, Method};

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

    fn get(url: Url) -> WireRequest {
        let (method, headers) = (Method::GET, HeaderMap::new());
        WireRequest { method, url, headers, body: None, file: false, new_connection: false }
    }

    #[tokio::test]
    async fn localhost_names_need_no_name_server() {
        let server = keep_alive_server();
        let transport = HttpTransport::new(Arc::default());
        for host in ["localhost", "LocalHost.", "x.localhost", "a.b.localhost."] {
            let url = format!("http://{host}:{}/", server.port().unwrap());
            let response = transport.send(get(Url::parse(&url).unwrap())).await;
            assert!(response.is_ok_and(|response| response.status == StatusCode::OK), "{host}");
        }
        // No resolver knows this name, which may be a proxy's.
        let found = Resolver.resolve("proxy.localhost".parse().unwrap()).await.unwrap().collect::<Vec<_>>();
        assert!(!found.is_empty() && found.iter().all(|address| address.ip().is_loopback()));
    }

    #[test]
    fn a_wrapped_certificate_error_is_recognised() {
        let refused = rustls::Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer);
        let wrapped = std::io::Error::other(std::io::Error::other(refused));
        assert!(tls_error(&wrapped));
        assert!(!tls_error(&std::io::Error::other(std::io::Error::from_raw_os_error(111))));
    }

    #[tokio::test]
    async fn no_error_holds_a_url() {
        let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let url = Url::parse(&format!("http://{closed}/video.mp4?signature=hush")).unwrap();
        let sent = HttpTransport::new(Arc::default()).send(get(url)).await;
        let Err(SendError::Transport(error)) = sent else { panic!("a response, or a wrong setting") };
        assert!(error.before_sending && error.retryable, "{error:?}");
        let mut text = format!("{} {error:?}", error.message);
        let mut next = error.source.as_deref().map(|error| error as &dyn std::error::Error);
        while let Some(cause) = next {
            text += &cause.to_string();
            next = cause.source();
        }
        assert!(!text.contains("hush"), "{text}");
    }

    #[tokio::test]
    async fn connections_in_use_are_bounded() {
        use std::sync::atomic::{AtomicUsize, Ordering};
        const REPLY: &str = r#"{"ok":true,"data":{"balance_usd":1,"currency":"USD"},"metadata":{}}"#;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let most = Arc::new(AtomicUsize::new(0));
        let (seen, now) = (Arc::clone(&most), Arc::new(AtomicUsize::new(0)));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, now) = (Arc::clone(&seen), Arc::clone(&now));
                std::thread::spawn(move || {
                    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                    while let Some(Ok(line)) = lines.next() {
                        if line.is_empty() {
                            seen.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                            std::thread::sleep(Duration::from_millis(20));
                            now.fetch_sub(1, Ordering::SeqCst);
                            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", REPLY.len());
                            (&stream).write_all((head + REPLY).as_bytes()).unwrap();
                        }
                    }
                });
            }
        });
        let builder = crate::InfraiClient::builder().api_key("ifr_pk_proj_x").base_url(url).max_retries(0);
        let client = builder.max_connections(3).build().unwrap();
        let calls = (0..20).map(|_| async { client.account().balance().await });
        let balances = futures_util::future::join_all(calls).await;
        assert!(balances.iter().all(Result::is_ok), "{balances:?}");
        assert_eq!(most.load(Ordering::SeqCst), 3);
    }

    #[test]
    fn runtimes_do_not_share_connections() {
        let url = keep_alive_server();
        let http = HttpTransport::new(Arc::default());
        let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (first, second) = (runtime(), runtime());
        for runtime in [&first, &second, &first] {
            let request = get(url.clone());
            let exchange = async {
                let mut response = http.send(request).await.unwrap_or_else(|_| panic!("no response"));
                response.body.next().await.unwrap()
            };
            let received =
                runtime.block_on(async { tokio::time::timeout(Duration::from_secs(5), exchange).await });
            assert_eq!(received.expect("a response in time"), Some(Bytes::from_static(b"{}")));
        }
    }
}
