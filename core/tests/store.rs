//! Credential store: the promises of the credentials file, with entries in an application's store.

mod support;

use std::{
    collections::BTreeMap,
    fs,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    time::Duration,
};

use infrai::{CallOptions, CredentialStore, ErrorKind, InfraiClient, KeySource, StoreError};
use serde_json::{Value, json};
use support::{KEY, Server, ok};

const ACTIVATED: &str = r#"{"account_id":"acc_1","project_id":"proj_1","primary_api_key":"ifr_pk_proj_0123456789abcdefghijklmnopqrstuv","trial_credit_usd":2.0}"#;

/// A store in memory that fails on demand.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    entries: BTreeMap<String, String>,
    unreadable: bool,
    unwritable: bool,
}

impl Memory {
    fn with<T>(&self, work: impl FnOnce(&mut Inside) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, entry: &str, text: &str) {
        self.with(|inside| inside.entries.insert(entry.into(), text.into()));
    }

    fn get(&self, entry: &str) -> Option<String> {
        self.with(|inside| inside.entries.get(entry).cloned())
    }

    fn json(&self, entry: &str) -> Value {
        serde_json::from_str(&self.get(entry).unwrap()).unwrap()
    }

    fn names(&self) -> Vec<String> {
        self.with(|inside| inside.entries.keys().cloned().collect())
    }

    fn client(&self, url: &str) -> InfraiClient {
        InfraiClient::builder().credential_store(self.clone()).base_url(url).build().unwrap()
    }
}

impl CredentialStore for Memory {
    fn name(&self) -> String {
        "the test's store".into()
    }

    fn read(&self, entry: &str) -> Result<Option<String>, StoreError> {
        self.with(|inside| {
            if inside.unreadable {
                return Err("it is locked".into());
            }
            Ok(inside.entries.get(entry).cloned())
        })
    }

    fn write(&self, entry: &str, text: &str) -> Result<(), StoreError> {
        self.with(|inside| {
            if inside.unwritable {
                return Err("it is full".into());
            }
            inside.entries.insert(entry.into(), text.into());
            Ok(())
        })
    }
}

/// Returns the fingerprint of an activation's request.
fn fingerprint(request: &support::Request) -> String {
    let sent: Value = serde_json::from_slice(&request.body).unwrap();
    sent["device_fingerprint"].as_str().unwrap().to_owned()
}

/// Returns the loopback's fingerprint for a device with this secret.
async fn fingerprint_of(secret: &str) -> String {
    let server = Server::start(|_, _| ok(ACTIVATED));
    let store = Memory::default();
    store.put("device", secret);
    store.client(&server.url()).activate().await.unwrap();
    fingerprint(&server.seen()[0])
}

#[tokio::test]
async fn activate_writes_the_store_for_later_clients() {
    let server = Server::start(|number, _| ok(if number == 0 { ACTIVATED } else { r#"{"balance_usd":2}"# }));
    let store = Memory::default();
    let result = store.client(&server.url()).activate().await.unwrap();
    assert_eq!((result.reused, result.credentials_file, result.profile.as_str()), (false, None, "default"));
    store.client(&server.url()).account().balance().await.unwrap();
    assert_eq!(server.seen()[1].header("authorization"), Some(format!("Bearer {KEY}").as_str()));
    assert_eq!(store.names(), ["device", "profile:default"]);
    assert_eq!(
        store.json("profile:default"),
        json!({ "account_id": "acc_1", "project_id": "proj_1", "api_key": KEY, "base_url": server.url() })
    );
    let sent = fingerprint(&server.seen()[0]);
    assert_ne!(sent, store.get("device").unwrap(), "the secret itself is not sent");
}

#[tokio::test]
async fn file_is_not_read_when_there_is_a_store() {
    let server = Server::start(|_, _| ok(ACTIVATED));
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("credentials");
    fs::write(&file, "this is no TOML").unwrap();
    let builder = InfraiClient::builder().credentials_file(&file).credential_store(Memory::default());
    builder.base_url(server.url()).build().unwrap().activate().await.unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "this is no TOML");
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1, "no lock file and no device file");
}

#[tokio::test]
async fn second_activate_sends_nothing_unless_forced() {
    let server = Server::start(|number, _| ok(&ACTIVATED.replace("acc_1", &format!("acc_{}", number + 1))));
    let store = Memory::default();
    let client = store.client(&server.url());
    client.activate().await.unwrap();
    let again = client.activate().await.unwrap();
    assert_eq!((server.seen().len(), again.reused, again.account_id.as_deref()), (1, true, Some("acc_1")));
    client.activate().force(true).await.unwrap();
    client.activate().force(true).await.unwrap();
    let account = |entry: &str| store.json(entry)["account_id"].clone();
    assert_eq!(
        [
            account("profile:default-previous"),
            account("profile:default-previous-2"),
            account("profile:default")
        ],
        ["acc_1", "acc_2", "acc_3"]
    );
    let bodies: Vec<_> = server.seen().into_iter().map(|request| request.body).collect();
    assert!(bodies[0] == bodies[1] && bodies[1] == bodies[2], "a device has one fingerprint");
}

#[tokio::test]
async fn entry_of_another_origin_is_refused() {
    let (one, other) = (Server::start(|_, _| ok(ACTIVATED)), Server::start(|_, _| ok(ACTIVATED)));
    let store = Memory::default();
    store.client(&one.url()).activate().await.unwrap();
    let error = store.client(&other.url()).activate().force(true).await.unwrap_err();
    assert_eq!(error.code(), "PROFILE_ORIGIN_MISMATCH");
    assert!(error.hint().contains("`profile`, such as \"default-other\""), "{}", error.hint());
    let error = store.client(&other.url()).account().balance().await.unwrap_err();
    assert_eq!(error.code(), "KEY_ORIGIN_MISMATCH");
    assert!(other.seen().is_empty(), "the key went nowhere");
}

#[tokio::test]
async fn activate_keeps_other_fields_of_the_entry() {
    let server = Server::start(|_, _| ok(ACTIVATED));
    let store = Memory::default();
    store.put("profile:default", r#"{"team":"red","account_id":"acc_0"}"#);
    store.client(&server.url()).activate().await.unwrap();
    let entry = store.json("profile:default");
    assert_eq!((&entry["team"], &entry["account_id"]), (&json!("red"), &json!("acc_1")));
    assert_eq!(store.get("profile:default-previous"), None, "there was no key to keep");
}

#[tokio::test]
async fn malformed_entry_is_named_and_kept() {
    let server = Server::start(|_, _| ok(ACTIVATED));
    let store = Memory::default();
    for text in ["ifr_pk_proj_secret", r#"["secret"]"#, r#"{"api_key":7}"#, r#"{"api_key":"secret\nsecret"}"#]
    {
        store.put("profile:default", text);
        let client = store.client(&server.url());
        for error in
            [client.account().balance().await.unwrap_err(), client.activate().force(true).await.unwrap_err()]
        {
            assert_eq!(
                (error.kind(), error.code()),
                (ErrorKind::Credentials, "CREDENTIALS_INVALID"),
                "{error}"
            );
            assert!(error.message().contains("\"profile:default\" of the test's store"), "{error}");
            assert!(!format!("{error:?} {}", error.hint()).contains("secret"), "{error:?}");
        }
        assert_eq!(store.get("profile:default").unwrap(), text);
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn failing_store_is_an_error_before_sending() {
    let server = Server::start(|_, _| ok(ACTIVATED));
    let store = Memory::default();
    store.with(|inside| inside.unwritable = true);
    let error = store.client(&server.url()).activate().await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Credentials, "CREDENTIALS_UNWRITABLE"));
    assert!(error.message().contains("the test's store cannot be written: it is full"), "{error}");
    store.with(|inside| inside.unreadable = true);
    let error = store.client(&server.url()).account().balance().await.unwrap_err();
    assert_eq!(error.code(), "CREDENTIALS_UNREADABLE");
    assert!(error.message().contains("it is locked"), "{error}");
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn unwritable_store_is_fine_without_writing() {
    let server = Server::start(|_, _| ok(ACTIVATED));
    let store = Memory::default();
    store.with(|inside| inside.unwritable = true);
    store.client(&server.url()).activate().write_credentials(false).await.unwrap();
    assert!(store.names().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_clients_activate_one_account() {
    let server = Server::start(|_, _| ok(ACTIVATED));
    let store = Memory::default();
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let client = store.client(&server.url());
            tokio::spawn(async move { client.activate().await.unwrap().reused })
        })
        .collect();
    let mut activated = 0;
    for task in tasks {
        activated += usize::from(!task.await.unwrap());
    }
    assert_eq!((activated, server.seen().len()), (1, 1));
}

/// A store whose reads block until the test releases them, like one that asks its user first.
#[derive(Clone)]
struct Slow(Memory, Arc<Mutex<mpsc::Receiver<()>>>);

impl CredentialStore for Slow {
    fn name(&self) -> String {
        self.0.name()
    }

    fn read(&self, entry: &str) -> Result<Option<String>, StoreError> {
        // A message or the end of the channel releases the read.
        let _ = self.1.lock().unwrap_or_else(PoisonError::into_inner).recv();
        self.0.read(entry)
    }

    fn write(&self, entry: &str, text: &str) -> Result<(), StoreError> {
        self.0.write(entry, text)
    }
}

#[tokio::test]
async fn slow_store_delays_no_other_call() {
    let server = Server::start(|_, _| ok(r#"{"balance_usd":2}"#));
    let (release, released) = mpsc::channel();
    let memory = Memory::default();
    memory.put("profile:default", &json!({ "api_key": KEY, "base_url": server.url() }).to_string());
    let store = Slow(memory, Arc::new(Mutex::new(released)));
    let slow = InfraiClient::builder().credential_store(store.clone()).build().unwrap();
    let call = tokio::spawn({
        let slow = slow.clone();
        async move { slow.account().balance().await }
    });
    // The test has one thread. This call would never end if the store blocked that thread.
    let other = InfraiClient::builder().api_key(KEY).base_url(server.url()).build().unwrap();
    other.account().balance().await.unwrap();
    let impatient = slow.with_options(CallOptions::new().timeout(Duration::from_millis(20))).unwrap();
    let error = impatient.account().balance().await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Timeout, "DEADLINE_EXCEEDED"));
    assert!(error.message().contains("the credential store"), "{error}");
    drop(release);
    call.await.unwrap().unwrap();
    assert_eq!(server.seen().len(), 2);
}

/// A store that uses its own client, like one that logs the base URL.
struct Reentrant(Arc<OnceLock<InfraiClient>>, AtomicBool);

impl CredentialStore for Reentrant {
    fn name(&self) -> String {
        "the reentrant store".into()
    }

    fn read(&self, _entry: &str) -> Result<Option<String>, StoreError> {
        if !self.1.swap(true, Ordering::SeqCst) {
            self.0.get().unwrap().base_url()?;
        }
        Ok(Some(json!({ "api_key": KEY }).to_string()))
    }

    fn write(&self, _entry: &str, _text: &str) -> Result<(), StoreError> {
        Ok(())
    }
}

#[tokio::test]
async fn store_may_use_its_own_client() {
    let own = Arc::new(OnceLock::new());
    let store = Reentrant(Arc::clone(&own), AtomicBool::new(false));
    let client = InfraiClient::builder().credential_store(store).build().unwrap();
    own.set(client.clone()).unwrap();
    let (done, answer) = mpsc::channel();
    std::thread::spawn(move || done.send(client.base_url().unwrap()));
    let url = answer.recv_timeout(Duration::from_secs(60)).expect("the store does not deadlock");
    assert_eq!(url, "https://api.infrai.cc/");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn activations_without_writing_share_one_device() {
    struct Wide(Memory);
    impl CredentialStore for Wide {
        fn name(&self) -> String {
            self.0.name()
        }

        fn read(&self, entry: &str) -> Result<Option<String>, StoreError> {
            let found = self.0.read(entry);
            // Gives the other activations time to find no entry too.
            std::thread::sleep(Duration::from_millis(5));
            found
        }

        fn write(&self, entry: &str, text: &str) -> Result<(), StoreError> {
            self.0.write(entry, text)
        }
    }
    let server = Server::start(|_, _| ok(ACTIVATED));
    let memory = Memory::default();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let builder = InfraiClient::builder().credential_store(Wide(memory.clone()));
            let client = builder.base_url(server.url()).build().unwrap();
            tokio::spawn(async move { client.activate().write_credentials(false).await.unwrap() })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let expected = fingerprint_of(&memory.get("device").unwrap()).await;
    for request in server.seen() {
        assert_eq!(fingerprint(&request), expected);
    }
    assert_eq!(server.seen().len(), 8);
}

#[tokio::test]
async fn final_content_of_the_device_entry_counts() {
    struct Shared(Memory);
    impl CredentialStore for Shared {
        fn name(&self) -> String {
            self.0.name()
        }

        fn read(&self, entry: &str) -> Result<Option<String>, StoreError> {
            self.0.read(entry)
        }

        fn write(&self, entry: &str, text: &str) -> Result<(), StoreError> {
            self.0.write(entry, text)?;
            if entry == "device" {
                self.0.write(entry, "6b9f2b1e-8f43-4a39-9d2e-0a4c3f1d7e55")?;
            }
            Ok(())
        }
    }
    let server = Server::start(|_, _| ok(ACTIVATED));
    let builder = InfraiClient::builder().credential_store(Shared(Memory::default()));
    builder.base_url(server.url()).build().unwrap().activate().await.unwrap();
    let expected = fingerprint_of("6b9f2b1e-8f43-4a39-9d2e-0a4c3f1d7e55").await;
    assert_eq!(fingerprint(&server.seen()[0]), expected);
}

#[tokio::test]
async fn store_that_claims_every_entry_is_an_error() {
    struct Everything;
    impl CredentialStore for Everything {
        fn name(&self) -> String {
            "the store of everything".into()
        }

        fn read(&self, _entry: &str) -> Result<Option<String>, StoreError> {
            Ok(Some(json!({ "api_key": KEY, "base_url": "http://127.0.0.1:9" }).to_string()))
        }

        fn write(&self, _entry: &str, _text: &str) -> Result<(), StoreError> {
            Ok(())
        }
    }
    let builder = InfraiClient::builder().credential_store(Everything);
    let client = builder.base_url("http://127.0.0.1:8").build().unwrap();
    let error = client.activate().await.unwrap_err();
    assert_eq!((error.kind(), error.code()), (ErrorKind::Credentials, "CREDENTIALS_INVALID"));
    assert!(error.message().contains("\"default-other-1000\""), "{error}");
}

#[tokio::test]
async fn identity_from_a_store_names_no_file() {
    let server = Server::start(|_, _| ok(ACTIVATED));
    let store = Memory::default();
    let client = store.client(&server.url());
    assert_eq!(client.identity().unwrap().key_source, KeySource::Missing);
    client.activate().await.unwrap();
    let identity = store.client(&server.url()).identity().unwrap();
    assert_eq!((identity.key_source, identity.credentials_file), (KeySource::Profile, None));
    assert_eq!(identity.account_id.as_deref(), Some("acc_1"));
}
