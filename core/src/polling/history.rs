//! Durations of earlier jobs of one class, and the survival function that follows from them.

use std::collections::VecDeque;

/// Largest number of durations kept. The oldest makes room.
const CAPACITY: usize = 100;
/// Candidate shapes: steepness of the survival function around each duration. The shape with the highest likelihood of the
/// durations so far is used.
const SHAPE_PARAMETERS: [f64; 7] = [3.0, 4.5, 6.75, 10.0, 15.0, 23.0, 34.0];
/// Shape that is likeliest before the first duration.
const DEFAULT_SHAPE: f64 = 6.0;
/// Penalty on the likelihood of other shapes. The larger it is, the more durations a change of shape takes.
const SWITCH_THRESHOLD: f64 = 10.0;
/// Factor by which each new duration reduces the weight of the earlier ones when shapes are compared.
const DECAY: f64 = 0.95;
/// Weight, in durations, of the prior that a job may be longer or shorter than every one before.
const PRIOR_WEIGHT: f64 = 0.25;
/// Number of points of the table.
const TABLE_POINTS: usize = 96;
/// Factor by which the table reaches below the shortest duration and beyond the longest.
const TABLE_MARGIN: f64 = 4.0;

/// Durations of earlier jobs of one class.
#[derive(Debug, Clone, Default)]
pub struct History {
    /// Logarithms of the durations in seconds, the latest last.
    durations: VecDeque<f32>,
    /// Log-likelihood of the durations under each candidate shape.
    scores: [f64; SHAPE_PARAMETERS.len()],
    /// Number of durations recorded since the table was made.
    recorded: usize,
    table: Option<Box<Table>>,
}

/// Survival function at ages whose logarithms are evenly spaced.
#[derive(Debug, Clone)]
struct Table {
    median: f64,
    first: f64,
    step: f64,
    survival: [f32; TABLE_POINTS],
}

impl History {
    /// Returns the history of these durations, in seconds, the latest last.
    pub fn of(durations: &[f64]) -> Self {
        let mut history = Self::default();
        for duration in durations {
            history.record(*duration);
        }
        history
    }

    /// Records the duration of a job, in seconds.
    #[allow(clippy::cast_possible_truncation, reason = "a duration to seven digits")]
    pub fn record(&mut self, duration: f64) {
        if !(duration.is_finite() && duration > 0.0) {
            return;
        }
        let log = duration.ln();
        if self.durations.is_empty() {
            self.scores =
                SHAPE_PARAMETERS.map(|shape| -SWITCH_THRESHOLD * (shape / DEFAULT_SHAPE).ln().powi(2));
        } else {
            let prior = density(log - self.median(), 1.0);
            for (score, shape) in self.scores.iter_mut().zip(SHAPE_PARAMETERS) {
                let near = |at: &f32| density(log - f64::from(*at), shape);
                let likelihood = prior + self.durations.iter().map(near).sum::<f64>();
                *score = DECAY * *score + likelihood.max(f64::MIN_POSITIVE).ln();
            }
        }
        if self.durations.len() == CAPACITY {
            self.durations.pop_front();
        }
        self.durations.push_back(log as f32);
        self.recorded += 1;
        // With many durations, one more changes little.
        if 16 * self.recorded >= self.durations.len() {
            self.recorded = 0;
            self.table = Some(Box::new(self.table()));
        }
    }

    /// Returns the probability that a job lasts longer than this age, in seconds; `None` without any duration.
    pub(super) fn survival(&self, age: f64) -> Option<f64> {
        let table = self.table.as_deref()?;
        #[allow(clippy::cast_precision_loss, reason = "a count of durations")]
        let count = self.durations.len() as f64;
        Some(
            (PRIOR_WEIGHT / (1.0 + age / table.median) + count * table.survival(age))
                / (PRIOR_WEIGHT + count),
        )
    }

    /// Returns the logarithm of the median duration.
    fn median(&self) -> f64 {
        let mut sorted: Vec<f32> = self.durations.iter().copied().collect();
        sorted.sort_unstable_by(f32::total_cmp);
        let at = |index: usize| sorted.get(index).copied().map_or(0.0, f64::from);
        f64::midpoint(at(sorted.len().saturating_sub(1) / 2), at(sorted.len() / 2))
    }

    #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "a hundred points")]
    fn table(&self) -> Table {
        let durations = || self.durations.iter().map(|duration| f64::from(*duration));
        let first = durations().fold(f64::INFINITY, f64::min) - TABLE_MARGIN.ln();
        let last = durations().fold(f64::NEG_INFINITY, f64::max) + TABLE_MARGIN.ln();
        let step = (last - first) / (TABLE_POINTS - 1) as f64;
        let best = (0..SHAPE_PARAMETERS.len()).max_by(|a, b| self.scores[*a].total_cmp(&self.scores[*b]));
        let shape = SHAPE_PARAMETERS[best.unwrap_or_default()];
        let mut sums = [0.0; TABLE_POINTS];
        let growth = (shape * step).exp();
        for duration in durations() {
            let mut power = (shape * (first - duration)).exp();
            for sum in &mut sums {
                *sum += 1.0 / (1.0 + power);
                power *= growth;
            }
        }
        let count = self.durations.len() as f64;
        Table { median: self.median().exp(), first, step, survival: sums.map(|sum| (sum / count) as f32) }
    }
}

impl Table {
    /// Interpolates the survival function at this age.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a position in the table")]
    fn survival(&self, age: f64) -> f64 {
        let position = (age.ln() - self.first) / self.step;
        if position.is_nan() || position <= 0.0 {
            return 1.0;
        }
        let index = position as usize;
        match (self.survival.get(index), self.survival.get(index + 1)) {
            (Some(&before), Some(&after)) => f64::from(before) + position.fract() * f64::from(after - before),
            _ => 0.0,
        }
    }
}

/// Returns the log-logistic density of this shape, `distance` from its median. Distances are between logarithms.
fn density(distance: f64, shape: f64) -> f64 {
    let small = (-(shape * distance).abs()).exp();
    shape * small / (1.0 + small).powi(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(durations: impl IntoIterator<Item = f64>) -> History {
        History::of(&durations.into_iter().collect::<Vec<_>>())
    }

    #[test]
    fn survival_falls_with_age_and_stays_above_zero() {
        for durations in [vec![10.0], vec![0.001, 1e9], vec![40.0; 300], (1..90).map(f64::from).collect()] {
            let history = history(durations);
            let probabilities: Vec<f64> =
                (-60..120).map(|power| history.survival(1.3_f64.powi(power)).unwrap()).collect();
            assert!(probabilities.is_sorted_by(|a, b| a >= b), "{probabilities:?}");
            assert!(
                probabilities.iter().all(|probability| *probability > 0.0 && *probability <= 1.0),
                "{probabilities:?}"
            );
            assert!(history.survival(0.0).unwrap() > 0.999);
        }
    }

    #[test]
    fn half_of_the_jobs_survive_the_median() {
        let probability = history((0..50).map(|n| 20.0 + f64::from(n))).survival(44.5).unwrap();
        assert!((0.45..0.55).contains(&probability), "{probability}");
    }

    #[test]
    fn similar_durations_give_a_steep_survival() {
        let alike = history((0..40).map(|n| 60.0 + 0.5 * f64::from(n % 3)));
        let unlike = history((0..40).map(|n| 60.0 * 1.5_f64.powi(n % 7 - 3)));
        assert!(alike.survival(50.0).unwrap() > 0.95 && unlike.survival(50.0).unwrap() < 0.7);
        assert!(alike.survival(75.0).unwrap() < 0.1 && unlike.survival(75.0).unwrap() > 0.3);
    }

    #[test]
    fn the_latest_durations_count() {
        let history = history((0..300).map(|n| if n < 200 { 10.0 } else { 100.0 }));
        assert!(history.survival(50.0).unwrap() > 0.9);
    }

    #[test]
    fn invalid_durations_are_not_recorded() {
        assert!(history([f64::NAN, f64::INFINITY, 0.0, -1.0]).survival(1.0).is_none());
    }
}
