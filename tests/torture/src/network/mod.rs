//! Network: what a caller is told when connections, proxies, certificates and names fail.

mod answers;
pub(crate) mod child;
mod idle;
mod matrix;
mod names;
mod proxies;
mod server;
mod tls;

use std::{
    error::Error,
    io,
    time::{Duration, Instant},
};

use crate::{
    Run,
    report::{Checks, Report},
};

/// So long a call may take that must not fail: a machine may stand still for a while, and a call that hangs is seen after all.
const LONG: Duration = Duration::from_secs(240);
/// A key that opens nothing.
const KEY: &str = "ifr_pk_proj_0123456789abcdefghijklmnopqrstuv";

pub(crate) async fn run(run: &Run, checks: &Checks) -> io::Result<()> {
    let begun = Instant::now();
    let at = |share: f64| begun + Duration::from_secs(run.seconds).mul_f64(share);
    let wanted = |part: &str| run.part.is_empty() || run.part == part;
    // Side by side: most of it is waiting for what does not come.
    let (stages, odd, proxied, secured, named) = tokio::join!(
        part(wanted("matrix"), async |report| {
            matrix::run(run, at(0.6), checks, report).await;
            Ok(())
        }),
        part(wanted("answers"), async |report| answers::run(checks, report).await),
        part(wanted("proxies"), async |report| proxies::run(checks, report).await),
        part(wanted("tls"), async |report| tls::run(checks, report).await),
        part(wanted("names"), async |report| names::run(checks, report).await),
    );
    let idle = part(wanted("idle"), async |report| idle::run(run, at(1.0), checks, report).await).await;
    let mut report = Report::default();
    report.text("## Network");
    for part in [stages, odd, idle, proxied, secured, named] {
        report.append(&part?);
    }
    if checks.failed() > 0 {
        report.text(format!("**{} checks failed.**", checks.failed()));
    }
    report.print();
    Ok(())
}

/// What a part of the section has to report, if it is wanted.
async fn part(
    wanted: bool,
    work: impl AsyncFnOnce(&mut Report) -> Result<(), Box<dyn Error + Send + Sync>>,
) -> io::Result<Report> {
    let mut report = Report::default();
    if wanted {
        work(&mut report).await.map_err(io::Error::other)?;
    }
    Ok(report)
}
