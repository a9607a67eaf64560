//! Network: what a caller is told when connections, proxies, certificates and names fail.

mod answers;
pub(crate) mod child;
mod idle;
mod machine;
mod matrix;
mod names;
mod proxies;
mod server;
mod tls;

use std::{
    io,
    time::{Duration, Instant},
};

use self::machine::Machine;
use crate::{
    Run,
    report::{Checks, Report},
};

/// So long a call may take that must not fail: a machine may stand still for a while, and a call that hangs is seen after all.
const LONG: Duration = Duration::from_secs(240);
/// A key that opens nothing.
const KEY: &str = "ifr_pk_proj_0123456789abcdefghijklmnopqrstuv";

pub(crate) async fn run(run: &Run, checks: &Checks) -> io::Result<()> {
    let mut report = Report::default();
    report.text("## Network");
    let begun = Instant::now();
    let at = |share: f64| begun + Duration::from_secs(run.seconds).mul_f64(share);
    let [mut matrix, mut odd, mut proxies, mut certificates, mut names] = [(); 5].map(|()| Report::default());
    let wanted = |part: &str| run.part.is_empty() || run.part == part;
    let machine = Machine::watch();
    // Side by side: most of it is waiting for what does not come.
    let ((), answered, proxied, certified, named) = tokio::join!(
        async {
            if wanted("matrix") {
                matrix::run(run, at(0.6), &machine, checks, &mut matrix).await
            }
        },
        async { if wanted("answers") { answers::run(checks, &mut odd).await } else { Ok(()) } },
        async { if wanted("proxies") { proxies::run(checks, &mut proxies).await } else { Ok(()) } },
        async { if wanted("tls") { tls::run(checks, &mut certificates).await } else { Ok(()) } },
        async { if wanted("names") { names::run(checks, &mut names).await } else { Ok(()) } },
    );
    for part in [answered, proxied, certified, named] {
        part.map_err(io::Error::other)?;
    }
    report.append(matrix);
    report.append(odd);
    if wanted("idle") {
        idle::run(run, at(1.0), checks, &mut report).await.map_err(io::Error::other)?;
    }
    for part in [proxies, certificates, names] {
        report.append(part);
    }
    if checks.failed() > 0 {
        report.text(format!("**{} checks failed.**", checks.failed()));
    }
    report.print();
    Ok(())
}
