//! Generates the Swift and Kotlin of infrai-uniffi from its built library; in a crate of its own, because the generator
//! takes longer to build than the library itself.

fn main() {
    uniffi::uniffi_bindgen_main();
}
