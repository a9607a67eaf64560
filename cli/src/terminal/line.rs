//! Layout of the progress line: one line that fits the terminal, whatever its width.

use std::time::Duration;

use console::{measure_text_width, pad_str, truncate_str};

use super::estimate::format_clock;

/// Columns of the widest bar.
const MAX_BAR: usize = 28;
/// Columns of the longest state that the API documents.
const STATE: usize = 10;

/// The values that a progress line shows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Values<'a> {
    pub(super) state: &'a str,
    /// Progress in thousandths.
    pub(super) progress: u64,
    pub(super) elapsed: Duration,
    pub(super) remaining: Option<Duration>,
}

/// The parts of a progress line, in order. Only the bar is coloured.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) state: String,
    pub(super) done: String,
    pub(super) rest: String,
    pub(super) tail: String,
}

impl Line {
    /// Lays out the values in at most `width` columns. A narrow line has shorter words, then no bar, then no times, and at
    /// last only the start of the state.
    pub(super) fn fit(values: Values<'_>, width: usize) -> Self {
        let Values { state, progress, elapsed, remaining } = values;
        let percent = format!("{:>3}%", progress / 10);
        let clock = format_clock(elapsed);
        let left = remaining.map(format_clock);
        let long = left.as_ref().map(|left| format!(", about {left} left")).unwrap_or_default();
        let short = left.as_ref().map(|left| format!(", {left} left")).unwrap_or_default();
        let padded = pad_str(state, STATE, console::Alignment::Left, None).into_owned();
        let candidates = [
            (&padded[..], format!("{percent}  {clock} elapsed{long}"), 10),
            (state, format!("{percent}  {clock}{short}"), 6),
            (state, format!("{percent}  {clock}{short}"), 0),
            (state, percent, 0),
        ];
        for (state, tail, least) in candidates {
            let used = measure_text_width(state) + 1 + measure_text_width(&tail);
            match width.checked_sub(used) {
                // One more column separates the bar.
                Some(room) if least > 0 && room > least => {
                    let (done, rest) = bar(progress, (room - 1).min(MAX_BAR));
                    return Self { state: format!("{state} "), done, rest, tail: format!(" {tail}") };
                }
                Some(_) if least == 0 => {
                    return Self { state: format!("{state} "), tail, ..Self::default() };
                }
                _ => {}
            }
        }
        // Without a column there is no room for an ellipsis either.
        let state = if width == 0 { String::new() } else { truncate_str(state, width, "…").into_owned() };
        Self { state, ..Self::default() }
    }
}

fn bar(progress: u64, columns: usize) -> (String, String) {
    let full = usize::try_from(progress).unwrap_or(usize::MAX).saturating_mul(columns) / 1000;
    let full = full.min(columns);
    let head = usize::from(full < columns && progress > 0);
    (format!("{}{}", "━".repeat(full), "╸".repeat(head)), "─".repeat(columns - full - head))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(state: &str, progress: u64, times: [u64; 2], width: usize) -> String {
        let [elapsed, remaining] = times.map(Duration::from_secs);
        let remaining = Some(remaining).filter(|remaining| !remaining.is_zero());
        let Line { state, done, rest, tail } =
            Line::fit(Values { state, progress, elapsed, remaining }, width);
        format!("{state}{done}{rest}{tail}")
    }

    #[test]
    fn a_line_fits_every_width() {
        for width in 0..=200 {
            for state in
                ["", "queued", "submitting", "waiting for a machine in another region", "渲染中的任务"]
            {
                for progress in [0, 1, 427, 1000] {
                    for times in [[0, 0], [7, 12], [3723, 86_399], [360_000, 0]] {
                        let line = line(state, progress, times, width);
                        assert!(measure_text_width(&line) <= width, "{width}: {line:?}");
                        assert!(width == 0 || state.is_empty() || !line.is_empty(), "{width}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_narrow_line_loses_words_then_bar_then_times() {
        for (width, expected) in [
            (117, "running    ━━━━━━━━━━━╸────────────────  42%  0:07 elapsed, about 0:12 left"),
            (77, "running    ━━━━━━━━━━━╸────────────────  42%  0:07 elapsed, about 0:12 left"),
            (57, "running    ━━━━╸─────  42%  0:07 elapsed, about 0:12 left"),
            (37, "running ━━╸────  42%  0:07, 0:12 left"),
            (30, "running  42%  0:07, 0:12 left"),
            (20, "running  42%"),
            (7, "running"),
            (4, "run…"),
        ] {
            assert_eq!(line("running", 427, [7, 12], width), expected);
        }
    }
}
