//! What may be drawn on a terminal, and how far a job is drawn there.

mod estimate;
pub(crate) mod logs;
pub(crate) mod progress;

/// Whether colour is wanted: `NO_COLOR` says no.
pub(crate) fn color_is_wanted() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !set("NO_COLOR") && !is_dumb()
}

/// A terminal that cannot move its cursor.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}
