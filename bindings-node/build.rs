//! Tells the linker how a Node addon finds its symbols.

fn main() {
    napi_build::setup();
}
