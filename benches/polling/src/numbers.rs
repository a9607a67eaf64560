//! Means and percentiles of many jobs.

/// Lateness and requests of many jobs.
#[derive(Debug, Default, Clone)]
pub(crate) struct Sample {
    jobs: f64,
    requests: f64,
    late: Vec<f64>,
    relative: Vec<f64>,
}

/// Figures of a [`Sample`] for a table.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Summary {
    /// Requests per job.
    pub(crate) requests: f64,
    /// Seconds from a job's end to its detection: mean, median, 95th and 99th percentile.
    pub(crate) late: [f64; 4],
    /// The same, as shares of the job's length.
    pub(crate) relative: [f64; 4],
}

impl Sample {
    /// Adds a job with its requests and, if its end was detected, its lateness and length.
    pub(crate) fn add(&mut self, requests: u32, found: Option<(f64, f64)>) {
        self.jobs += 1.0;
        self.requests += f64::from(requests);
        if let Some((late, length)) = found {
            self.late.push(late);
            self.relative.push(late / length);
        }
    }

    /// Returns means and percentiles.
    pub(crate) fn summary(mut self) -> Summary {
        Summary {
            requests: self.requests / self.jobs,
            late: spread(&mut self.late),
            relative: spread(&mut self.relative),
        }
    }
}

/// Returns mean, median, 95th and 99th percentile.
pub(crate) fn spread(values: &mut [f64]) -> [f64; 4] {
    values.sort_unstable_by(f64::total_cmp);
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a place in a list"
    )]
    let at = |part: f64| values[((values.len() - 1) as f64 * part).round() as usize];
    [mean(values), at(0.5), at(0.95), at(0.99)]
}

/// Returns the mean.
pub(crate) fn mean(values: &[f64]) -> f64 {
    #[allow(clippy::cast_precision_loss, reason = "a count")]
    let count = values.len() as f64;
    values.iter().sum::<f64>() / count
}
