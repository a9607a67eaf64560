//! The jobs of a simulation: how long they take, and what they say of their progress.

use std::f64::consts::TAU;

/// How the lengths of jobs are spread, in seconds.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lengths {
    /// Logarithms spread evenly around a median, as of jobs of one shape.
    LogNormal { median: f64, sigma: f64 },
    /// Two kinds under one name: 60 % around 12 s, 40 % around 150 s.
    Bimodal,
    /// As the first, and this share never ends.
    Stuck { median: f64, sigma: f64, share: f64 },
    /// Rises and falls more slowly than the first.
    Weibull { scale: f64, shape: f64 },
    /// Everything between two bounds.
    Uniform { from: f64, to: f64 },
    /// No job is short, some are very long.
    Pareto { least: f64, tail: f64 },
    /// Nearly all the same.
    Narrow { around: f64, share: f64 },
}

/// A number from the standard normal distribution.
pub(crate) fn normal(random: &mut fastrand::Rng) -> f64 {
    (-2.0 * (1.0 - random.f64()).ln()).sqrt() * (TAU * random.f64()).cos()
}

fn log_normal(median: f64, sigma: f64, random: &mut fastrand::Rng) -> f64 {
    median * (sigma * normal(random)).exp()
}

impl Lengths {
    /// A job's length; infinite for one that never ends.
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

    /// The length of a job that ended: what a client remembers.
    pub(crate) fn draw_ended(self, random: &mut fastrand::Rng) -> f64 {
        loop {
            let length = self.draw(random);
            if length.is_finite() {
                return length;
            }
        }
    }
}

/// What jobs say of their progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing.
    None,
    /// Whole percents; a short queue first; some jobs slow down towards their end, others speed up.
    Usual,
    /// The truth, in whole percents.
    Linear,
    /// The truth, give or take five percent.
    Noisy,
    /// Tenths alone.
    Tenths,
    /// 0, then a half, then 1.
    Halves,
    /// Nearly done after six tenths of the time, and then nothing more.
    Stalling,
    /// Half of the time in a queue, at 0.
    Queueing,
    /// Fast at first, then slower and slower.
    Slowing,
    /// Slow at first, then faster and faster.
    Quickening,
    /// A bar that knows nothing: it creeps towards 1 by the clock, whatever the job does.
    Invented,
}

/// One job.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    /// Seconds from its submission to its end.
    pub(crate) length: f64,
    progress: Progress,
    queue: f64,
    bend: f64,
}

impl Job {
    /// A job of these lengths.
    pub(crate) fn draw(lengths: Lengths, progress: Progress, random: &mut fastrand::Rng) -> Self {
        let length = lengths.draw(random);
        // Drawn always, so that the same seed gives the same lengths whatever is said of progress.
        let (queue, bend) = (0.1 * random.f64(), (0.15 * normal(random)).exp());
        Self { length, progress, queue, bend }
    }

    /// What it says at an age before its end.
    pub(crate) fn progress(&self, age: f64, random: &mut fastrand::Rng) -> Option<f64> {
        // One that is stuck looks like one of a minute, until it stands still.
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
