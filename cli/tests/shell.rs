//! Help, completions and exit codes, and documentation that agrees with them.

mod common;

use std::collections::BTreeSet;

use common::Home;

const COMMANDS: [&[&str]; 16] = [
    &[],
    &["activate"],
    &["whoami"],
    &["video"],
    &["video", "generate"],
    &["video", "status"],
    &["video", "wait"],
    &["video", "watch"],
    &["video", "cancel"],
    &["video", "download"],
    &["account"],
    &["account", "balance"],
    &["account", "topup"],
    &["request"],
    &["sandbox"],
    &["completions"],
];

fn documentation() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md");
    std::fs::read_to_string(path).expect("docs/cli.md")
}

#[test]
fn every_option_of_every_command_is_documented() {
    let (home, docs) = (Home::new(), documentation());
    let mut options = BTreeSet::new();
    for command in COMMANDS {
        let help = home.run(&[command, &["--help"]].concat()).expect(0).stdout;
        let words = help.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        options.extend(words.filter(|word| word.starts_with("--") && word.len() > 3).map(str::to_owned));
        assert!(docs.contains(&format!("infrai {}", command.join(" "))), "{command:?}");
    }
    assert!(options.len() > 30, "{options:?}");
    for option in options {
        assert!(docs.contains(&format!("`{option}")), "{option} is not in docs/cli.md");
    }
}

#[test]
fn every_option_of_the_mcp_server_is_documented() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/mcp.md");
    let docs = std::fs::read_to_string(path).expect("docs/mcp.md");
    let help = Home::new().run(&["mcp", "--help"]).expect(0).stdout;
    let own = help.split("Global options:").next().expect("options");
    let options: Vec<_> = own.lines().filter_map(|line| line.trim().split_once(' ')).collect();
    let options: Vec<_> = options.iter().filter(|(word, _)| word.starts_with("--")).collect();
    assert_eq!(options.len(), 5, "{help}");
    for (option, _) in options {
        assert!(docs.contains(&format!("`{option}")), "{option} is not in docs/mcp.md");
    }
}

#[test]
fn the_exit_codes_of_the_help_are_those_of_the_documentation() {
    let help = Home::new().run(&["--help"]).expect(0).stdout;
    let table = help.split("Exit codes:").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a table");
    let codes: Vec<_> = table.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(codes, ["0", "1", "2", "3", "4", "5", "6", "70", "130"]);
    let docs = documentation();
    for code in codes.into_iter().chain(["143"]) {
        assert!(docs.contains(&format!("| {code} |")), "{code}");
    }
    assert!(help.contains("other users of the machine can read command lines"));
}

#[test]
fn completions_are_there_for_every_shell() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = home.run(&["completions", shell]).expect(0).stdout;
        assert!(script.contains("infrai") && script.contains("reference-image-url"), "{shell}");
    }
    home.run(&["completions", "tcsh"]).expect(2);
}

#[test]
fn usage_errors_have_the_form_of_all_errors() {
    let home = Home::new();
    let ran = home.run(&["video", "generate", "a", "--resoluton", "4k"]).expect(2);
    assert_eq!(ran.error_lines().0, "error: unexpected argument '--resoluton' found (USAGE)");
    assert!(ran.error_lines().1.contains("Did you mean --resolution?"), "{ran:?}");
    let error = home.run(&["--json", "video", "nothing"]).expect(2).error_json();
    assert_eq!((&error["code"], &error["kind"]), (&"USAGE".into(), &"invalid_request".into()));
    home.run(&[]).expect(2);
    assert!(home.run(&["--version"]).expect(0).stdout.starts_with("infrai "));
}
