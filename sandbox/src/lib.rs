//! The Infrai API on one machine.

pub mod render;
