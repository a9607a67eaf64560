//! What a machine may lack: a name that is not found at first, certificate authorities, IPv6, anybody who listens.

use std::{
    error::Error,
    io,
    net::{Ipv4Addr, Ipv6Addr},
    path::{Path, PathBuf},
    process::Command,
};

use tokio::net::{TcpListener, TcpSocket, TcpStream};

use super::{
    child::Spec,
    server::{Api, Keep},
    tls,
};
use crate::report::{Checks, Report};

/// The name that `shim.c` knows.
const HOST: &str = "api.torture.test";

type Row = Vec<String>;

fn row(name: &str, outcome: &str, requests: u64) -> Row {
    vec![name.to_owned(), outcome.to_owned(), requests.to_string()]
}

/// The library that stands before the C library in a child, where that can be done.
fn shim(folder: &Path) -> io::Result<Option<PathBuf>> {
    if !cfg!(all(target_os = "linux", target_env = "gnu")) {
        return Ok(None);
    }
    let (source, library) = (folder.join("shim.c"), folder.join("shim.so"));
    std::fs::write(&source, include_str!("shim.c"))?;
    let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
    let done = Command::new(compiler)
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .output()?;
    if done.status.success() {
        return Ok(Some(library));
    }
    Err(io::Error::other(format!("the shim does not compile: {}", String::from_utf8_lossy(&done.stderr))))
}

pub(super) async fn run(checks: &Checks, report: &mut Report) -> Result<(), Box<dyn Error + Send + Sync>> {
    let folder = tempfile::tempdir()?;
    let mut rows = vec![nobody(checks).await?, silent(checks).await?];
    match TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).await {
        Ok(listener) => {
            let api = Api::on(listener, None, Keep::Open)?;
            let spec = Spec {
                base_url: format!("http://[::1]:{}", api.addr.port()),
                generate: true,
                ..Spec::default()
            };
            let told = spec.call().await;
            checks.check(told.is_ok(), || format!("IPv6: {}: {}", told.short(), told.text));
            rows.push(row("IPv6 loopback, `http://[::1]:…`", &told.short(), api.requests()));
        }
        Err(error) => {
            println!("exempt: IPv6 loopback, this machine has none ({error})");
            rows.push(row("IPv6 loopback", "exempt: this machine has none", 0));
        }
    }
    if let Some(shim) = shim(folder.path())? {
        let preload = ("LD_PRELOAD", shim.display().to_string());
        rows.extend(late_names(&preload, checks).await?);
        rows.extend(no_roots(folder.path(), &preload, checks).await?);
    } else {
        let why = "exempt: only the GNU C library's functions can be replaced here";
        println!("exempt: late names and a machine without authorities, {why}");
        rows.push(row("names that are not found at first; no authorities", why, 0));
    }
    report.text(
        "### Names, addresses, authorities\n\nNames and folders are hidden from a child process by functions that stand before the C library's.",
    );
    report.table(&["the machine", "outcome", "requests"], rows);
    Ok(())
}

/// A port that nobody listens on: nothing left.
async fn nobody(checks: &Checks) -> Result<Row, io::Error> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?.local_addr()?.port();
    let spec = Spec { base_url: format!("http://127.0.0.1:{port}"), generate: true, ..Spec::default() };
    let told = spec.call().await;
    let right = told.kind == "connection" && told.attempts == 3 && !told.may_have_been_processed;
    checks.check(right, || format!("nobody listens: {}: {}", told.short(), told.text));
    Ok(row("nobody listens", &told.short(), 0))
}

/// A host that answers no connection: its queue is full, and nobody takes from it.
async fn silent(checks: &Checks) -> Result<Row, io::Error> {
    let name = "a host that does not answer";
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let listener = socket.listen(1)?;
    let addr = listener.local_addr()?;
    let mut held = Vec::new();
    let full = loop {
        match tokio::time::timeout(std::time::Duration::from_secs(2), TcpStream::connect(addr)).await {
            Ok(Ok(stream)) if held.len() < 64 => held.push(stream),
            Ok(_) => break false,
            Err(_) => break true,
        }
    };
    if !full {
        println!("exempt: {name}, a full queue refuses here");
        return Ok(row(name, "exempt: a full queue refuses here", 0));
    }
    let spec = Spec {
        base_url: format!("http://{addr}"),
        generate: true,
        connect_timeout_ms: Some(500),
        ..Spec::default()
    };
    let told = spec.call().await;
    let right = told.kind == "connection" && told.attempts == 3 && !told.may_have_been_processed;
    checks.check(right, || format!("{name}: {}: {}", told.short(), told.text));
    drop((listener, held));
    Ok(row(name, &told.short(), 0))
}

/// A name that is found at the third look-up, and one that is never found.
async fn late_names(preload: &(&str, String), checks: &Checks) -> Result<Vec<Row>, io::Error> {
    let mut rows = Vec::new();
    for (fails, name) in
        [("2", "a name that is found at the third look-up"), ("1000", "a name that is never found")]
    {
        let api = Api::plain(Keep::Open).await?;
        let spec = Spec {
            base_url: format!("http://{HOST}:{}", api.addr.port()),
            generate: true,
            ..Spec::default()
        };
        let told = spec.call_with(&[preload.clone(), ("TORTURE_DNS_FAILS", fails.to_owned())]).await?;
        let found = fails == "2";
        let right = if found {
            told.is_ok()
        } else {
            told.kind == "connection" && told.attempts == 3 && !told.may_have_been_processed
        };
        checks.check(right, || format!("{name}: {}: {}", told.short(), told.text));
        checks.equal(format!("{name}: requests"), &api.requests(), &u64::from(found));
        rows.push(row(name, &told.short(), api.requests()));
    }
    Ok(rows)
}

/// A machine without authorities: the bundled ones take their place, whatever else is added.
async fn no_roots(
    folder: &Path,
    preload: &(&str, String),
    checks: &Checks,
) -> Result<Vec<Row>, Box<dyn Error + Send + Sync>> {
    let (shown, authority) = tls::trusted(&["localhost"], folder)?;
    let mut rows = Vec::new();
    for added in [false, true] {
        let name = if added { "no authorities, one of `NODE_EXTRA_CA_CERTS`" } else { "no authorities" };
        let api = Api::tls(shown.acceptor(tls::BOTH)?).await?;
        let spec = Spec {
            base_url: format!("https://localhost:{}", api.addr.port()),
            generate: true,
            added,
            ..Spec::default()
        };
        let mut variables = vec![preload.clone(), ("TORTURE_NO_ROOTS", "1".to_owned())];
        if added {
            variables.push(("NODE_EXTRA_CA_CERTS", authority.display().to_string()));
        }
        let told = spec.call_with(&variables).await?;
        let right = if added {
            told.is_ok()
        } else {
            told.kind == "connection" && told.attempts == 1 && !told.may_have_been_processed
        };
        checks.check(right, || format!("{name}: {}: {}", told.short(), told.text));
        checks.check(told.text.contains("using the bundled ones"), || {
            format!("{name}: the bundled ones are not used: {}", told.text)
        });
        rows.push(row(name, &format!("{}, with the bundled ones", told.short()), api.requests()));
    }
    Ok(rows)
}
