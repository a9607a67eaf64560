//! Progress of a job: a bar on a terminal, one line per change elsewhere, nothing with --json.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal as _, Write as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use infrai::{VideoJob, escape_text, video::DownloadProgress};

use super::estimate::{Estimate, format_clock};
use crate::output::{self, one_line};

/// The bar's length: thousandths of the job.
const SCALE: u64 = 1000;

/// The bar that stands on the terminal's last line, if one does.
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
    /// A bar where standard error is a terminal that can draw one and no log runs through it.
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
    line: String,
}

impl Progress {
    /// Begins with the word that stands there until a state is known.
    pub(crate) fn new(style: Style, first: &'static str) -> Self {
        let shared = Arc::new(Mutex::new(DisplayState::default()));
        let bar = (style == Style::Bar).then(|| {
            let bar = ProgressBar::with_draw_target(Some(SCALE), ProgressDrawTarget::stderr());
            let template = if super::color_is_wanted() {
                "{spinner:.cyan} {msg:10} {bar:28.cyan/dim} {percent:>3}%  {clock} elapsed{left}"
            } else {
                "{spinner} {msg:10} {bar:28} {percent:>3}%  {clock} elapsed{left}"
            };
            bar.set_style(job_style(template, shared.clone()));
            bar.set_message(first);
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
            drop(shown);
            bar.set_message(escape_text(job.state.as_str()).into_owned());
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

    /// The video is made and comes over the network now.
    pub(crate) fn download_starts(&self) {
        let Some(bar) = &self.bar else { return };
        lock(&self.shared).estimate = Estimate::default();
        bar.set_message("saving");
        bar.set_position(0);
    }

    /// A function that shows how much has come.
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
                _ => bar.set_message(output::bytes(progress.received)),
            }
        }
    }

    /// Takes the bar off the screen, if there is one.
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

fn job_style(template: &str, shared: Arc<Mutex<DisplayState>>) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("━╸─")
        .with_key("clock", |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let _ = out.write_str(&format_clock(state.elapsed()));
        })
        .with_key("left", move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
            if let Some(left) = lock(&shared).estimate.remaining(Instant::now()) {
                let _ = write!(out, ", about {} left", format_clock(left));
            }
        })
}
