//! Plan of a measurement: the jobs' lengths, the delay of answers, and the hints in them.

use std::time::Duration;

/// Distribution of the jobs' lengths.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lengths {
    /// One length for all, in seconds.
    Fixed(f64),
    /// Uniform between two bounds, in seconds.
    Uniform(f64, f64),
    /// Lognormal: the median in seconds, and the logarithm's standard deviation.
    Lognormal(f64, f64),
}

impl Lengths {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("lengths takes fixed,S or uniform,FROM,TO or lognormal,MEDIAN,SIGMA; it got {text:?}");
        let words: Vec<&str> = text.split(',').collect();
        let number = |at: usize| -> Result<f64, String> {
            let value: f64 = words.get(at).and_then(|word| word.parse().ok()).ok_or_else(wrong)?;
            if value.is_finite() && (0.0..=1e6).contains(&value) { Ok(value) } else { Err(wrong()) }
        };
        match (words[0], words.len()) {
            ("fixed", 2) => Ok(Self::Fixed(number(1)?)),
            ("uniform", 3) => Ok(Self::Uniform(number(1)?, number(2)?)),
            ("lognormal", 3) => Ok(Self::Lognormal(number(1)?, number(2)?)),
            _ => Err(wrong()),
        }
    }

    fn draw(self, random: &mut fastrand::Rng) -> f64 {
        match self {
            Self::Fixed(seconds) => seconds,
            Self::Uniform(from, to) => from + (to - from) * random.f64(),
            Self::Lognormal(median, sigma) => {
                let (u, v) = (1.0 - random.f64(), random.f64());
                median * (sigma * (-2.0 * u.ln()).sqrt() * (std::f64::consts::TAU * v).cos()).exp()
            }
        }
    }
}

/// Settings of `POST /_bench/plan`, from its query.
#[derive(Debug, Clone)]
pub struct Plan {
    /// Number of jobs at the start: `job-0`, `job-1`, … `generate` adds more. Default: 0.
    pub jobs: usize,
    /// Lengths of the jobs. Default: `fixed,5`.
    pub lengths: Lengths,
    /// Delay of the answer to a poll: `delay_ms`. Default: 0.
    pub delay: Duration,
    /// Whether a running job reports its progress: `progress=true`. Default: no.
    pub progress: bool,
    /// Time after the plan was set in which each answer carries a `Retry-After` until its end: `hold_s`. It makes the
    /// clients idle. Default: 0.
    pub hold: Duration,
    /// Random generator of the lengths: `seed`.
    pub random: fastrand::Rng,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            jobs: 0,
            lengths: Lengths::Fixed(5.0),
            delay: Duration::ZERO,
            progress: false,
            hold: Duration::ZERO,
            random: fastrand::Rng::with_seed(1),
        }
    }
}

impl Plan {
    /// Parses a query such as `jobs=10000&lengths=lognormal,8,0.5&delay_ms=40`.
    ///
    /// # Errors
    /// Returns the name of an unknown setting or an invalid value.
    pub fn parse(query: &str) -> Result<Self, String> {
        let mut plan = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let wrong = |takes: &str| format!("{name} takes {takes}; it got {value:?}");
            match name {
                "jobs" => plan.jobs = value.parse().map_err(|_| wrong("a number"))?,
                "lengths" => plan.lengths = Lengths::parse(value)?,
                "delay_ms" => {
                    plan.delay = Duration::from_millis(value.parse().map_err(|_| wrong("milliseconds"))?);
                }
                "progress" => plan.progress = value.parse().map_err(|_| wrong("true or false"))?,
                "hold_s" => plan.hold = Duration::from_secs(value.parse().map_err(|_| wrong("seconds"))?),
                "seed" => {
                    plan.random = fastrand::Rng::with_seed(value.parse().map_err(|_| wrong("a number"))?);
                }
                _ => return Err(format!("a plan has no {name:?}")),
            }
        }
        Ok(plan)
    }

    /// Draws the length of the next job.
    pub fn length(&mut self) -> Duration {
        Duration::from_secs_f64(self.lengths.draw(&mut self.random))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_parsed_from_its_query() {
        let plan =
            Plan::parse("jobs=12&lengths=uniform,1,2&delay_ms=40&progress=true&hold_s=9&seed=4").unwrap();
        assert_eq!((plan.jobs, plan.lengths, plan.hold.as_secs()), (12, Lengths::Uniform(1.0, 2.0), 9));
        assert_eq!(plan.delay, Duration::from_millis(40));
        assert!(plan.progress);
        for wrong in ["jobs=many", "lengths=fixed", "lengths=fixed,-1", "lengths=fixed,NaN", "colour=red"] {
            assert!(Plan::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn lengths_follow_their_distribution() {
        let mut plan = Plan::parse("lengths=lognormal,8,0.5").unwrap();
        let mut drawn: Vec<f64> = (0..10_001).map(|_| plan.length().as_secs_f64()).collect();
        drawn.sort_by(f64::total_cmp);
        let share = |q: usize| drawn[q * 100];
        assert!((7.7..8.3).contains(&share(50)), "the median is {}", share(50));
        assert!((4.6..5.1).contains(&share(16)), "one deviation below lies {}", share(16));
        assert!((12.6..13.8).contains(&share(84)), "one deviation above lies {}", share(84));
    }
}
