//! Progress of a job: a bar on a terminal, one line per change elsewhere, nothing with --json.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _, Write as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use infrai::{VideoJob, escape_text, video::DownloadProgress};

use super::{
    estimate::{Estimate, format_clock},
    line::{Line, Values},
};
use crate::output::{self, one_line};

/// Length of the bar: thousandths of the job.
const SCALE: u64 = 1000;

/// The bar on the terminal's last line, if there is one.
static ON_SCREEN: Mutex<Option<ProgressBar>> = Mutex::new(None);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Prints a line on standard error, escaped, without tearing the bar.
pub(crate) fn print_line(line: &str) {
    let _ = write_above(one_line(line).as_bytes());
}

/// Writes to standard error without tearing the bar.
pub(super) fn write_above(bytes: &[u8]) -> io::Result<()> {
    let bar = lock(&ON_SCREEN).clone();
    match bar {
        Some(bar) => bar.suspend(|| io::stderr().lock().write_all(bytes)),
        None => io::stderr().lock().write_all(bytes),
    }
}

/// Form of the progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Bar,
    Lines,
    Nothing,
}

impl Style {
    /// Returns a bar if standard error is a terminal that can draw one and shows no log.
    pub(crate) fn fitting(json: bool, verbose: bool) -> Self {
        if json {
            Self::Nothing
        } else if io::stderr().is_terminal() && !super::is_dumb() && !verbose {
            Self::Bar
        } else {
            Self::Lines
        }
    }
}

/// The progress of one job, from its first state to its saved file. Clones show the same one.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    style: Style,
    started: Instant,
    shared: Arc<Mutex<DisplayState>>,
    bar: Option<ProgressBar>,
}

/// The last shown state.
#[derive(Debug, Default)]
struct DisplayState {
    estimate: Estimate,
    /// The state, or the step of the command.
    state: String,
    line: String,
}

impl Progress {
    /// Starts with the word `first`, shown until a state is known.
    pub(crate) fn new(style: Style, first: &'static str) -> Self {
        let shared = Arc::new(Mutex::new(DisplayState::default()));
        let bar = (style == Style::Bar).then(|| {
            let bar = ProgressBar::with_draw_target(Some(SCALE), ProgressDrawTarget::stderr());
            first.clone_into(&mut lock(&shared).state);
            bar.set_style(line_style(&shared));
            bar.enable_steady_tick(Duration::from_millis(100));
            *lock(&ON_SCREEN) = Some(bar.clone());
            bar
        });
        Self { style, started: Instant::now(), shared, bar }
    }

    /// Shows a job's state.
    pub(crate) fn job(&self, job: &VideoJob) {
        let now = Instant::now();
        let progress = job.progress.filter(|progress| (0.0..=1.0).contains(progress));
        let running = progress.filter(|_| !job.is_terminal());
        let mut shown = lock(&self.shared);
        shown.estimate.observe(running, now);
        if let Some(bar) = &self.bar {
            shown.state = escape_text(job.state.as_str()).into_owned();
            drop(shown);
            bar.set_position(progress.map_or(0, thousandths));
            return;
        }
        let mut line = job.state.to_string();
        if let Some(progress) = running {
            let _ = write!(line, " {}%", thousandths(progress) / 10);
        }
        if self.style == Style::Nothing || shown.line == line {
            return;
        }
        shown.line.clone_from(&line);
        let _ = write!(line, ", {} elapsed", format_clock(now.duration_since(self.started)));
        if let Some(left) = shown.estimate.remaining(now) {
            let _ = write!(line, ", about {} left", format_clock(left));
        }
        drop(shown);
        print_line(&format!("{}: {line}", job.job_id));
    }

    /// Shows the start of the download.
    pub(crate) fn download_starts(&self) {
        let Some(bar) = &self.bar else { return };
        let mut shown = lock(&self.shared);
        shown.estimate = Estimate::default();
        "saving".clone_into(&mut shown.state);
        drop(shown);
        bar.set_position(0);
    }

    /// Returns a function that shows the progress of the download.
    pub(crate) fn on_download(&self) -> impl FnMut(DownloadProgress) + Send + 'static {
        let (bar, shared) = (self.bar.clone(), self.shared.clone());
        move |progress| {
            let Some(bar) = &bar else { return };
            match progress.total {
                Some(total) if total > 0 => {
                    #[allow(clippy::cast_precision_loss, reason = "a fraction to draw")]
                    let share = progress.received as f64 / total as f64;
                    lock(&shared).estimate.observe(Some(share), Instant::now());
                    bar.set_position(thousandths(share));
                }
                _ => lock(&shared).state = output::bytes(progress.received),
            }
        }
    }

    /// Removes the bar from the screen, if there is one.
    pub(crate) fn clear() {
        let bar = lock(&ON_SCREEN).take();
        if let Some(bar) = bar {
            bar.finish_and_clear();
        }
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "from 0 to 1000")]
fn thousandths(share: f64) -> u64 {
    (share.clamp(0.0, 1.0) * 1000.0).floor() as u64
}

/// Returns a bar on the screen that counts to `count`, with a message.
pub(super) fn counting_bar(count: usize) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(count as u64), ProgressDrawTarget::stderr());
    let template = "{spinner} {pos} of {len} [{wide_bar}] {msg}, {elapsed}";
    bar.set_style(
        ProgressStyle::with_template(template)
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> "),
    );
    bar.enable_steady_tick(Duration::from_millis(100));
    *lock(&ON_SCREEN) = Some(bar.clone());
    bar
}

type Part = fn(&Line) -> &str;

/// Returns the style of the bar: a spinner, and the parts of a line that fits the terminal.
fn line_style(shared: &Arc<Mutex<DisplayState>>) -> ProgressStyle {
    let template = if super::color_is_wanted() {
        "{spinner:.cyan} {state}{done:.cyan}{rest:.dim}{tail}"
    } else {
        "{spinner} {state}{done}{rest}{tail}"
    };
    let parts: [(&str, Part); 4] = [
        ("state", |line| &line.state),
        ("done", |line| &line.done),
        ("rest", |line| &line.rest),
        ("tail", |line| &line.tail),
    ];
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    parts.into_iter().fold(style, |style, (name, part)| {
        let shared = shared.clone();
        style.with_key(name, move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let shown = lock(&shared);
            let values = Values {
                state: &shown.state,
                progress: state.pos(),
                elapsed: state.elapsed(),
                remaining: shown.estimate.remaining(Instant::now()),
            };
            // The spinner and its space come first; the last column stays free, because some terminals wrap there.
            let width = usize::from(Term::stderr().size().1).saturating_sub(3);
            let _ = out.write_str(part(&Line::fit(values, width)));
        })
    })
}
