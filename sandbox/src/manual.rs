//! The manual of the sandbox, as text for a terminal.

use std::fmt::Write as _;

use crate::{
    Fault,
    catalog::{FAIL, LITE, MODELS, RESOLUTIONS, SLOW, STUCK, VENDORS},
    pricing::{self, TRIAL_MICROS, dollars},
};

/// Routes that help while it runs.
const ROUTES: [(&str, &str); 10] = [
    ("GET    /", "in a browser: jobs, wallet, requests, faults"),
    ("GET    /openapi.json", "every route"),
    ("GET    /sandbox/requests", "the last 1000 requests of clients"),
    ("GET    /sandbox/ledger", "trial, top-ups, charges, refunds of the key's account"),
    ("GET    /sandbox/faults", "the faults in force"),
    ("POST   /sandbox/faults", "adds one: {\"fault\": \"…\"}; DELETE removes all"),
    ("POST   /sandbox/credit", "adds credit to the key's account: {\"amount_usd\": 5}"),
    ("POST   /sandbox/topups/ID/pay", "completes a top-up of the key's account"),
    ("POST   /v1/account/webhooks/register", "signed webhooks to a URL of this machine"),
    ("GET    /topup/TOKEN", "payment page of a top-up (its next_action_url)"),
];

/// Returns the manual: models, vendors, prices, every word of a fault, and the routes that help while the sandbox runs.
/// Plain text of lines of at most 100 characters, from the tables that the server itself uses.
pub fn manual() -> String {
    let mut text = String::from("Models:\n");
    rows(&mut text, MODELS.iter().map(|model| (*model, describe(model))));
    text.push_str("\nVendors:\n");
    rows(&mut text, VENDORS.iter().map(|vendor| (*vendor, describe(vendor))));
    let _ = write!(
        text,
        "\nPrices per second of video (an account starts with ${:.2}):\n  {:8}{:>10}{:>10}{:>10}\n",
        dollars(TRIAL_MICROS),
        "",
        "cheapest",
        "balanced",
        "smartest"
    );
    for resolution in RESOLUTIONS {
        let _ = write!(text, "  {resolution:8}");
        for prefer in ["cheapest", "balanced", "smartest"] {
            let price = pricing::cost_micros(resolution, prefer, 1000).map_or(0.0, dollars);
            let _ = write!(text, "{:>10}", format!("${price:.2}"));
        }
        text.push('\n');
    }
    text.push_str("\nFaults, written as '[METHOD] PATH: EFFECT…' (* in PATH stands for any characters):\n");
    let effects = Fault::EFFECTS.map(|(word, effect)| (word, effect.replace('`', "")));
    rows(&mut text, effects.iter().map(|(word, effect)| (*word, effect.as_str())));
    text.push_str("  For example: 'POST /v1/video/generate: status=503 retry-after=1 times=2'\n");
    text.push_str("\nWhile it runs (/sandbox/… for this machine only):\n");
    rows(&mut text, ROUTES);
    text.truncate(text.trim_end().len());
    text
}

fn describe(name: &str) -> &'static str {
    match name {
        FAIL => "fails, and is refunded",
        SLOW => "runs for the time of --slow, then renders",
        STUCK => "runs until it is cancelled",
        LITE => "no 4k",
        name if VENDORS.contains(&name) => "every resolution",
        _ => "renders and succeeds",
    }
}

/// Appends lines of two columns.
fn rows<'a>(text: &mut String, rows: impl IntoIterator<Item = (&'a str, &'a str)>) {
    let rows: Vec<_> = rows.into_iter().collect();
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    for (name, effect) in rows {
        let _ = writeln!(text, "  {name:width$}  {effect}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_names_models_prices_and_every_fault_word() {
        let manual = manual();
        for part in MODELS.iter().chain(VENDORS).chain(RESOLUTIONS) {
            assert!(manual.contains(&format!("  {part} ")), "{part}: {manual}");
        }
        for (word, _) in Fault::EFFECTS {
            assert!(manual.contains(&format!("  {word} ")), "{word}: {manual}");
        }
        assert!(manual.contains("  4k           $0.08     $0.16     $0.32\n"), "{manual}");
        assert!(manual.lines().all(|line| line.chars().count() <= 100), "{manual}");
    }
}
