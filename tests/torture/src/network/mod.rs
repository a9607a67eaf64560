//! Network: what a caller is told when connections, proxies, certificates and names fail.

pub(crate) mod child;
mod idle;
mod matrix;
mod names;
mod proxies;
mod server;
mod tls;

use std::{
    io,
    time::{Duration, Instant},
};

use crate::{
    Run,
    report::{Checks, Report},
};

/// A key that opens nothing.
const KEY: &str = "ifr_pk_proj_0123456789abcdefghijklmnopqrstuv";

pub(crate) async fn run(run: &Run, checks: &Checks) -> io::Result<()> {
    let mut report = Report::default();
    report.text("## Network");
    let begun = Instant::now();
    let at = |share: f64| begun + Duration::from_secs(run.seconds).mul_f64(share);
    matrix::run(run, at(0.6), checks, &mut report).await;
    idle::run(run, at(0.9), checks, &mut report).await.map_err(io::Error::other)?;
    proxies::run(checks, &mut report).await.map_err(io::Error::other)?;
    tls::run(checks, &mut report).await.map_err(io::Error::other)?;
    names::run(checks, &mut report).await.map_err(io::Error::other)?;
    if checks.failed() > 0 {
        report.text(format!("**{} checks failed.**", checks.failed()));
    }
    report.print();
    Ok(())
}
