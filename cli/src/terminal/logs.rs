//! Logs on standard error: warnings, and with --verbose requests and responses. They never contain a key.

use std::io::{self, IsTerminal as _, Write};

use tracing_subscriber::{
    Layer as _,
    filter::{LevelFilter, Targets},
    fmt,
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

use super::progress;

/// Starts logging. Only this project's own targets are logged: an HTTP library might log a header.
pub(crate) fn start(verbose: u8) {
    let level = match verbose {
        0 => LevelFilter::WARN,
        1 => LevelFilter::DEBUG,
        _ => LevelFilter::TRACE,
    };
    let ours = Targets::new().with_target("infrai", level).with_target("infrai_sandbox", level);
    let layer = fmt::layer()
        .with_writer(|| ProgressAwareWriter)
        .with_ansi(io::stderr().is_terminal() && super::color_is_wanted())
        .with_target(false);
    if verbose == 0 {
        tracing_subscriber::registry().with(layer.without_time().with_filter(ours)).init();
    } else {
        tracing_subscriber::registry().with(layer.with_filter(ours)).init();
    }
}

struct ProgressAwareWriter;

impl Write for ProgressAwareWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        progress::write_above(bytes).map(|()| bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
