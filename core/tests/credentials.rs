//! Credentials file: one account for many processes, atomic writes, and no overwriting of malformed files.

mod support;

use std::{fs, path::Path};

use infrai::{ErrorKind, InfraiClient};
use infrai_sandbox::Sandbox;
use support::{KEY, Server, child, is_child, ok, response, runtime};

/// Returns the fingerprint of each activation that this server received.
fn fingerprints(server: &Server) -> Vec<String> {
    let of = |body: &[u8]| {
        let body: serde_json::Value = serde_json::from_slice(body).unwrap();
        body["device_fingerprint"].as_str().unwrap().to_owned()
    };
    server.seen().iter().map(|request| of(&request.body)).collect()
}

const ACTIVATED: &str = r#"{"account_id":"acc_1","project_id":"proj_1","primary_api_key":"ifr_pk_proj_0123456789abcdefghijklmnopqrstuv","trial_credit_usd":2.0,"checkout_url":"https://pay.example/1"}"#;

fn client(folder: &Path, url: &str) -> InfraiClient {
    InfraiClient::builder()
        .credentials_file(folder.join(".infrai/credentials"))
        .base_url(url)
        .build()
        .unwrap()
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn activate_writes_a_private_file_for_later_calls() {
    let server = Server::start(|number, _| {
        ok(if number == 0 { ACTIVATED } else { r#"{"balance_usd":2,"currency":"USD"}"# })
    });
    let home = tempfile::tempdir().unwrap();
    let before = client(home.path(), &server.url());
    let missing = before.account().balance().await.unwrap_err();
    assert_eq!((missing.kind(), missing.code()), (ErrorKind::Authentication, "API_KEY_MISSING"));
    assert!(missing.hint().contains("INFRAI_API_KEY") && missing.hint().contains("activate"));

    let result = before.activate().await.unwrap();
    assert_eq!(
        (result.account_id.as_deref(), result.trial_credit_usd, result.reused),
        (Some("acc_1"), Some(2.0), false)
    );
    before.account().balance().await.expect("a missing key is not cached");
    client(home.path(), &server.url()).account().balance().await.unwrap();

    let folder = home.path().join(".infrai");
    assert_eq!(
        (mode(&folder), mode(&folder.join("credentials")), mode(&folder.join("device"))),
        (0o700, 0o600, 0o600)
    );
    let sent = String::from_utf8(server.seen()[0].body.clone()).unwrap();
    assert!(sent.starts_with("{\"device_fingerprint\":\""), "{sent}");
    assert!(sent.ends_with("\",\"device_kind\":\"cli\",\"region\":\"auto\"}\n"), "{sent}");
    let device = fs::read_to_string(folder.join("device")).unwrap();
    assert!(!sent.contains(device.trim()), "the device's secret was sent");
    assert_eq!(server.seen()[0].header("authorization"), None);
    assert_eq!(server.seen()[2].header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert!(!format!("{result:?}").contains(KEY));
}

#[tokio::test]
async fn second_activate_sends_nothing_unless_forced() {
    let server = Server::start(|number, _| ok(&ACTIVATED.replace("acc_1", &format!("acc_{}", number + 1))));
    let home = tempfile::tempdir().unwrap();
    let client = client(home.path(), &server.url());
    client.activate().await.unwrap();
    let again = client.activate().await.unwrap();
    assert_eq!((server.seen().len(), again.reused, again.account_id.as_deref()), (1, true, Some("acc_1")));
    client.activate().force(true).await.unwrap();
    let text = fs::read_to_string(home.path().join(".infrai/credentials")).unwrap();
    assert!(
        text.contains("[default-previous]") && text.contains("acc_1") && text.contains("acc_2"),
        "{text}"
    );
}

#[tokio::test]
async fn stored_key_needs_no_lock() {
    let server = Server::start(|_, _| ok(ACTIVATED));
    let home = tempfile::tempdir().unwrap();
    client(home.path(), &server.url()).activate().await.unwrap();
    let lock = home.path().join(".infrai/credentials.lock");
    let _ = fs::remove_file(&lock);
    // Not even root can open a folder as a lock.
    fs::create_dir(&lock).unwrap();
    let again = client(home.path(), &server.url()).activate().await.unwrap();
    assert!(again.reused && server.seen().len() == 1);
    let error = client(home.path(), &server.url()).activate().force(true).await.unwrap_err();
    assert_eq!((error.code(), server.seen().len()), ("CREDENTIALS_UNWRITABLE", 1));
}

#[tokio::test]
async fn profile_of_another_origin_is_refused() {
    let (one, other) = (Server::start(|_, _| ok(ACTIVATED)), Server::start(|_, _| ok(ACTIVATED)));
    let home = tempfile::tempdir().unwrap();
    client(home.path(), &one.url()).activate().await.unwrap();
    let elsewhere = client(home.path(), &other.url());
    let error = elsewhere.activate().await.unwrap_err();
    assert_eq!(error.code(), "PROFILE_ORIGIN_MISMATCH");
    assert!(error.message().contains(&one.url()) && error.message().contains(&other.url()), "{error}");
    assert!(error.hint().contains("another `profile`"), "{}", error.hint());
    let error = elsewhere.account().balance().await.unwrap_err();
    assert_eq!(error.code(), "KEY_ORIGIN_MISMATCH");
    assert!(other.seen().is_empty(), "the key went nowhere");
    elsewhere.activate().profile("other").await.unwrap();
    assert_eq!(other.seen().len(), 1);
}

#[tokio::test]
async fn activate_keeps_other_content_of_the_file() {
    let server = Server::start(|_, _| ok(ACTIVATED));
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(".infrai/credentials");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, "# mine\n[work] # a comment\nregion = \"china\"\nnested = { a = 1 }\n").unwrap();
    client(home.path(), &server.url()).activate().await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(
        text.starts_with("# mine\n[work] # a comment\nregion = \"china\"\nnested = { a = 1 }\n"),
        "{text}"
    );
    assert!(text.contains("[default]\napi_key = "), "{text}");
    assert_eq!(mode(&path), 0o600, "others could read the file before");
}

#[tokio::test]
async fn malformed_file_is_named_and_kept() {
    let server = Server::start(|_, _| ok(ACTIVATED));
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join(".infrai/credentials");
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let broken = [
        "[default]\napi_key = ifr_pk_proj_secretsecretsecret\n",
        "[default]\napi_key = 7\n",
        "[default]\napi_key = \"ifr_pk_proj_secret\\nsecret\"\n",
        "default = \"ifr_pk_proj_secret\"\n",
    ];
    for text in broken {
        fs::write(&path, text).unwrap();
        for error in [
            client(home.path(), &server.url()).account().balance().await.unwrap_err(),
            client(home.path(), &server.url()).activate().force(true).await.unwrap_err(),
        ] {
            assert_eq!(
                (error.kind(), error.code()),
                (ErrorKind::Credentials, "CREDENTIALS_INVALID"),
                "{error}"
            );
            assert!(
                error.message().contains(".infrai/credentials") && !format!("{error:?}").contains("secret"),
                "{error:?}"
            );
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    fs::write(&path, broken[0]).unwrap();
    let error = client(home.path(), &server.url()).activate().await.unwrap_err();
    assert!(error.message().contains("line 2"), "{error}");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn inline_table_keeps_other_fields() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("credentials");
    fs::write(&path, "default = { api_key = \"old\", team = \"red\" }\n").unwrap();
    let mut profile = infrai::Profile::read(&path, "default").unwrap().unwrap();
    profile.account_id = Some("acc_1".into());
    profile.store(&path, "default").await.unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("team = \"red\"") && text.contains("account_id = \"acc_1\""), "{text}");
}

#[tokio::test]
async fn linked_file_is_written_and_the_link_stays() {
    let server = Server::start(|_, _| ok(ACTIVATED));
    let (home, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (link, real) = (home.path().join(".infrai/credentials"), elsewhere.path().join("real"));
    fs::create_dir_all(link.parent().unwrap()).unwrap();
    fs::write(&real, "").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    client(home.path(), &server.url()).activate().await.unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&real).unwrap().contains("api_key"));
}

#[tokio::test]
async fn key_that_is_not_stored_serves_only_its_client() {
    let server = Server::start(|number, _| ok(if number == 0 { ACTIVATED } else { r#"{"balance_usd":2}"# }));
    let home = tempfile::tempdir().unwrap();
    let client = client(home.path(), &server.url());
    client.activate().write_credentials(false).await.unwrap();
    client.account().balance().await.unwrap();
    assert!(!home.path().join(".infrai/credentials").exists());
}

#[tokio::test]
async fn unwritable_folder_is_an_error_before_sending() {
    let server = Server::start(|_, _| ok(ACTIVATED));
    let home = tempfile::tempdir().unwrap();
    // Not even root can write below a regular file.
    fs::write(home.path().join(".infrai"), "").unwrap();
    let client = client(home.path(), &server.url());
    let error = client.activate().await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Credentials, "CREDENTIALS_UNWRITABLE"));
    assert!(server.seen().is_empty());
    client.activate().write_credentials(false).await.expect("the device secret is in memory");
}

#[test]
fn no_home_leaves_nothing_in_the_working_folder() {
    let name = "no_home_leaves_nothing_in_the_working_folder";
    if is_child(name) {
        let activate = async { InfraiClient::new().unwrap().activate().write_credentials(false).await };
        runtime().block_on(activate).unwrap();
        return;
    }
    let server = Server::start(|_, _| ok(ACTIVATED));
    let folder = tempfile::tempdir().unwrap();
    let mut command = child(name);
    // An empty HOME would count as unset, and the client would use the real home of this user.
    command.env("HOME", "/dev/null").env("INFRAI_BASE_URL", server.url()).current_dir(folder.path());
    assert!(command.status().unwrap().success());
    assert_eq!((server.seen().len(), fs::read_dir(folder.path()).unwrap().count()), (1, 0));
}

#[test]
fn environment_key_stays_in_use_after_activate() {
    let name = "environment_key_stays_in_use_after_activate";
    if is_child(name) {
        runtime().block_on(async {
            let client = InfraiClient::new().unwrap();
            client.activate().await.unwrap();
            client.account().balance().await.unwrap();
        });
        return;
    }
    let server = Server::start(|number, _| ok(if number == 0 { ACTIVATED } else { r#"{"balance_usd":2}"# }));
    let home = tempfile::tempdir().unwrap();
    let mut command = child(name);
    command.env("INFRAI_BASE_URL", server.url()).env("INFRAI_API_KEY", "ifr_pk_proj_mine");
    command.env("INFRAI_CREDENTIALS_FILE", home.path().join("credentials"));
    assert!(command.status().unwrap().success());
    assert_eq!(server.seen()[1].header("authorization"), Some("Bearer ifr_pk_proj_mine"));
}

#[test]
fn fifty_processes_activate_one_account() {
    let name = "fifty_processes_activate_one_account";
    if is_child(name) {
        let result = runtime().block_on(async { InfraiClient::new().unwrap().activate().await }).unwrap();
        println!("account={}", result.account_id.unwrap());
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let data = tempfile::tempdir().unwrap();
    let server = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let sandbox =
        server.block_on(Sandbox::builder().addr("127.0.0.1:0").data_dir(data.path()).start()).unwrap();
    let path = home.path().join(".infrai/credentials");
    let children: Vec<_> = (0..50)
        .map(|_| {
            let mut command = child(name);
            command.env("INFRAI_BASE_URL", sandbox.url()).env("INFRAI_CREDENTIALS_FILE", &path);
            command.stdout(std::process::Stdio::piped()).spawn().unwrap()
        })
        .collect();
    let mut accounts = std::collections::HashSet::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let account = text.lines().find_map(|line| line.strip_prefix("account=")).unwrap().to_owned();
        accounts.insert(account);
    }
    assert_eq!(accounts.len(), 1);
    let names: std::collections::BTreeSet<_> = fs::read_dir(path.parent().unwrap())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(
        names.into_iter().collect::<Vec<_>>(),
        ["credentials", "credentials.lock", "device"],
        "no temporary file remains"
    );
    let client = InfraiClient::builder().credentials_file(&path).base_url(sandbox.url()).build().unwrap();
    let balance = runtime().block_on(async { client.account().balance().await }).unwrap();
    assert!((balance.balance_usd - 2.0).abs() < 1e-9, "one trial credit");
    server.block_on(sandbox.stop());
}

#[test]
fn named_profile_activates_at_its_own_url() {
    let name = "named_profile_activates_at_its_own_url";
    if is_child(name) {
        let client = InfraiClient::builder().profile(std::env::var("TEST_PROFILE").unwrap()).build().unwrap();
        runtime().block_on(async { client.activate().force(true).await }).unwrap();
        return;
    }
    let (own, environment) = (Server::start(|_, _| ok(ACTIVATED)), Server::start(|_, _| ok(ACTIVATED)));
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("credentials");
    fs::write(&path, format!("[named]\nbase_url = \"{}\"\n", own.url())).unwrap();
    for (profile, expected) in [("named", (1, 0)), ("new", (1, 1))] {
        let mut command = child(name);
        command
            .env("TEST_PROFILE", profile)
            .env("INFRAI_CREDENTIALS_FILE", &path)
            .env("INFRAI_BASE_URL", environment.url());
        let output = command.output().unwrap();
        assert!(output.status.success(), "{profile}: {output:?}");
        assert_eq!((own.seen().len(), environment.seen().len()), expected, "{profile}");
    }
}

#[test]
fn argument_precedes_environment_and_profile() {
    let name = "argument_precedes_environment_and_profile";
    let key = |fill: &str| format!("ifr_pk_proj_{}", fill.repeat(32));
    if is_child(name) {
        let choice = std::env::var("TEST_CHOICE").unwrap();
        let builder = InfraiClient::builder();
        let builder = match choice.as_str() {
            "argument" => builder.api_key(key("a")),
            "named" => builder.profile("named"),
            "empty" => builder.api_key("").base_url("").profile(""),
            _ => builder,
        };
        runtime().block_on(async { builder.build().unwrap().account().balance().await }).unwrap();
        return;
    }
    let server = Server::start(|_, _| ok(r#"{"balance_usd":2}"#));
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("credentials");
    let table = |name: &str, fill: &str| {
        format!("[{name}]\napi_key = \"{}\"\nbase_url = \"{}\"\n", key(fill), server.url())
    };
    fs::write(&path, [table("default", "d"), table("named", "n"), table("work", "w")].concat()).unwrap();
    let expected = [
        ("argument", Some("e"), None, "a"),
        ("environment", Some("e"), None, "e"),
        ("empty", Some("e"), None, "e"),
        ("named", Some("e"), None, "n"),
        ("profile", None, Some("work"), "w"),
        ("default", None, None, "d"),
        ("empty variable", Some(""), None, "d"),
    ];
    for (choice, env_key, env_profile, fill) in expected {
        let mut command = child(name);
        command
            .env("TEST_CHOICE", choice)
            .env("INFRAI_CREDENTIALS_FILE", &path)
            .env("INFRAI_BASE_URL", server.url());
        if let Some(fill) = env_key {
            command.env("INFRAI_API_KEY", if fill.is_empty() { String::new() } else { key(fill) });
        }
        if let Some(profile) = env_profile {
            command.env("INFRAI_PROFILE", profile);
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{choice}: {output:?}");
        let bearer = format!("Bearer {}", key(fill));
        assert_eq!(server.seen().last().unwrap().header("authorization"), Some(bearer.as_str()), "{choice}");
    }
}

#[tokio::test]
async fn loopback_ports_get_the_same_fingerprint() {
    let (one, other) = (Server::start(|_, _| ok(ACTIVATED)), Server::start(|_, _| ok(ACTIVATED)));
    let home = tempfile::tempdir().unwrap();
    client(home.path(), &one.url()).activate().await.unwrap();
    client(home.path(), &one.url()).activate().write_credentials(false).await.unwrap();
    client(home.path(), &other.url()).activate().profile("other").await.unwrap();
    let named = other.url().replace("127.0.0.1", "localhost");
    client(home.path(), &named).activate().profile("named").await.unwrap();
    let (at_one, at_other) = (fingerprints(&one), fingerprints(&other));
    assert!(at_one[0] == at_one[1] && at_one[0] == at_other[0]);
    assert_ne!(at_other[1], at_other[0], "another host gets another fingerprint");
}

#[tokio::test]
async fn error_does_not_repeat_the_fingerprint() {
    let server = Server::start(|_, request| {
        let echo = String::from_utf8_lossy(&request.body).replace('"', " ");
        let body = format!("{{\"ok\":false,\"error\":{{\"code\":\"NO\",\"message\":\"{}\"}}}}", echo.trim());
        response(400, "content-type: application/json\r\n", body.as_bytes())
    });
    let home = tempfile::tempdir().unwrap();
    let error = client(home.path(), &server.url()).activate().await.unwrap_err();
    assert!(error.message().contains("device_fingerprint"), "{error}");
    assert!(!format!("{error} {error:?}").contains(&fingerprints(&server)[0]), "{error:?}");
}

#[cfg(unix)]
fn fifo(path: &Path) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[cfg(unix)]
#[tokio::test]
async fn fifo_in_place_of_a_file_is_refused() {
    use std::os::unix::fs::FileTypeExt as _;
    let server = Server::start(|_, _| ok(ACTIVATED));
    for (name, code) in [
        ("credentials", Some("CREDENTIALS_UNREADABLE")),
        ("credentials.lock", Some("CREDENTIALS_UNWRITABLE")),
        ("device", None),
    ] {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(".infrai").join(name);
        fifo(&path);
        let before = server.seen().len();
        let outcome = client(home.path(), &server.url()).activate().await;
        match code {
            Some(code) => {
                let error = outcome.unwrap_err();
                assert_eq!(error.code(), code, "{error}");
                let message = error.message();
                assert!(
                    message.contains(&*path.to_string_lossy()) && message.contains("a FIFO"),
                    "{message}"
                );
                assert_eq!(server.seen().len(), before, "nothing was sent");
            }
            None => assert!(!outcome.unwrap().reused, "the device secret is in memory"),
        }
        assert!(fs::symlink_metadata(&path).unwrap().file_type().is_fifo());
    }
    let home = tempfile::tempdir().unwrap();
    fifo(&home.path().join(".infrai/credentials"));
    let error = client(home.path(), &server.url()).account().balance().await.unwrap_err();
    assert_eq!(error.code(), "CREDENTIALS_UNREADABLE");
    assert_eq!(client(home.path(), &server.url()).key_hint().unwrap_err().code(), "CREDENTIALS_UNREADABLE");
}

#[cfg(unix)]
#[tokio::test]
async fn target_of_a_device_link_is_unchanged() {
    let server = Server::start(|_, _| ok(ACTIVATED));
    let home = tempfile::tempdir().unwrap();
    let (folder, precious) = (home.path().join(".infrai"), home.path().join("precious"));
    fs::create_dir(&folder).unwrap();
    fs::write(&precious, "irreplaceable").unwrap();
    std::os::unix::fs::symlink(&precious, folder.join("device")).unwrap();
    client(home.path(), &server.url()).activate().await.unwrap();
    assert_eq!(fs::read_to_string(&precious).unwrap(), "irreplaceable");
    assert!(folder.join("device").is_symlink());
}

#[cfg(unix)]
#[tokio::test]
async fn root_follows_no_link_of_another_user() {
    use std::os::unix::fs::{MetadataExt as _, lchown, symlink};
    let home = tempfile::tempdir().unwrap();
    if fs::metadata(home.path()).unwrap().uid() != 0 {
        println!("only root can give a link away");
        return;
    }
    let server = Server::start(|_, _| ok(ACTIVATED));
    let (precious, folder) = (home.path().join("precious"), home.path().join(".infrai"));
    fs::write(&precious, "").unwrap();
    for name in ["credentials", "device"] {
        fs::create_dir(&folder).unwrap();
        symlink(&precious, folder.join(name)).unwrap();
        for path in [folder.clone(), folder.join(name)] {
            lchown(path, Some(2222), Some(2222)).unwrap();
        }
        let error = client(home.path(), &server.url()).activate().await.unwrap_err();
        assert_eq!(error.code(), "CREDENTIALS_UNSAFE", "{name}: {error}");
        assert!(error.message().contains("is a link that belongs to another user (uid 2222)"), "{error}");
        assert!(!home.path().join("precious.lock").exists(), "{name}");
        fs::remove_dir_all(&folder).unwrap();
    }
    assert_eq!(fs::read(&precious).unwrap(), b"");
    assert!(server.seen().is_empty());
}

/// Simulates a disk that does not respond by a blocking pool whose only thread is busy. For the client, both are a wait
/// for a thread.
#[test]
fn unresponsive_file_ends_calls_at_their_deadline() {
    let server = Server::start(|_, _| ok(r#"{"balance_usd":2}"#));
    let home = tempfile::tempdir().unwrap();
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    let (release, released) = std::sync::mpsc::channel::<()>();
    runtime.spawn_blocking(move || released.recv());
    runtime.block_on(async {
        let explicit = InfraiClient::builder().api_key(KEY).base_url(server.url()).build().unwrap();
        explicit.account().balance().await.expect("an explicit key needs no file and no thread");
        let options = infrai::CallOptions::new().timeout(std::time::Duration::from_millis(20));
        let stuck = client(home.path(), &server.url()).with_options(options).unwrap();
        let error = stuck.account().balance().await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Timeout, "DEADLINE_EXCEEDED"));
        assert!(error.message().contains("the credentials file"), "{error}");
        let error = stuck.activate().await.unwrap_err();
        assert_eq!((error.kind(), error.code()), (ErrorKind::Timeout, "DEADLINE_EXCEEDED"));
        let error = stuck.activate().write_credentials(false).await.unwrap_err();
        assert_eq!(error.code(), "DEADLINE_EXCEEDED");
    });
    assert_eq!(server.seen().len(), 1);
    drop(release);
}
