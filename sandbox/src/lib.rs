//! The Infrai API on one machine.
