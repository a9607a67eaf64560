//! Example programs: they run against the sandbox, and the documents show the quickstart.

use std::{path::PathBuf, process::Command};

use infrai_sandbox::Sandbox;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the path of an example that cargo builds with the tests.
fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    tests.parent().unwrap().parent().unwrap().join("examples").join(name)
}

#[tokio::test(flavor = "multi_thread")]
async fn examples_save_their_videos() {
    for (name, files) in [
        ("quickstart", &["skyline.mp4"][..]),
        (
            "batch",
            &[
                "kites/kites-a3f8a66ae4a0ec5d4ac54c64-0.mp4",
                "kites/kites-9354110160542ba7a95a5851-0.mp4",
                "kites/kites-f7f545b215dc36c375ce13b1-0.mp4",
            ],
        ),
        ("guide", &["kite-0.mp4", "kite-1.mp4"]),
        ("faults", &[]),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let sandbox = Sandbox::builder().start().await.unwrap();
        let mut command = Command::new(example(name));
        command
            .current_dir(&folder)
            .env("INFRAI_BASE_URL", sandbox.url())
            .env("INFRAI_CREDENTIALS_FILE", folder.path().join("credentials"))
            .env_remove("INFRAI_API_KEY")
            .env_remove("INFRAI_PROFILE");
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        assert!(output.status.success(), "{name}: {output:?}");
        for file in files {
            let bytes = std::fs::read(folder.path().join(file)).unwrap();
            assert_eq!(&bytes[4..8], b"ftyp", "{file}");
        }
        sandbox.stop().await;
    }
}

#[test]
fn documents_show_the_current_quickstart() {
    let source = std::fs::read_to_string(root().join("examples/rust/quickstart.rs")).unwrap();
    let program = source.split_once("\n\n").unwrap().1;
    for document in ["core/README.md", "docs/quickstart.md"] {
        let text = std::fs::read_to_string(root().join(document)).unwrap();
        assert!(text.contains(&format!("```rust\n{program}```")), "{document} shows another program");
    }
}
