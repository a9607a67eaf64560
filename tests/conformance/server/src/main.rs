//! The scripted server.
fn main() {}
