//! `infrai sandbox`: the API on this machine, until a signal.

use std::{io, path::Path};

use infrai::Result;
use infrai_sandbox::{Sandbox, SandboxBuilder};
use serde_json::json;
use tokio::sync::oneshot;

use super::data_dir::{DataDir, start_error};
use crate::{
    args::{GlobalArgs, SandboxArgs},
    error, exit,
    interrupt::Signal,
    output::{OutputFormat, table},
};

/// Serves until Ctrl-C, SIGTERM or, with `--exit-with-parent`, the end of standard input.
pub(crate) async fn serve(args: &SandboxArgs, global: &GlobalArgs) -> Result<u8> {
    let out = OutputFormat::new(global.json);
    let mut builder = settings(args)?;
    let named = if args.temporary { None } else { Some(DataDir::find(global.data_dir.as_deref())?) };
    if let Some(folder) = &named {
        builder = builder.data_dir(folder.path());
    }
    // Before any output: a program that reads the address may send the signal at once.
    let mut signal = std::pin::pin!(Signal::next());
    let sandbox = tokio::select! {
        biased;
        _ = &mut signal => return Ok(exit::OK),
        started = builder.start() => started.map_err(start_error)?,
    };
    let folder = DataDir::at(sandbox.data_dir());
    let url = sandbox.url();
    folder.write_address(&url)?;
    folder.ensure_profile(&url).await?;
    let ended = print_banner(out, &sandbox, &folder, args.temporary);
    if ended.is_ok() {
        tokio::select! {
            _ = &mut signal => {}
            () = parent_ends(args.exit_with_parent) => {}
        }
    }
    folder.remove_address();
    sandbox.stop().await;
    ended.map(|()| exit::OK)
}

fn print_banner(out: OutputFormat, sandbox: &Sandbox, folder: &DataDir, temporary: bool) -> Result<()> {
    let (url, page) = (sandbox.url(), sandbox.page_url());
    let credentials = folder.credentials();
    let json = json!({
        "url": url,
        "page_url": page,
        "data_dir": folder.path(),
        "credentials_file": credentials,
        "temporary": temporary,
        "pid": std::process::id(),
    });
    let kept = if temporary { " (removed at the end)" } else { "" };
    let mut lines = table([
        ("sandbox", Some(format!("{url} (a stand-in: no model runs, no real money moves)"))),
        ("page", Some(page)),
        ("manual", Some(format!("`infrai sandbox --help`; every route: {url}/openapi.json"))),
        (
            "listens on",
            (!sandbox.addr().ip().to_canonical().is_loopback()).then(|| sandbox.addr().to_string()),
        ),
        ("state", Some(format!("{}{kept}", folder.path().display()))),
    ]);
    lines.extend([
        String::new(),
        "To use it from another shell:".into(),
        export("INFRAI_BASE_URL", Path::new(&url)),
        export("INFRAI_CREDENTIALS_FILE", &credentials),
        String::new(),
        "Then `infrai activate` makes an account. Ctrl-C stops the sandbox.".into(),
    ]);
    out.result(&json, &lines)
}

fn export(name: &str, value: &Path) -> String {
    let word = if cfg!(windows) { "$env:" } else { "export " };
    format!("  {word}{name}={}", crate::next_command::shell_quote(&value.to_string_lossy()))
}

/// Converts the options to settings of the sandbox.
fn settings(args: &SandboxArgs) -> Result<SandboxBuilder> {
    fn with<T>(
        builder: SandboxBuilder,
        value: Option<T>,
        set: fn(SandboxBuilder, T) -> SandboxBuilder,
    ) -> SandboxBuilder {
        match value {
            Some(value) => set(builder, value),
            None => builder,
        }
    }
    let mut builder = Sandbox::builder().addr(args.listen().map_err(error::usage)?);
    for host in &args.allow_host {
        builder = builder.allow_host(host);
    }
    for fault in &args.fault {
        builder = builder.add_fault(fault.clone());
    }
    builder = with(builder, args.rate_limit, SandboxBuilder::rate_limit);
    builder = with(builder, args.file_url_ttl, SandboxBuilder::file_url_ttl);
    builder = with(builder, args.idempotency_window, SandboxBuilder::idempotency_window);
    builder = with(builder, args.render_workers, SandboxBuilder::render_workers);
    builder = with(builder, args.slow, SandboxBuilder::slow);
    builder = with(builder, args.seed, SandboxBuilder::seed);
    builder = with(builder, args.status_retry_after, SandboxBuilder::status_retry_after);
    builder = with(builder, args.max_connections, SandboxBuilder::max_connections);
    builder = with(builder, args.header_timeout, SandboxBuilder::header_timeout);
    Ok(with(builder, args.body_timeout, SandboxBuilder::body_timeout))
}

/// Waits for the end of standard input, which closes with its writer however that ends.
async fn parent_ends(wanted: bool) {
    if !wanted {
        return std::future::pending().await;
    }
    let (sender, closed) = oneshot::channel::<()>();
    // On its own thread: a read that never returns must not hold up the runtime's end.
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop(sender);
    });
    let _ = closed.await;
}
