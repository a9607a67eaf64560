//! Proxies, with and without a password, that let through, refuse, or break.

use std::{
    error::Error,
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use super::{
    KEY,
    child::{Spec, Told},
    server::{self, Api},
    tls,
};
use crate::report::{Checks, Report};

const USER: &str = "kite";
const PASSWORD: &str = "hush@that:is/secret";
const WRONG: &str = "hush-of-another";
/// A host that is not this machine, so that it is reached through a proxy; its name is looked up by nobody else.
const HOST: &str = "api.torture.test";

/// What a proxy does with those whom it knows.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    Carry,
    Answer(u16),
    Reset,
    Silence,
}

#[derive(Default)]
struct Counts {
    asked: AtomicU64,
    /// How often it could read the API's key.
    keys: AtomicU64,
}

struct Proxy {
    addr: SocketAddr,
    counts: Arc<Counts>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// Carries all tunnels to `upstream`, and answers plain requests itself, as the API would.
    async fn start(
        password: Option<&str>,
        manner: Manner,
        upstream: SocketAddr,
        tls: Option<TlsAcceptor>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let addr = listener.local_addr()?;
        let expected = password
            .map(|password| format!("Basic {}", BASE64_STANDARD.encode(format!("{USER}:{password}"))));
        let counts = Arc::<Counts>::default();
        let shared = counts.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (expected, counts, tls) = (expected.clone(), shared.clone(), tls.clone());
                connections.spawn(async move {
                    match (tls, manner) {
                        (_, Manner::Reset) => {
                            counts.asked.fetch_add(1, Ordering::Relaxed);
                            stream.set_zero_linger()
                        }
                        (Some(tls), _) => {
                            serve(tls.accept(stream).await?, expected, manner, upstream, &counts).await
                        }
                        (None, _) => serve(stream, expected, manner, upstream, &counts).await,
                    }
                });
            }
        });
        Ok(Self { addr, counts, task })
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    expected: Option<String>,
    manner: Manner,
    upstream: SocketAddr,
    counts: &Counts,
) -> io::Result<()> {
    while let Some(request) = server::read(&mut stream).await {
        counts.asked.fetch_add(1, Ordering::Relaxed);
        if request.header("authorization").is_some_and(|value| value.contains(KEY)) {
            counts.keys.fetch_add(1, Ordering::Relaxed);
        }
        if request.header("proxy-authorization") != expected.as_deref() && expected.is_some() {
            let refusal =
                "HTTP/1.1 407 X\r\nproxy-authenticate: Basic realm=\"kites\"\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(refusal.as_bytes()).await?;
            stream.flush().await?;
            continue;
        }
        match manner {
            Manner::Silence => std::future::pending().await,
            Manner::Answer(status) => {
                stream
                    .write_all(format!("HTTP/1.1 {status} X\r\ncontent-length: 0\r\n\r\n").as_bytes())
                    .await?;
            }
            _ if request.method == "CONNECT" => {
                let mut server = TcpStream::connect(upstream).await?;
                stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
                stream.flush().await?;
                tokio::io::copy_bidirectional(&mut stream, &mut server).await?;
                return Ok(());
            }
            _ => {
                let id = request.target.rsplit('/').next().unwrap_or_default();
                let id = request.header("idempotency-key").unwrap_or(id).to_owned();
                stream.write_all(&server::answer(&id)).await?;
            }
        }
        stream.flush().await?;
    }
    Ok(())
}

/// A case: which proxy, how it is named, and what must come of it.
struct Case {
    name: &'static str,
    scheme: &'static str,
    /// The password that the client gives.
    given: Option<&'static str>,
    manner: Manner,
    /// By this variable instead of the client's setting.
    variable: Option<&'static str>,
    proxy_tls: bool,
    expected: Expected,
}

#[derive(Debug, Clone, Copy)]
enum Expected {
    Value,
    /// So many attempts, none of which sent anything to the API.
    Unsent {
        attempts: u32,
        hint: &'static str,
    },
    /// The proxy's own answer to a plain request.
    Status(&'static str),
}

const CREDENTIALS: &str = "another user and password";

fn cases() -> Vec<Case> {
    let case = |name, scheme, given, manner, expected| Case {
        name,
        scheme,
        given,
        manner,
        variable: None,
        proxy_tls: false,
        expected,
    };
    let refused = Expected::Unsent { attempts: 1, hint: CREDENTIALS };
    let broken = Expected::Unsent { attempts: 3, hint: "" };
    vec![
        case("tunnel, right password", "https", Some(PASSWORD), Manner::Carry, Expected::Value),
        case("tunnel, wrong password", "https", Some(WRONG), Manner::Carry, refused),
        case("tunnel, no password", "https", None, Manner::Carry, refused),
        case("tunnel, the proxy answers 502", "https", Some(PASSWORD), Manner::Answer(502), broken),
        case("tunnel, the proxy resets", "https", Some(PASSWORD), Manner::Reset, broken),
        case("tunnel, the proxy is silent", "https", Some(PASSWORD), Manner::Silence, broken),
        Case {
            variable: Some("HTTPS_PROXY"),
            ..case(
                "tunnel, `HTTPS_PROXY`, right password",
                "https",
                Some(PASSWORD),
                Manner::Carry,
                Expected::Value,
            )
        },
        Case {
            variable: Some("https_proxy"),
            ..case("tunnel, `https_proxy`, wrong password", "https", Some(WRONG), Manner::Carry, refused)
        },
        Case {
            proxy_tls: true,
            ..case(
                "tunnel, TLS to the proxy too, right password",
                "https",
                Some(PASSWORD),
                Manner::Carry,
                Expected::Value,
            )
        },
        Case {
            proxy_tls: true,
            ..case(
                "tunnel, TLS to the proxy too, wrong password",
                "https",
                Some(WRONG),
                Manner::Carry,
                refused,
            )
        },
        case("plain http, right password", "http", Some(PASSWORD), Manner::Carry, Expected::Value),
        case("plain http, wrong password", "http", Some(WRONG), Manner::Carry, refused),
        case("plain http, no password", "http", None, Manner::Carry, refused),
        case(
            "plain http, the proxy answers 502",
            "http",
            Some(PASSWORD),
            Manner::Answer(502),
            Expected::Status("HTTP_502"),
        ),
    ]
}

pub(super) async fn run(checks: &Checks, report: &mut Report) -> Result<(), Box<dyn Error + Send + Sync>> {
    let folder = tempfile::tempdir()?;
    let (shown, ca_file) = tls::trusted(&[HOST, "localhost", "127.0.0.1"], folder.path())?;
    let mut rows = Vec::new();
    for case in cases() {
        let name = case.name;
        let api = Api::tls(shown.acceptor(tls::BOTH)?).await?;
        let acceptor = if case.proxy_tls { Some(shown.acceptor(tls::BOTH)?) } else { None };
        let proxy = Proxy::start(Some(PASSWORD), case.manner, api.addr, acceptor).await?;
        let mut url =
            url::Url::parse(&format!("{}://{}", if case.proxy_tls { "https" } else { "http" }, proxy.addr))?;
        if let Some(password) = case.given {
            let _ = url.set_username(USER);
            let _ = url.set_password(Some(password));
        }
        let mut spec = Spec {
            base_url: format!("{}://{HOST}", case.scheme),
            ca_file: Some(ca_file.clone()),
            generate: true,
            connect_timeout_ms: (case.manner == Manner::Silence).then_some(1000),
            ..Spec::default()
        };
        let variables: Vec<_> =
            case.variable.map(|variable| (variable, url.to_string())).into_iter().collect();
        if variables.is_empty() {
            spec.proxy = Some(url.to_string());
        }
        // In a process of its own for what it logs.
        let told = spec.call_with(&variables).await?;
        judge(&case, &told, &api, &proxy, checks);
        let asked = proxy.counts.asked.load(Ordering::Relaxed);
        rows.push(vec![name.to_owned(), told.short(), asked.to_string(), api.requests().to_string()]);
    }
    report.text(
        "### Proxies\n\nEach call in a process of its own that logs everything. Neither a password nor the API's key stands in an error, a \
         debug form or the log, and no tunnel shows its proxy the key. A wrong password is tried once: a proxy may lock an account that is tried \
         too often.",
    );
    report.table(&["proxy", "outcome", "requests to the proxy", "to the API"], rows);
    Ok(())
}

fn judge(case: &Case, told: &Told, api: &Api, proxy: &Proxy, checks: &Checks) {
    let name = case.name;
    let right = match case.expected {
        Expected::Value => told.is_ok(),
        Expected::Unsent { attempts, hint } => {
            told.kind == "connection"
                && told.attempts == attempts
                && !told.may_have_been_processed
                && told.text.contains(hint)
                && api.requests() == 0
        }
        // The proxy may have handed it on before.
        Expected::Status(code) => told.code == code && told.may_have_been_processed,
    };
    checks.check(right, || format!("{name}: {}: {}", told.short(), told.text));
    let tunnels = case.scheme == "https";
    let keys = proxy.counts.keys.load(Ordering::Relaxed);
    checks.check(!tunnels || keys == 0, || format!("{name}: the proxy saw the key"));
    for secret in [PASSWORD, WRONG, KEY] {
        let mut forms = vec![secret.to_owned(), BASE64_STANDARD.encode(format!("{USER}:{secret}"))];
        forms.extend(
            url::form_urlencoded::byte_serialize(secret.as_bytes()).map(str::to_owned).reduce(|a, b| a + &b),
        );
        for form in forms {
            checks.check(!told.text.contains(&form), || {
                format!("{name}: a secret is shown: {}", told.text.replace(&form, "<secret>"))
            });
        }
    }
}
