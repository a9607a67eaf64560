//! How the library is linked: pages of 16 KiB on Android, which newer devices load no other of, and what makes the
//! library of the profile `mobile` smaller.

use std::env;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let is = |name: &str, value: &str| env::var(name).as_deref() == Ok(value);
    let (android, linux) = (is("CARGO_CFG_TARGET_OS", "android"), is("CARGO_CFG_TARGET_OS", "linux"));
    let argument = |argument: &str| println!("cargo::rustc-link-arg-cdylib=-Wl,{argument}");
    if android {
        argument("-z,max-page-size=16384");
    }
    // Cargo tells a build script of no profile but by the folder that it works in.
    let mobile = env::var("OUT_DIR").is_ok_and(|folder| folder.replace('\\', "/").contains("/mobile/build/"));
    if mobile && (android || linux) {
        // The same function twice is kept once, and addresses that the loader fills in are listed in short.
        argument("--icf=all");
        argument(if android { "--pack-dyn-relocs=android" } else { "-z,pack-relative-relocs" });
    }
}
