//! Jobs of a simulation: their lengths and the progress that they report.

use std::f64::consts::TAU;

/// Distribution of the jobs' lengths, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lengths {
    /// Lognormal, as for jobs of one kind.
    LogNormal { median: f64, sigma: f64 },
    /// Two kinds under one name: 60 % around 12 s, 40 % around 150 s.
    Bimodal,
    /// Lognormal, and this share of the jobs never ends.
    Stuck { median: f64, sigma: f64, share: f64 },
    /// Weibull: wider than lognormal.
    Weibull { scale: f64, shape: f64 },
    /// Uniform between two bounds.
    Uniform { from: f64, to: f64 },
    /// Pareto: no job is short, some are very long.
    Pareto { least: f64, tail: f64 },
    /// Nearly equal lengths.
    Narrow { around: f64, share: f64 },
}

/// Draws from the standard normal distribution.
pub(crate) fn normal(random: &mut fastrand::Rng) -> f64 {
    (-2.0 * (1.0 - random.f64()).ln()).sqrt() * (TAU * random.f64()).cos()
}

fn log_normal(median: f64, sigma: f64, random: &mut fastrand::Rng) -> f64 {
    median * (sigma * normal(random)).exp()
}

impl Lengths {
    /// Draws a job's length, which is infinite if the job never ends.
    pub(crate) fn draw(self, random: &mut fastrand::Rng) -> f64 {
        match self {
            Self::LogNormal { median, sigma } => log_normal(median, sigma, random),
            Self::Bimodal => {
                let median = if random.f64() < 0.6 { 12.0 } else { 150.0 };
                log_normal(median, 0.2, random)
            }
            Self::Stuck { median, sigma, share } => {
                let length = log_normal(median, sigma, random);
                if random.f64() < share { f64::INFINITY } else { length }
            }
            Self::Weibull { scale, shape } => scale * (-(1.0 - random.f64()).ln()).powf(1.0 / shape),
            Self::Uniform { from, to } => from + (to - from) * random.f64(),
            Self::Pareto { least, tail } => least * (1.0 - random.f64()).powf(-1.0 / tail),
            Self::Narrow { around, share } => around * (1.0 + share * (2.0 * random.f64() - 1.0)),
        }
    }

    /// Draws the length of a job that ends, as a client remembers it.
    pub(crate) fn draw_ended(self, random: &mut fastrand::Rng) -> f64 {
        loop {
            let length = self.draw(random);
            if length.is_finite() {
                return length;
            }
        }
    }
}

/// Progress that the jobs report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing.
    None,
    /// Whole percents after a short queue. Some jobs slow down towards their end, others speed up.
    Usual,
    /// The true progress, in whole percents.
    Linear,
    /// The true progress, give or take five percent.
    Noisy,
    /// Steps of a tenth.
    Tenths,
    /// 0, then a half, then 1.
    Halves,
    /// Nearly done after six tenths of the time, and unchanged after that.
    Stalling,
    /// Half of the time in a queue, at 0.
    Queueing,
    /// Fast at first, then slower and slower.
    Slowing,
    /// Slow at first, then faster and faster.
    Quickening,
    /// A bar without information: it grows with the time alone.
    Invented,
}

/// A job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    /// Seconds from the submission to the end.
    pub(crate) length: f64,
    progress: Progress,
    queue: f64,
    bend: f64,
}

impl Job {
    /// Draws a job.
    pub(crate) fn draw(lengths: Lengths, progress: Progress, random: &mut fastrand::Rng) -> Self {
        let length = lengths.draw(random);
        // Always drawn, so that a seed gives the same lengths for every kind of progress.
        let (queue, bend) = (0.1 * random.f64(), (0.15 * normal(random)).exp());
        Self { length, progress, queue, bend }
    }

    /// Returns the reported progress at an age before the end.
    pub(crate) fn progress(&self, age: f64, random: &mut fastrand::Rng) -> Option<f64> {
        // A stuck job reports the progress of a one-minute job, and then stands still.
        let length = if self.length.is_finite() { self.length } else { 60.0 };
        let part = (age / length).min(0.97);
        let after = |queue: f64| ((part - queue) / (1.0 - queue)).max(0.0);
        let percents = |part: f64| (100.0 * part).floor() / 100.0;
        match self.progress {
            Progress::None => None,
            Progress::Usual => Some(percents(after(self.queue).powf(self.bend))),
            Progress::Linear => Some(percents(part)),
            Progress::Noisy => Some((part + 0.1 * (random.f64() - 0.5)).clamp(0.0, 0.99)),
            Progress::Tenths => Some((10.0 * part).floor() / 10.0),
            Progress::Halves => Some(if part < 0.5 { 0.0 } else { 0.5 }),
            Progress::Stalling => Some(percents((part / 0.6).min(0.99))),
            Progress::Queueing => Some(percents(after(0.5))),
            Progress::Slowing => Some(percents(1.0 - (1.0 - part).powi(2))),
            Progress::Quickening => Some(percents(part.powi(2))),
            Progress::Invented => Some(percents(1.0 - (-age / 30.0).exp())),
        }
    }
}
