//! What the torture suite does with the Rust client in a process of its own; the sections' programs say when.

mod fork;
mod leaks;
mod secrets;

use std::process::ExitCode;

/// A key and the address of a server.
#[derive(Debug, Clone)]
struct Given {
    url: String,
    key: String,
}

const USAGE: &str = "usage: infrai-torture-probe leaks calls|clients|waits COUNT URL KEY\n\
                            infrai-torture-probe fork CHILDREN CALLS URL KEY\n\
                            infrai-torture-probe secrets FOLDER URL KEY";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let given = |url: &str, key: &str| Given { url: url.to_owned(), key: key.to_owned() };
    let number = |text: &str| text.parse::<usize>().ok();
    match words[..] {
        ["leaks", kind, count, url, key] if number(count).is_some() => {
            leaks::run(kind, number(count).unwrap_or_default(), &given(url, key))
        }
        ["fork", children, calls, url, key] if number(children).is_some() && number(calls).is_some() => {
            fork::run(
                number(children).unwrap_or_default(),
                number(calls).unwrap_or_default(),
                &given(url, key),
            )
        }
        ["secrets", folder, url, key] => secrets::run(folder, &given(url, key)),
        _ => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

/// A runtime with one thread of its own beside this one, as the bindings have it.
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a thread")
}
