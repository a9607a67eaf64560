//! Output to the terminal: logs and progress.

pub(crate) mod batch;
mod estimate;
mod line;
pub(crate) mod logs;
pub(crate) mod progress;

/// Returns false if `NO_COLOR` is set or the terminal cannot show colour.
pub(crate) fn color_is_wanted() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !set("NO_COLOR") && !is_dumb()
}

/// Returns true for a terminal that cannot move its cursor.
fn is_dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}
