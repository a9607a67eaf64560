//! Prices per second of video, in whole micro-dollars.

/// An entry of the price list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// `720p`, `1080p` or `4k`.
    pub resolution: &'static str,
    /// `cheapest`, `balanced` or `smartest`.
    pub prefer: &'static str,
    /// Micro-dollars (millionths of a US dollar) per second of video.
    pub micros_per_second: i64,
}

const fn price(resolution: &'static str, prefer: &'static str, micros_per_second: i64) -> Price {
    Price { resolution, prefer, micros_per_second }
}

/// The price list. Vendor and model do not change a price.
pub const PRICES: [Price; 9] = [
    price("720p", "cheapest", 10_000),
    price("720p", "balanced", 20_000),
    price("720p", "smartest", 40_000),
    price("1080p", "cheapest", 20_000),
    price("1080p", "balanced", 40_000),
    price("1080p", "smartest", 80_000),
    price("4k", "cheapest", 80_000),
    price("4k", "balanced", 160_000),
    price("4k", "smartest", 320_000),
];

/// The credit of a new account: $2.00.
pub const TRIAL_MICROS: i64 = 2_000_000;

/// Returns the cost of a video, rounded up to a whole micro-dollar. `None` for values without a price.
pub fn cost_micros(resolution: &str, prefer: &str, duration_ms: i64) -> Option<i64> {
    let price = PRICES.iter().find(|price| price.resolution == resolution && price.prefer == prefer)?;
    let thousandths = price.micros_per_second.checked_mul(duration_ms)?;
    Some(thousandths.div_euclid(1000) + i64::from(thousandths.rem_euclid(1000) != 0))
}

/// Converts micro-dollars to the dollars of the API.
#[allow(clippy::cast_precision_loss, reason = "a micro-dollar shows up to eight billion dollars")]
pub(crate) fn dollars(micros: i64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::catalog::{PREFERS, RESOLUTIONS};

    #[test]
    fn every_resolution_and_preference_has_one_price() {
        for resolution in RESOLUTIONS {
            for prefer in PREFERS {
                let found =
                    PRICES.iter().filter(|price| price.resolution == *resolution && price.prefer == *prefer);
                assert_eq!(found.count(), 1, "{resolution} {prefer}");
            }
        }
    }

    #[test]
    fn costs_are_whole_micro_dollars_rounded_up() {
        assert_eq!(cost_micros("720p", "balanced", 5000), Some(100_000));
        assert_eq!(cost_micros("1080p", "cheapest", 1001), Some(20_020));
        assert_eq!(cost_micros("720p", "cheapest", 1), Some(10));
        assert_eq!(cost_micros("8k", "cheapest", 1), None);
    }

    #[test]
    fn the_readme_has_the_same_prices() {
        let readme = include_str!("../README.md");
        for resolution in RESOLUTIONS {
            let row = readme.lines().find(|line| line.starts_with(&format!("| {resolution} |")));
            let cells: Vec<_> = row.expect("a row").split('|').skip(2).map(str::trim).collect();
            for (prefer, cell) in ["cheapest", "balanced", "smartest"].iter().zip(cells) {
                let micros = cost_micros(resolution, prefer, 1000).expect("a price");
                assert_eq!(cell, format!("${:.2}", dollars(micros)), "{resolution} {prefer}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_cost_is_the_least_whole_number_that_covers_the_price(which in 0..PRICES.len(), duration_ms in 0..100_000_000_i64) {
            let Price { resolution, prefer, micros_per_second } = PRICES[which];
            let cost = cost_micros(resolution, prefer, duration_ms).expect("a price");
            let exact = i128::from(micros_per_second) * i128::from(duration_ms);
            prop_assert!(i128::from(cost) * 1000 >= exact && (i128::from(cost) - 1) * 1000 < exact);
        }

        #[test]
        fn a_cost_that_no_integer_holds_is_none_and_no_panic(which in 0..PRICES.len(), duration_ms in any::<i64>()) {
            let Price { resolution, prefer, micros_per_second } = PRICES[which];
            let cost = cost_micros(resolution, prefer, duration_ms);
            prop_assert_eq!(cost.is_some(), micros_per_second.checked_mul(duration_ms).is_some());
        }

        #[test]
        fn dollars_show_the_micro_dollars_that_they_were(micros in -8_500_000_000_000_000..=8_500_000_000_000_000_i64) {
            let shown = format!("{:.6}", dollars(micros)).replace('.', "");
            prop_assert_eq!(shown.parse::<i64>().expect("digits"), micros);
        }
    }
}
