//! The sandbox: inside a call, and as a server.

mod common;

use common::{Home, Server, ended, is_mp4};

#[test]
fn one_command_activates_generates_and_saves_and_the_next_finds_the_account() {
    let home = Home::new();
    let words = ["--sandbox", "video", "generate", "a paper boat", "--duration", "1", "-o"];
    let first = home.run(&[&words[..], &["one.mp4"]].concat()).expect(0);
    assert!(is_mp4(&home.path("one.mp4")));
    assert!(first.stderr.contains("Activated") && first.stderr.contains("no model runs"), "{first:?}");
    let account = home.run(&["--sandbox", "--json", "whoami"]).expect(0).json()["account_id"].clone();
    let second = home.run(&[&words[..], &["two.mp4"]].concat()).expect(0);
    assert!(is_mp4(&home.path("two.mp4")));
    assert!(!second.stderr.contains("Activated"), "{second:?}");
    let told = home.run(&["--sandbox", "--json", "whoami"]).expect(0).json();
    assert_eq!(told["account_id"], account);
    assert_eq!(told["balance"]["balance_usd"], 1.96, "two videos of a second at $0.02");
    let again = home.run(&["--sandbox", "--json", "activate"]).expect(0).json();
    assert_eq!((&again["reused"], &again["account_id"]), (&true.into(), &account));
    let forced = home.run(&["--sandbox", "--json", "activate", "--force"]).expect(0).json();
    assert_eq!((&forced["reused"], &forced["account_id"]), (&false.into(), &account));
    home.run(&["--sandbox", "account", "balance"]).expect(0);
}

#[test]
fn the_users_credentials_stay_as_they_are() {
    let home = Home::new().with("INFRAI_API_KEY", "ifr_pk_proj_0123456789abcdefghijABCDEFGHIJ01");
    std::fs::create_dir(home.path(".infrai")).expect("a folder");
    let mine = "[default]\napi_key = \"ifr_pk_proj_mine\"\nbase_url = \"https://api.infrai.cc\"\n";
    std::fs::write(home.credentials(), mine).expect("a file");
    let ran = home.run(&["--sandbox", "--json", "whoami"]).expect(0);
    let told = ran.json();
    assert_eq!(told["key_source"], "profile", "the environment's key is not the sandbox's");
    assert!(told["credentials_file"].as_str().expect("a path").contains("sandbox"));
    home.run(&["--sandbox", "activate", "--force"]).expect(0);
    assert_eq!(std::fs::read_to_string(home.credentials()).expect("the file"), mine);
    let beside: Vec<_> = std::fs::read_dir(home.path(".infrai")).expect("the folder").collect();
    assert_eq!(beside.len(), 1, "{beside:?}");
}

#[test]
fn a_job_outlives_the_call_that_submitted_it() {
    let home = Home::new();
    let folder = home.path("my state");
    let folder = folder.to_str().expect("UTF-8");
    let words = ["--sandbox", "--data-dir", folder, "video", "generate", "a kite", "--duration", "1"];
    let ran = home.run(&words).expect(0);
    let wait = ran.stderr.lines().find(|line| line.contains(" video wait ")).expect("how to go on");
    assert!(wait.contains(&format!("--sandbox --data-dir '{folder}' video wait ")), "{wait}");
    let id = ran.stdout.split_whitespace().find(|word| word.starts_with("vid_")).expect("an id");
    home.run(&["--sandbox", "--data-dir", folder, "video", "wait", id, "-o", "kite.mp4"]).expect(0);
    assert!(is_mp4(&home.path("kite.mp4")));
    let elsewhere = home.run(&["--sandbox", "video", "status", id]);
    assert_eq!(elsewhere.code, Some(2), "another folder is another sandbox: {elsewhere:?}");
}

#[test]
fn play_money_is_paid_at_once() {
    let home = Home::new();
    let dear = ["--sandbox", "video", "generate", "a palace", "--resolution", "4k", "--duration", "60"];
    let ran = home.run(&dear).expect(3);
    assert!(ran.error_lines().1.contains("--sandbox account topup 20"), "{ran:?}");
    let record = home.run(&["--sandbox", "--json", "account", "topup", "20"]).expect(0).json();
    assert_eq!(record["state"], "succeeded");
    let left = home.run(&["--sandbox", "--json", "account", "balance"]).expect(0).json();
    assert_eq!(left["balance_usd"], 22.0);
}

#[test]
fn a_server_on_the_same_folder_is_used_instead() {
    let home = Home::new();
    let folder = home.path("shared");
    let folder = folder.to_str().expect("UTF-8");
    let mut server = Server::with(&["--data-dir", folder]);
    let told = home.run(&["--sandbox", "--data-dir", folder, "--json", "whoami"]).expect(0).json();
    assert_eq!(told["base_url"], server.url);
    server.close_stdin();
    assert_eq!(server.wait(), Some(0));
    let alone = home.run(&["--sandbox", "--data-dir", folder, "--json", "whoami"]).expect(0).json();
    assert_eq!(alone["account_id"], told["account_id"]);
    assert_ne!(alone["base_url"], told["base_url"]);
}

#[test]
fn a_stored_account_works_at_the_server_with_its_two_lines() {
    let home = Home::new();
    let folder = home.path("state");
    let folder = folder.to_str().expect("UTF-8");
    let account = home.run(&["--sandbox", "--data-dir", folder, "--json", "whoami"]).expect(0).json();
    let server = Server::with(&["--data-dir", folder]);
    let file = server.announced["credentials_file"].as_str().expect("a path");
    let other = Home::at(&server).with("INFRAI_CREDENTIALS_FILE", file);
    assert_eq!(other.run(&["--json", "whoami"]).expect(0).json()["account_id"], account["account_id"]);
}

#[test]
fn a_folder_that_another_process_holds_is_told() {
    let home = Home::new();
    let folder = home.path("held");
    let named = folder.to_str().expect("UTF-8");
    let server = Server::with(&["--data-dir", named]);
    let ran = home.run(&["sandbox", "--data-dir", named]).expect(5);
    assert!(ran.error_lines().0.contains("another sandbox serves"), "{ran:?}");
    // A process that serves itself alone writes no address.
    std::fs::remove_file(folder.join("url")).expect("the announcement");
    let ran = home.run(&["--sandbox", "--data-dir", named, "whoami"]).expect(5);
    assert!(ran.error_lines().1.contains("--data-dir"), "{ran:?}");
    drop(server);
}

#[test]
fn the_server_ends_with_its_standard_input_and_leaves_nothing_temporary() {
    let mut server = Server::start();
    let folder = server.announced["data_dir"].as_str().expect("a path").to_owned();
    assert!(std::path::Path::new(&folder).is_dir());
    server.close_stdin();
    assert_eq!(server.wait(), Some(0));
    assert!(!std::path::Path::new(&folder).exists());
}

#[cfg(unix)]
#[test]
fn the_server_ends_in_order_when_told_to() {
    for name in ["INT", "TERM"] {
        let mut server = Server::start();
        common::signal(name, server.pid());
        assert_eq!(server.wait(), Some(0), "{name}");
    }
}

#[test]
fn the_servers_options_reach_it() {
    let server = Server::with(&[
        "--temporary",
        "--addr",
        "127.0.0.1",
        "--port",
        "0",
        "--rate-limit",
        "1/h burst 2",
        "--file-url-ttl",
        "1h",
        "--render-workers",
        "1",
        "--slow",
        "1s",
        "--seed",
        "7",
        "--status-retry-after",
        "1",
        "--max-connections",
        "9",
        "--header-timeout",
        "5s",
        "--body-timeout",
        "5s",
        "--allow-host",
        "dev.example",
    ]);
    let home = Home::at(&server);
    home.run(&["activate"]).expect(0);
    home.run(&["--timeout", "5s", "account", "balance"]).expect(0);
    home.run(&["--timeout", "5s", "account", "balance"]).expect(0);
    let ran = home.run(&["--timeout", "5s", "account", "balance"]).expect(4);
    assert!(ran.error_lines().0.contains("HTTP 429"), "{ran:?}");
    for bad in [
        ["--fault", "nonsense"],
        ["--rate-limit", "fast"],
        ["--allow-host", "http://x"],
        ["--addr", "127.0.0.1:99999"],
    ] {
        let code = home.run(&["sandbox", "--temporary", bad[0], bad[1]]).code;
        assert!(matches!(code, Some(2 | 5)), "{bad:?}: {code:?}");
    }
    home.run(&["sandbox", "--temporary", "--data-dir", "x"]).expect(2);
    home.run(&["--sandbox", "sandbox"]).expect(2);
}

#[test]
fn people_are_told_how_to_use_the_server() {
    let home = Home::new();
    let ran = home.feed(&["sandbox", "--temporary", "--exit-with-parent"], "").expect(0);
    let parts = [
        "http://127.0.0.1:",
        "INFRAI_BASE_URL=",
        "INFRAI_CREDENTIALS_FILE=",
        "no model runs",
        "infrai sandbox --help",
    ];
    for part in parts {
        assert!(ran.stdout.contains(part), "{part}: {ran:?}");
    }
    let page = ran.stdout.lines().find_map(|line| line.strip_prefix("page")).map(str::trim);
    let (address, token) = page.and_then(|page| page.split_once("/#")).expect("the page's whole address");
    assert!(address.starts_with("http://127.0.0.1:") && token.len() == 32, "{ran:?}");
}

#[test]
fn the_help_is_a_manual_of_the_sandbox() {
    let help = Home::new().run(&["sandbox", "--help"]).expect(0).stdout;
    for part in [
        "sandbox/stuck",
        "sandbox-lite",
        "$0.32",
        "job=fail",
        "/sandbox/ledger",
        "/sandbox/requests",
        "/topup/",
    ] {
        assert!(help.contains(part), "{part}: {help}");
    }
}

#[test]
fn a_wrong_fault_is_an_error_that_names_the_expectation() {
    let home = Home::new();
    let words = ["sandbox", "--temporary", "--fault", "/x: staus=503"];
    let expected = "invalid fault: expected status, code, retry-after, delay, drop, cut, job, times or probability, got `staus`";
    let ran = home.run(&words).expect(2);
    let (error, hint) = ran.error_lines();
    assert!(error.contains(expected) && hint.contains("--help"), "{error} {hint}");
    let error = home.run(&[&["--json"][..], &words].concat()).expect(2).error_json();
    assert!(error["message"].as_str().expect("a message").contains(expected), "{error}");
}

#[test]
fn a_projects_folder_is_refused_and_unchanged() {
    let home = Home::new();
    let photo = home.path("files/photos/2024/w.jpg");
    std::fs::create_dir_all(photo.parent().expect("a folder")).expect("folders");
    std::fs::write(&photo, "a photo").expect("a file");
    for words in [
        &["--sandbox", "--data-dir", ".", "account", "balance"][..],
        &["sandbox", "--data-dir", ".", "--exit-with-parent"],
        &["--sandbox", "account", "balance"],
    ] {
        let ran =
            ended(home.command(words).env("INFRAI_SANDBOX_DIR", ".").spawn().expect("the command starts"));
        let ran = ran.expect(5);
        let (error, hint) = ran.error_lines();
        assert!(error.contains("is not empty and not a sandbox's") && error.contains("\"files\""), "{ran:?}");
        assert!(hint.contains("--data-dir"), "{ran:?}");
    }
    let names: Vec<_> = std::fs::read_dir(home.path("")).expect("readable").flatten().collect();
    assert_eq!(names.len(), 1, "{names:?}");
    assert_eq!(std::fs::read(photo).expect("readable"), b"a photo");
}

#[test]
fn an_empty_folder_is_taken() {
    let home = Home::new();
    home.run(&["--sandbox", "--data-dir", ".", "account", "balance"]).expect(0);
    home.run(&["--sandbox", "--data-dir", ".", "account", "balance"]).expect(0);
}

#[cfg(unix)]
#[test]
fn the_address_is_private_and_not_written_through_a_link() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let home = Home::new();
    let folder = home.path("state");
    let named = folder.to_str().expect("UTF-8");
    let mut server = Server::with(&["--data-dir", named]);
    let mode = std::fs::metadata(folder.join("url")).expect("the address").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    server.close_stdin();
    assert_eq!(server.wait(), Some(0));
    let victim = home.path("victim");
    for name in ["url", "credentials", "device", "lock"] {
        let _ = std::fs::remove_file(folder.join(name));
        std::fs::write(&victim, "precious").expect("a file");
        symlink(&victim, folder.join(name)).expect("a link");
        for words in [
            &["--sandbox", "--data-dir", named, "whoami"][..],
            &["sandbox", "--data-dir", named, "--exit-with-parent"],
        ] {
            let ran = home.run(words).expect(5);
            let (error, hint) = ran.error_lines();
            assert!(error.contains(&format!("{named}/{name}: it should be a file and is a link")), "{ran:?}");
            assert!(hint.contains("Remove it"), "{ran:?}");
        }
        assert_eq!(std::fs::read(&victim).expect("readable"), b"precious");
        std::fs::remove_file(folder.join(name)).expect("the link");
    }
    home.run(&["--sandbox", "--data-dir", named, "whoami"]).expect(0);
}

#[test]
fn a_server_beyond_this_machine_warns() {
    let home = Home::new();
    for (addr, warns) in [("0.0.0.0", true), ("127.0.0.1", false)] {
        let words = ["sandbox", "--temporary", "--exit-with-parent", "--addr", addr];
        let ran = home.feed(&words, "").expect(0);
        let warned = ran.stderr.lines().filter(|line| line.contains("beyond this machine")).count();
        assert_eq!(warned, usize::from(warns), "{ran:?}");
        assert_eq!(ran.stderr.contains("0.0.0.0:"), warns, "{ran:?}");
        assert_eq!(ran.stdout.contains("0.0.0.0:"), warns, "{ran:?}");
    }
}
