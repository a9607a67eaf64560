//! Accounts and keys: activation, display, payment, and errors without a key.

mod common;

use common::{Home, Server};

#[test]
fn activate_stores_a_key_and_whoami_tells_of_it() {
    let server = Server::start();
    let home = Home::at(&server);
    let first = home.run(&["activate"]).expect(0);
    assert!(first.stdout.contains("trial credit  $2.00"), "{first:?}");
    let second = home.run(&["activate"]).expect(0);
    assert!(second.stdout.contains("nothing was sent"), "{second:?}");
    let report = home.run(&["--json", "whoami"]).expect(0).json();
    assert_eq!(report["balance"]["balance_usd"], 2.0);
    assert_eq!(report["key_source"], "profile");
    assert_eq!(report["base_url"], server.url);
    let account = report["account_id"].as_str().expect("an account");
    assert!(first.stdout.contains(account));
    let lines = home.run(&["whoami"]).expect(0).stdout;
    for part in ["profile      default", account, "ifr_pk_proj_…", "$2.00", "credentials"] {
        assert!(lines.contains(part), "{part}: {lines}");
    }
}

#[test]
fn activate_on_a_second_profile_shows_the_balance() {
    let server = Server::start();
    let home = Home::at(&server);
    home.run(&["activate"]).expect(0);
    home.run(&["video", "generate", "a kite", "--duration", "1", "-o", "a.mp4"]).expect(0);
    let second = home.run(&["--profile", "work", "activate"]).expect(0);
    assert!(!second.stdout.contains("trial credit"), "{second:?}");
    assert!(
        second.stdout.contains("this device's account, which the profile \"default\" has too"),
        "{second:?}"
    );
    let report = home.run(&["--json", "--profile", "third", "activate"]).expect(0).json();
    let balance = report["balance_usd"].as_f64().expect("a balance");
    assert!(
        balance < 2.0 && second.stdout.contains(&format!("balance      ${balance}")),
        "{report} {second:?}"
    );
    assert_eq!((&report["existing_profile"], &report["trial_credit_usd"]), (&"default".into(), &().into()));
}

#[test]
fn no_key_is_ever_printed() {
    let server = Server::start();
    let home = Home::at(&server);
    let mut all = String::new();
    let mut say = |ran: common::Ran| all.extend([ran.stdout, ran.stderr]);
    say(home.run(&["-vv", "activate"]).expect(0));
    say(home.run(&["--json", "activate", "--force"]).expect(0));
    say(home.run(&["-vv", "whoami"]).expect(0));
    say(home.run(&["-vv", "--json", "whoami"]).expect(0));
    say(home.run(&["-vv", "video", "generate", "a kite", "--duration", "1", "-o", "a.mp4"]).expect(0));
    say(home.run(&["-vv", "video", "status", "nowhere"]).expect(2));
    assert!(all.contains("DEBUG"), "the log is there: {all}");
    let text = std::fs::read_to_string(home.credentials()).expect("a credentials file");
    let keys: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("api_key = ")).collect();
    assert_eq!(keys.len(), 2, "the forced activation kept the old key");
    for key in keys {
        let key = key.trim_matches('"');
        assert!(key.len() > 40 && !all.contains(key), "a key was printed: {all}");
        assert!(!all.contains(&key[key.len() - 12..]), "most of a key was printed: {all}");
    }
    let device = std::fs::read_to_string(home.path(".infrai/device")).expect("a fingerprint");
    assert!(!all.contains(device.trim()), "the fingerprint was printed: {all}");
}

#[test]
fn a_missing_key_has_the_ways_to_one() {
    let server = Server::start();
    let home = Home::at(&server);
    let ran = home.run(&["video", "generate", "a kite"]).expect(3);
    let (what, todo) = ran.error_lines();
    assert!(what.contains("API_KEY_MISSING"), "{what}");
    assert!(todo.contains("`infrai activate`") && todo.contains("INFRAI_API_KEY"), "{todo}");
    let shown = home.run(&["whoami"]).expect(3);
    assert!(shown.stdout.contains("key          none"), "{shown:?}");
    let error = home.run(&["--json", "account", "balance"]).expect(3).error_json();
    assert_eq!(error["kind"], "authentication");
    assert!(error["hint"].as_str().expect("a hint").contains("`infrai activate`"));
}

#[test]
fn a_key_that_is_not_accepted_is_an_account_matter() {
    let server = Server::start();
    let home = Home::at(&server).with("INFRAI_API_KEY", "ifr_pk_proj_0123456789abcdefghijABCDEFGHIJ01");
    let ran = home.run(&["account", "balance"]).expect(3);
    assert!(ran.error_lines().1.contains("activate --force"), "{ran:?}");
    let ran = home.run(&["whoami"]).expect(3);
    assert!(ran.stdout.contains("(from INFRAI_API_KEY)"), "{ran:?}");
}

#[test]
fn too_little_credit_says_where_to_pay_and_a_topup_helps() {
    let server = Server::start();
    let home = Home::at(&server);
    home.run(&["activate"]).expect(0);
    let dear = ["video", "generate", "a palace", "--resolution", "4k", "--duration", "60"];
    let ran = home.run(&dear).expect(3);
    assert!(ran.error_lines().0.contains("INSUFFICIENT_CREDIT"), "{ran:?}");
    assert!(ran.error_lines().1.contains(&format!("{}/checkout/", server.url)), "{ran:?}");
    let record =
        home.run(&["--json", "account", "topup", "20", "--idempotency-key", "once"]).expect(0).json();
    assert_eq!(record["amount_usd"], 20.0);
    assert!(record["next_action_url"].as_str().expect("a page").starts_with(&server.url));
    let again = home.run(&["--json", "account", "topup", "20", "--idempotency-key", "once"]).expect(0).json();
    assert_eq!(again["topup_id"], record["topup_id"]);
    home.run(&["account", "topup", "--", "-1"]).expect(2);
}

#[test]
fn a_server_that_is_not_there_is_a_network_matter() {
    let home = Home::new()
        .with("INFRAI_BASE_URL", "http://127.0.0.1:9")
        .with("INFRAI_API_KEY", "ifr_pk_proj_0123456789abcdefghijABCDEFGHIJ01");
    let ran = home.run(&["--timeout", "2s", "account", "balance"]).expect(4);
    assert!(ran.error_lines().0.contains("CONNECTION_FAILED"), "{ran:?}");
    let ran = home.run(&["--timeout", "2s", "whoami"]).expect(0);
    assert!(ran.stdout.contains("balance      not known"), "a balance out of reach is no failure: {ran:?}");
}

#[test]
fn an_answer_that_never_comes_is_a_network_matter() {
    let server = Server::with(&["--temporary", "--fault", "GET /v1/account/balance: delay=600s"]);
    let home = Home::at(&server);
    home.run(&["activate"]).expect(0);
    let ran = home.run(&["--timeout", "300ms", "account", "balance"]).expect(4);
    assert!(ran.error_lines().1.contains("--timeout"), "{ran:?}");
}

#[test]
fn a_broken_credentials_file_is_a_local_matter_and_stays_as_it_is() {
    let home = Home::new();
    std::fs::create_dir(home.path(".infrai")).expect("a folder");
    std::fs::write(home.credentials(), "[default\napi_key = 1\n").expect("a file");
    let ran = home.run(&["whoami"]).expect(5);
    assert!(ran.error_lines().0.contains("line 1"), "{ran:?}");
    home.run(&["activate"]).expect(5);
    assert_eq!(std::fs::read_to_string(home.credentials()).expect("the file"), "[default\napi_key = 1\n");
}

#[test]
fn a_profile_has_a_key_of_its_own() {
    let server = Server::start();
    let home = Home::at(&server);
    home.run(&["activate"]).expect(0);
    home.run(&["--profile", "work", "activate"]).expect(0);
    let report = home.run(&["--profile", "work", "--json", "whoami"]).expect(0).json();
    assert_eq!(report["profile"], "work");
    let other = home.run(&["--profile", "nobody", "whoami"]).expect(3);
    assert!(other.stdout.contains("nobody"), "{other:?}");
}

/// A top-up with this body.
fn body(words: &str) -> [&str; 6] {
    ["--json", "request", "POST", "/v1/account/topup", "--body", words]
}

#[test]
fn request_reaches_any_route() {
    let server = Server::start();
    let home = Home::at(&server);
    home.run(&["activate"]).expect(0);
    let shown = home.run(&["request", "GET", "/v1/account/balance", "--query", "a=b c"]).expect(0);
    assert!(shown.stdout.contains("\"balance_usd\": 2"), "{shown:?}");
    let answer = home.run(&["--json", "request", "get", "/v1/account/balance"]).expect(0).json();
    assert_eq!((&answer["status"], &answer["data"]["currency"]), (&200.into(), &"USD".into()));
    assert!(answer["metadata"]["request_id"].is_string());
    let plain = home.run(&body("{\"amount_usd\": 5}")).expect(0).json();
    assert_eq!(plain["data"]["amount_usd"], 5.0);
    std::fs::write(home.path("body.json"), "{\"amount_usd\": 6}").expect("a file");
    let from_file = home.run(&body("@body.json")).expect(0).json();
    assert_eq!(from_file["data"]["amount_usd"], 6.0);
    let from_input = home.feed(&body("-"), "{\"amount_usd\": 7}\n").expect(0).json();
    assert_eq!(from_input["data"]["amount_usd"], 7.0);
    let huge = home.run(&body("{\"amount_usd\": 18446744073709551616}")).expect(2);
    assert!(huge.error_json()["message"].as_str().expect("words").contains("18446744073709551616"));
    home.run(&body("@nowhere.json")).expect(5);
    home.run(&["request", "GET", "/v1/nowhere"]).expect(2);
    home.run(&["request", "GET", "v1"]).expect(2);
    home.run(&["request", "BREW", "/v1/x"]).expect(2);
}

#[cfg(unix)]
#[test]
fn a_fifo_as_credentials_file_is_an_error_at_once() {
    let home = Home::new().with("INFRAI_BASE_URL", "http://127.0.0.1:9");
    common::fifo(&home.credentials());
    for words in [&["account", "balance"][..], &["whoami"], &["activate"]] {
        let ran = home.run(&[&["--timeout", "2s"], words].concat());
        let (what, todo) = ran.error_lines();
        assert!(what.contains("it is a FIFO, not a regular file (CREDENTIALS_UNREADABLE)"), "{what}");
        assert!(todo.contains("INFRAI_CREDENTIALS_FILE"), "{todo}");
        assert_eq!(ran.code, Some(5), "{ran:?}");
    }
}

#[cfg(unix)]
#[test]
fn each_file_that_others_can_change_is_warned_of_once() {
    use std::os::unix::fs::PermissionsExt as _;
    let server = Server::start();
    let home = Home::at(&server);
    home.run(&["activate"]).expect(0);
    let set = |name: &str, mode| {
        let path = home.path(".infrai").join(name);
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("it is set");
    };
    for (name, mode) in [("credentials", 0o622), ("device", 0o644), ("credentials.lock", 0o606), ("", 0o777)]
    {
        set(name, mode);
    }
    let ran = home.run(&["activate", "--force"]).expect(0);
    for expected in [
        "others on this machine can write the credentials file; run: chmod 600",
        "others on this machine can read the device file; run: chmod 600",
        "others on this machine can read and write the lock of the credentials file; run: chmod 600",
        "the credentials' folder can be changed by others on this machine; run: chmod go-w",
    ] {
        assert_eq!(ran.stderr.matches(expected).count(), 1, "{expected}: {ran:?}");
    }
}
