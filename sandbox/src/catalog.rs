//! Values that `generate` accepts: one list for validation, gating and the `OpenAPI` document.

/// Aspect ratios.
pub(crate) const ASPECTS: &[&str] = &["16:9", "9:16", "1:1"];
/// Output resolutions.
pub(crate) const RESOLUTIONS: &[&str] = &["720p", "1080p", "4k"];
/// Optimisation goals.
pub(crate) const PREFERS: &[&str] = &["balanced", "cheapest", "smartest"];
/// Models, the default first.
pub(crate) const MODELS: &[&str] = &["sandbox/default", FAIL, SLOW, STUCK];
/// Vendors, the default first.
pub(crate) const VENDORS: &[&str] = &["sandbox", LITE];
/// Regions an account can be activated for.
pub(crate) const REGIONS: &[&str] = &["auto", "western", "china"];

/// The model whose jobs fail.
pub(crate) const FAIL: &str = "sandbox/fail";
/// The model whose jobs run for the `slow` time before they render.
pub(crate) const SLOW: &str = "sandbox/slow";
/// The model whose jobs run until they are cancelled.
pub(crate) const STUCK: &str = "sandbox/stuck";
/// The vendor that has no 4k.
pub(crate) const LITE: &str = "sandbox-lite";

/// The longest prompt, in bytes of UTF-8.
pub(crate) const PROMPT_LIMIT: usize = 200_000;
/// The longest accepted URL, in bytes.
pub(crate) const URL_LIMIT: usize = 2048;
/// Accepted durations in seconds.
pub(crate) const DURATION: std::ops::RangeInclusive<f64> = 1.0..=60.0;
/// The default duration, in milliseconds.
pub(crate) const DEFAULT_DURATION_MS: i64 = 5000;
/// Accepted amounts of a top-up, in micro-dollars.
pub(crate) const TOPUP_MICROS: std::ops::RangeInclusive<i64> = 1_000_000..=10_000_000_000;

/// Accepted amounts of credit, in micro-dollars.
pub(crate) const CREDIT_MICROS: std::ops::RangeInclusive<i64> = 1..=*TOPUP_MICROS.end();

/// Returns true if `vendor` renders `resolution`.
pub(crate) fn supports(vendor: &str, resolution: &str) -> bool {
    !(vendor == LITE && resolution == "4k")
}

/// Returns width and height in pixels: the resolution's, turned by the aspect. 1:1 is a square of the short side.
pub(crate) fn dimensions(resolution: &str, aspect: &str) -> (u32, u32) {
    let (long, short) = match resolution {
        "4k" => (3840, 2160),
        "1080p" => (1920, 1080),
        _ => (1280, 720),
    };
    match aspect {
        "9:16" => (short, long),
        "1:1" => (short, short),
        _ => (long, short),
    }
}
