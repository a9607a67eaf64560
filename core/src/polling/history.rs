//! How long earlier jobs of one shape took, as a chance that the next one survival to an age.

use std::collections::VecDeque;

/// Up to this many lengths are kept, the latest.
const CAPACITY: usize = 100;
/// How steep the fall around each length may be. The one that would have foretold the lengths best so far is taken.
const SHAPE_PARAMETERS: [f64; 7] = [3.0, 4.5, 6.75, 10.0, 15.0, 23.0, 34.0];
/// The shape to begin with, and how many lengths it takes to leave it.
const DEFAULT_SHAPE: f64 = 6.0;
const SWITCH_THRESHOLD: f64 = 10.0;
/// What counts of the past, length by length, when steepnesses are compared.
const DECAY: f64 = 0.95;
/// How many lengths the guess counts for that a job may always turn out survival_at, or shorter, than any before.
const PRIOR_WEIGHT: f64 = 0.25;
/// The table has so many points, from this factor below the shortest length to the same beyond the longest.
const TABLE_POINTS: usize = 96;
const TABLE_MARGIN: f64 = 4.0;

/// The lengths of earlier jobs, and what follows from them.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Logarithms of seconds, the latest last.
    lengths: VecDeque<f32>,
    /// For each shape, how well it foretold.
    scores: [f64; SHAPE_PARAMETERS.len()],
    /// Learned since the table was made.
    recorded: usize,
    table: Option<Box<Table>>,
}

/// The share of the lengths that are survival_at than an age, at ages whose logarithms are evenly spaced.
#[derive(Debug, Clone)]
struct Table {
    median: f64,
    first: f64,
    step: f64,
    survival_at: [f32; TABLE_POINTS],
}

impl History {
    /// These lengths, in seconds, the latest last.
    pub fn of(lengths: &[f64]) -> Self {
        let mut history = Self::default();
        for length in lengths {
            history.record(*length);
        }
        history
    }

    /// A job of this shape took so many seconds.
    #[allow(clippy::cast_possible_truncation, reason = "a length to seven digits")]
    pub fn record(&mut self, length: f64) {
        if !(length.is_finite() && length > 0.0) {
            return;
        }
        let log = length.ln();
        if self.lengths.is_empty() {
            self.scores =
                SHAPE_PARAMETERS.map(|shape| -SWITCH_THRESHOLD * (shape / DEFAULT_SHAPE).ln().powi(2));
        } else {
            let guess = density(log - self.median(), 1.0);
            for (score, shape) in self.scores.iter_mut().zip(SHAPE_PARAMETERS) {
                let near = |at: &f32| density(log - f64::from(*at), shape);
                let foretold = guess + self.lengths.iter().map(near).sum::<f64>();
                *score = DECAY * *score + foretold.max(f64::MIN_POSITIVE).ln();
            }
        }
        if self.lengths.len() == CAPACITY {
            self.lengths.pop_front();
        }
        self.lengths.push_back(log as f32);
        self.recorded += 1;
        // With many lengths, one more changes little.
        if 16 * self.recorded >= self.lengths.len() {
            self.recorded = 0;
            self.table = Some(Box::new(self.table()));
        }
    }

    /// The chance to live to this age, in seconds; `None` without any length.
    pub(super) fn survival(&self, age: f64) -> Option<f64> {
        let table = self.table.as_deref()?;
        #[allow(clippy::cast_precision_loss, reason = "a count of lengths")]
        let count = self.lengths.len() as f64;
        Some(
            (PRIOR_WEIGHT / (1.0 + age / table.median) + count * table.survival_at(age))
                / (PRIOR_WEIGHT + count),
        )
    }

    /// The logarithm of the median length.
    fn median(&self) -> f64 {
        let mut sorted: Vec<f32> = self.lengths.iter().copied().collect();
        sorted.sort_unstable_by(f32::total_cmp);
        let at = |place: usize| sorted.get(place).copied().map_or(0.0, f64::from);
        f64::midpoint(at(sorted.len().saturating_sub(1) / 2), at(sorted.len() / 2))
    }

    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a hundred points")]
    fn table(&self) -> Table {
        let lengths = || self.lengths.iter().map(|length| f64::from(*length));
        let first = lengths().fold(f64::INFINITY, f64::min) - TABLE_MARGIN.ln();
        let last = lengths().fold(f64::NEG_INFINITY, f64::max) + TABLE_MARGIN.ln();
        let step = (last - first) / (TABLE_POINTS - 1) as f64;
        let best = (0..SHAPE_PARAMETERS.len()).max_by(|a, b| self.scores[*a].total_cmp(&self.scores[*b]));
        let shape = SHAPE_PARAMETERS[best.unwrap_or_default()];
        let mut survival_at = [0.0; TABLE_POINTS];
        let growth = (shape * step).exp();
        for length in lengths() {
            let mut power = (shape * (first - length)).exp();
            for sum in &mut survival_at {
                *sum += 1.0 / (1.0 + power);
                power *= growth;
            }
        }
        let count = self.lengths.len() as f64;
        Table {
            median: self.median().exp(),
            first,
            step,
            survival_at: survival_at.map(|sum| (sum / count) as f32),
        }
    }
}

impl Table {
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in the table")]
    fn survival_at(&self, age: f64) -> f64 {
        let place = (age.ln() - self.first) / self.step;
        if place.is_nan() || place <= 0.0 {
            return 1.0;
        }
        let index = place as usize;
        match (self.survival_at.get(index), self.survival_at.get(index + 1)) {
            (Some(&before), Some(&after)) => f64::from(before) + place.fract() * f64::from(after - before),
            _ => 0.0,
        }
    }
}

/// How likely a length is whose logarithm is off by so much, around a fall of this shape.
fn density(off: f64, shape: f64) -> f64 {
    let small = (-(shape * off).abs()).exp();
    shape * small / (1.0 + small).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(lengths: impl IntoIterator<Item = f64>) -> History {
        History::of(&lengths.into_iter().collect::<Vec<_>>())
    }

    #[test]
    fn the_chance_to_live_falls_with_age_and_never_to_nothing() {
        for lengths in [vec![10.0], vec![0.001, 1e9], vec![40.0; 300], (1..90).map(f64::from).collect()] {
            let history = history(lengths);
            let chances: Vec<f64> =
                (-60..120).map(|power| history.survival(1.3_f64.powi(power)).unwrap()).collect();
            assert!(chances.is_sorted_by(|a, b| a >= b), "{chances:?}");
            assert!(chances.iter().all(|chance| *chance > 0.0 && *chance <= 1.0), "{chances:?}");
            assert!(history.survival(0.0).unwrap() > 0.999);
        }
    }

    #[test]
    fn half_of_the_jobs_live_to_the_median() {
        let chance = history((0..50).map(|n| 20.0 + f64::from(n))).survival(44.5).unwrap();
        assert!((0.45..0.55).contains(&chance), "{chance}");
    }

    #[test]
    fn lengths_that_are_alike_are_found_out() {
        let alike = history((0..40).map(|n| 60.0 + 0.5 * f64::from(n % 3)));
        let unlike = history((0..40).map(|n| 60.0 * 1.5_f64.powi(n % 7 - 3)));
        assert!(alike.survival(50.0).unwrap() > 0.95 && unlike.survival(50.0).unwrap() < 0.7);
        assert!(alike.survival(75.0).unwrap() < 0.1 && unlike.survival(75.0).unwrap() > 0.3);
    }

    #[test]
    fn the_latest_lengths_count() {
        let history = history((0..300).map(|n| if n < 200 { 10.0 } else { 100.0 }));
        assert!(history.survival(50.0).unwrap() > 0.9);
    }

    #[test]
    fn what_is_no_length_is_not_learned() {
        assert!(history([f64::NAN, f64::INFINITY, 0.0, -1.0]).survival(1.0).is_none());
    }
}
