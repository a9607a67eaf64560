//! HTTP transport: loopback by default, with a token, and without requests of foreign pages.

use std::{
    fmt::Write as _,
    future::IntoFuture as _,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
};
use infrai::{InfraiError, Result};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::local::LocalSessionManager,
};
use tokio::{net::TcpListener, sync::oneshot, time};

use super::server::Server;
use crate::{args::McpArgs, error, interrupt::Signal, terminal::progress::print_line};

/// Variable with the token.
const VARIABLE: &str = "INFRAI_MCP_TOKEN";
const PATH: &str = "/mcp";
/// Time for requests to finish after a signal.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);
/// Shortest token of a user.
const SHORTEST: usize = 16;

/// Time without a request after which a session of an older client ends. A person may think for hours between two calls.
const SESSION_LIFETIME: Duration = Duration::from_secs(24 * 3600);

type Token = Option<Arc<str>>;

/// Serves until a signal.
pub(super) async fn serve(args: &McpArgs, address: &str, server: Server) -> Result<()> {
    // Before any output: a program that reads the address may send the signal at once.
    let mut signal = Box::pin(Signal::next());
    let bound = tokio::select! {
        biased;
        _ = &mut signal => return Ok(()),
        bound = TcpListener::bind(address) => bound,
    };
    let listener = bound.map_err(|error| {
        error::usage(format!("{address} cannot be listened on: {error}"))
            .with_hint("Name a free address with --http, such as 127.0.0.1:0.")
    })?;
    let local = listener.local_addr().map_err(|error| InfraiError::internal(error.to_string()))?;
    let (token, is_new) = token(args, local.ip())?;
    let config = config(args, local);
    let stop = config.cancellation_token.clone();
    let mut sessions = LocalSessionManager::default();
    sessions.session_config.keep_alive = Some(SESSION_LIFETIME);
    let service = StreamableHttpService::new(move || Ok(server.clone()), Arc::new(sessions), config);
    let router = Router::new()
        .route_service(PATH, service)
        .layer(middleware::from_fn_with_state(token.clone(), authorize));
    print_line(&format!("MCP server at http://{local}{PATH}"));
    match &token {
        Some(token) if is_new => print_line(&format!("Token: {token} (Authorization: Bearer …)")),
        Some(_) => print_line(&format!("Token: that of {VARIABLE}")),
        None => print_line("Without a token: every program of this machine can use it"),
    }
    let (signalled, closing) = oneshot::channel();
    let until_signal = async move {
        signal.await;
        stop.cancel();
        let _ = signalled.send(());
    };
    let serving = axum::serve(listener, router).with_graceful_shutdown(until_signal).into_future();
    // A connection without a whole request would hold the server.
    let time_is_up = async {
        let _ = closing.await;
        time::sleep(CLOSE_TIMEOUT).await;
    };
    let ended = tokio::select! {
        ended = serving => ended,
        () = time_is_up => Ok(()),
    };
    ended.map_err(|error| InfraiError::internal(format!("the HTTP server ended: {error}")))
}

/// Returns the token that requests need, and whether it is a new one.
fn token(args: &McpArgs, ip: IpAddr) -> Result<(Token, bool)> {
    if args.no_token {
        if !ip.to_canonical().is_loopback() {
            return Err(error::usage("--no-token goes with a loopback address alone, such as 127.0.0.1:0"));
        }
        return Ok((None, false));
    }
    match std::env::var(VARIABLE).ok().filter(|token| !token.is_empty()) {
        Some(token) if token.len() < SHORTEST || !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(error::usage(format!("{VARIABLE} needs at least {SHORTEST} visible ASCII characters")))
        }
        Some(token) => Ok((Some(token.into()), false)),
        None => {
            let mut random = [0_u8; 24];
            getrandom::fill(&mut random).map_err(InfraiError::resource_limit)?;
            let mut token = String::new();
            for byte in random {
                // Writing into a String cannot fail.
                let _ = write!(token, "{byte:02x}");
            }
            Ok((Some(token.into()), true))
        }
    }
}

/// Returns the transport's settings: a `Host` that is this server's, and no `Origin` but this machine's.
fn config(args: &McpArgs, local: SocketAddr) -> StreamableHttpServerConfig {
    let loopback = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
    let hosts = loopback.into_iter().chain([local.ip().to_string()]).chain(args.allow_host.clone());
    StreamableHttpServerConfig::default()
        .with_allowed_hosts(hosts)
        .with_allowed_origins(["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"])
        .enforce_origin_validation()
}

async fn authorize(State(token): State<Token>, headers: HeaderMap, request: Request, next: Next) -> Response {
    let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let given = given.and_then(|value| match value.split_at_checked(7) {
        Some((scheme, given)) if scheme.eq_ignore_ascii_case(b"bearer ") => Some(given),
        _ => None,
    });
    match &token {
        Some(token) if !given.is_some_and(|given| is_same(given, token.as_bytes())) => (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, "Bearer")],
            "the token is missing or wrong\n",
        )
            .into_response(),
        _ => next.run(request).await,
    }
}

/// Compares in a time that does not depend on the position of a difference.
fn is_same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).fold(0, |difference, (left, right)| difference | (left ^ right)) == 0
}
