//! How a connection comes about: directly or through a proxy, in plain text or with TLS, within a time.

use std::{
    future::{Future, ready},
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Uri, uri::Scheme};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::{
    client::{
        legacy::connect::{
            Connected, Connection, HttpConnector,
            dns::{GaiResolver, Name},
            proxy::Tunnel,
        },
        proxy::matcher::{Intercept, Matcher},
    },
    rt::TokioIo,
};
use rustls::ClientConfig;
use tokio::net::TcpStream;
use tower_service::Service;

use crate::{
    environment::{self, Environment},
    error::{InfraiError, Result},
    http::config::HttpConfig,
    wire::path,
};

/// How long a connection may be silent before the operating system asks whether anybody is there, how often it asks
/// again, and how long what was sent may stay unacknowledged.
const KEEPALIVE: Duration = Duration::from_secs(30);
const KEEPALIVE_AGAIN: Duration = Duration::from_secs(15);
const KEEPALIVE_TRIES: u32 = 3;
#[cfg(any(target_os = "android", target_os = "linux"))]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

type Problem = Box<dyn std::error::Error + Send + Sync>;
type Direct = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Which proxy a host is reached through: the one that the client was given, else what the environment or the system says.
pub(super) fn proxies(config: &HttpConfig) -> Result<Matcher> {
    let Some(given) = &config.options.proxy else { return Ok(of_environment(&config.environment)) };
    let matcher = Matcher::builder().all(given.0.as_str()).build();
    let usable = matcher
        .intercept(&Uri::from_static("http://host.invalid/"))
        .is_some_and(|proxy| matches!(proxy.uri().scheme_str(), Some("http" | "https")));
    if usable {
        return Ok(matcher);
    }
    Err(InfraiError::configuration(
        "CONFIGURATION_INVALID",
        "proxy takes the URL of a proxy, such as http://user:password@host:3128",
    ))
}

/// The proxies that an environment names. The operating system's own settings count where the library can read both.
fn of_environment(environment: &Environment) -> Matcher {
    if environment.agrees_with_process(&environment::PROXY) {
        return Matcher::from_system();
    }
    if environment.has("REQUEST_METHOD") {
        return Matcher::builder().build();
    }
    Matcher::builder()
        .http(environment.first(["HTTP_PROXY", "http_proxy"]))
        .https(environment.first(["HTTPS_PROXY", "https_proxy"]))
        .all(environment.first(["ALL_PROXY", "all_proxy"]))
        .no(environment.first(["NO_PROXY", "no_proxy"]))
        .build()
}

/// Whether plain requests go to their proxy over TLS.
pub(super) fn speaks_tls(proxies: &Matcher) -> bool {
    let proxy = proxies.intercept(&Uri::from_static("http://host.invalid/"));
    proxy.is_some_and(|proxy| proxy.uri().scheme() == Some(&Scheme::HTTPS))
}

/// What is said of a proxy that the environment names and that cannot be used.
pub(super) const NO_SUCH_PROXY: &str = "the environment names a proxy of the kind";

/// Opens connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Connector(Arc<Route>);

struct Route {
    direct: HttpsConnector<HttpConnector<Resolver>>,
    tls: Arc<ClientConfig>,
    proxies: Option<Matcher>,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(tls: ClientConfig, proxies: Option<Matcher>, timeout: Duration) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(Resolver(GaiResolver::new()));
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(KEEPALIVE));
        tcp.set_keepalive_interval(Some(KEEPALIVE_AGAIN));
        tcp.set_keepalive_retries(Some(KEEPALIVE_TRIES));
        #[cfg(any(target_os = "android", target_os = "linux"))]
        tcp.set_tcp_user_timeout(Some(UNACKNOWLEDGED));
        // Every address of a host gets its part of the time, so that one that is silent does not use it up.
        tcp.set_connect_timeout(Some(timeout));
        let tls = Arc::new(tls);
        Self(Arc::new(Route { direct: HttpsConnector::from((tcp, Arc::clone(&tls))), tls, proxies, timeout }))
    }

    /// Whether a request goes to a proxy in plain text, which then answers it.
    pub(super) fn hands_to_proxy(&self, uri: &Uri) -> bool {
        self.plain_proxy(uri).is_some()
    }

    /// What a proxy that is handed a request in plain text wants to see in it.
    pub(super) fn proxy_authorization(&self, uri: &Uri) -> Option<HeaderValue> {
        self.plain_proxy(uri)?.basic_auth().cloned()
    }

    fn plain_proxy(&self, uri: &Uri) -> Option<Intercept> {
        let proxies = self.0.proxies.as_ref()?;
        if uri.scheme() == Some(&Scheme::HTTP) { proxies.intercept(uri) } else { None }
    }
}

impl Route {
    async fn connect(&self, uri: Uri) -> Result<Conn, Problem> {
        let proxy = self.proxies.as_ref().and_then(|proxies| proxies.intercept(&uri));
        if let Some(kind) = proxy.as_ref().and_then(|proxy| proxy.uri().scheme_str())
            && !matches!(kind, "http" | "https")
        {
            return Err(format!("{NO_SUCH_PROXY} {kind}, which the SDK cannot use").into());
        }
        match proxy {
            None => self.direct(uri, false).await,
            Some(proxy) if uri.scheme() == Some(&Scheme::HTTPS) => self.tunnel(&proxy, uri).await,
            Some(proxy) => self.direct(proxy.uri().clone(), true).await,
        }
    }

    async fn direct(&self, uri: Uri, proxied: bool) -> Result<Conn, Problem> {
        Ok(Conn::Direct { io: Box::new(self.direct.clone().call(uri).await?), proxied })
    }

    /// TLS to the host, through a connection that the proxy makes.
    async fn tunnel(&self, proxy: &Intercept, uri: Uri) -> Result<Conn, Problem> {
        let mut tunnel = Tunnel::new(proxy.uri().clone(), self.direct.clone());
        if let Some(authorization) = proxy.basic_auth() {
            tunnel = tunnel.with_auth(authorization.clone());
        }
        let io = HttpsConnector::from((tunnel, Arc::clone(&self.tls))).call(uri).await?;
        Ok(Conn::Tunnelled(Box::new(io)))
    }
}

impl Service<Uri> for Connector {
    type Response = Conn;
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Conn, Problem>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Problem>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let route = Arc::clone(&self.0);
        Box::pin(async move {
            match tokio::time::timeout(route.timeout, route.connect(uri)).await {
                Ok(connection) => connection,
                Err(_) => Err(format!("no connection within {:?}", route.timeout).into()),
            }
        })
    }
}

/// The system's resolver, except for `localhost` and the names below it: those may be spoken to in plain text, so no
/// server of names is asked where they are.
#[derive(Clone)]
struct Resolver(GaiResolver);

impl Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        if path::is_loopback_host(name.as_str()) {
            // The connector puts the port in.
            let addresses = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
            let addresses = addresses.map(|address| SocketAddr::new(address, 0));
            return Box::pin(ready(Ok(Vec::from(addresses).into_iter())));
        }
        let found = self.0.call(name);
        Box::pin(async move { Ok(found.await?.collect::<Vec<_>>().into_iter()) })
    }
}

/// An open connection.
pub(super) enum Conn {
    Direct {
        io: Box<Direct>,
        /// To a proxy that takes requests in plain text, which have to name the host.
        proxied: bool,
    },
    Tunnelled(Box<MaybeHttpsStream<Direct>>),
}

macro_rules! either {
    ($connection:expr, $io:ident => $do:expr) => {
        match $connection.get_mut() {
            Conn::Direct { io, .. } => {
                let $io = &mut **io;
                $do
            }
            Conn::Tunnelled(io) => {
                let $io = &mut **io;
                $do
            }
        }
    };
}

impl Connection for Conn {
    fn connected(&self) -> Connected {
        Connected::new().proxy(matches!(self, Self::Direct { proxied: true, .. }))
    }
}

impl Read for Conn {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, io => Pin::new(io).poll_read(cx, into))
    }
}

impl Write for Conn {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        either!(self, io => Pin::new(io).poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, io => Pin::new(io).poll_write_vectored(cx, parts))
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Direct { io, .. } => io.is_write_vectored(),
            Self::Tunnelled(io) => io.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, io => Pin::new(io).poll_shutdown(cx))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InfraiClient;

    fn through(proxy: &str) -> Result<Matcher> {
        let client = InfraiClient::builder().proxy(proxy).build()?;
        proxies(client.http().config())
    }

    #[tokio::test]
    async fn localhost_names_need_no_resolver() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let mut connector =
            Connector::new(super::super::tls::unused().unwrap(), None, Duration::from_secs(5));
        for host in ["localhost", "LocalHost.", "x.localhost", "a.b.localhost."] {
            let uri = Uri::try_from(format!("http://{host}:{port}/")).unwrap();
            let Ok(Conn::Direct { io, .. }) = connector.call(uri).await else {
                panic!("{host}: no connection");
            };
            let MaybeHttpsStream::Http(stream) = *io else { panic!("{host}: not plain") };
            assert_eq!(stream.inner().peer_addr().unwrap(), listener.local_addr().unwrap(), "{host}");
        }
    }

    #[test]
    fn a_proxy_is_a_url_and_its_password_becomes_a_header() {
        let connector = |proxy: &str| {
            let matcher = through(proxy).unwrap();
            Connector::new(super::super::tls::unused().unwrap(), Some(matcher), Duration::from_secs(1))
        };
        let plain = Uri::from_static("http://api.example/v1/x");
        let known = connector("http://user:p%40ss@proxy.example:3128");
        assert_eq!(known.proxy_authorization(&plain).unwrap(), "Basic dXNlcjpwQHNz");
        // Through a tunnel the host would see it.
        assert_eq!(known.proxy_authorization(&Uri::from_static("https://api.example/v1/x")), None);
        assert_eq!(connector("proxy.example:3128").proxy_authorization(&plain), None);
        // What no request can carry as it is.
        for odd in ["http://user:p@ss^@proxy.example:3128", "http://user:p@ss^@prôxy.example:3128\n"] {
            assert_eq!(
                connector(odd).proxy_authorization(&plain).unwrap(),
                "Basic dXNlcjpwQHNzXg==",
                "{odd}"
            );
        }
    }

    #[test]
    fn a_realms_proxies_are_its_own() {
        let through = |set: &[(&str, &str)], uri: &'static str| {
            let proxy = of_environment(&Environment::of(set)).intercept(&Uri::from_static(uri));
            proxy.map(|proxy| proxy.uri().to_string())
        };
        let (plain, tls) = ("http://api.example/", "https://api.example/");
        assert_eq!(through(&[("https_proxy", "http://a.example:1")], tls).unwrap(), "http://a.example:1/");
        assert_eq!(through(&[("https_proxy", "http://a.example:1")], plain), None);
        let both = [("HTTP_PROXY", "http://a.example:1"), ("http_proxy", "http://b.example:2")];
        assert_eq!(through(&both, plain).unwrap(), "http://a.example:1/");
        let all = ("ALL_PROXY", "http://c.example:3");
        assert_eq!(through(&[all], tls).unwrap(), "http://c.example:3/");
        assert_eq!(through(&[all, ("no_proxy", "api.example")], tls), None);
        assert_eq!(through(&[all, ("REQUEST_METHOD", "GET")], tls), None, "CGI");
    }

    #[test]
    fn an_https_proxy_is_spoken_to_over_tls_however_it_is_written() {
        for (proxy, tls) in
            [("HTTPS://proxy.example", true), ("http://proxy.example", false), ("proxy.example", false)]
        {
            assert_eq!(speaks_tls(&through(proxy).unwrap()), tls, "{proxy}");
        }
    }

    #[test]
    fn what_is_no_proxy_is_refused_without_being_repeated() {
        for wrong in ["socks5://user:hush@host:1", "ftp://hush@host", "http://", "/hush", "hush hush"] {
            let error = through(wrong).unwrap_err();
            assert_eq!(error.code(), "CONFIGURATION_INVALID", "{wrong}");
            assert!(!format!("{error} {error:?}").contains("hush"), "{error}");
        }
    }
}
