//! Queries before a call: identity, stored profiles, download targets and idempotency keys.

mod support;

use std::{fs, path::Path};

use infrai::{ErrorKind, InfraiClient, KeySource, Profile, new_idempotency_key, video::DownloadRequest};
use support::KEY;

fn profile(url: &str) -> Profile {
    Profile {
        api_key: Some(infrai::ApiKey::new(KEY).unwrap()),
        account_id: Some("acc_1".into()),
        project_id: None,
        base_url: Some(url.into()),
    }
}

#[tokio::test]
async fn stored_profile_keeps_the_rest_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kept/credentials");
    assert_eq!(Profile::read(&file, "default").unwrap(), None);
    let wanted = profile("http://127.0.0.1:1");
    wanted.store(&file, "default").await.unwrap();
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("# mine\n[other]\napi_key = \"x\"\n\n{text}note = \"kept\"\n")).unwrap();
    let moved = Profile { base_url: Some("http://127.0.0.1:2".into()), ..wanted };
    moved.store(&file, "default").await.unwrap();
    assert_eq!(Profile::read(&file, "default").unwrap(), Some(moved));
    let text = fs::read_to_string(&file).unwrap();
    for kept in ["# mine", "[other]", "note = \"kept\""] {
        assert!(text.contains(kept), "{kept} is missing: {text}");
    }
    for malformed in ["[default", "default = 3\n", "[[default]]\nnote = \"kept\"\n"] {
        fs::write(&file, malformed).unwrap();
        let error = profile("http://127.0.0.1:3").store(&file, "default").await.unwrap_err();
        assert_eq!(error.code(), "CREDENTIALS_INVALID");
        assert_eq!(fs::read_to_string(&file).unwrap(), malformed);
    }
}

#[tokio::test]
async fn comment_after_a_value_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    fs::write(&file, "[default]\n# of the team\napi_key = \"x\" # till May\n").unwrap();
    profile("http://127.0.0.1:1").store(&file, "default").await.unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert!(
        text.starts_with(&format!("[default]\n# of the team\napi_key = \"{KEY}\" # till May\n")),
        "{text}"
    );
}

#[tokio::test]
async fn identity_names_the_key_source_without_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("credentials");
    let builder = || InfraiClient::builder().credentials_file(&file).profile("work");
    let missing = builder().build().unwrap().identity().unwrap();
    assert_eq!((missing.key_source, missing.key_hint), (KeySource::Missing, None));
    assert_eq!(missing.base_url, infrai::DEFAULT_BASE_URL);
    profile("http://127.0.0.1:1/api/").store(&file, "work").await.unwrap();
    let stored = builder().build().unwrap().identity().unwrap();
    assert_eq!((stored.key_source.as_str(), stored.profile.as_str()), ("profile", "work"));
    assert_eq!(stored.base_url, "http://127.0.0.1:1/api");
    assert_eq!(stored.account_id.as_deref(), Some("acc_1"));
    assert!(!format!("{stored:?}").contains(KEY));
    let explicit = builder().api_key(KEY).build().unwrap().identity().unwrap();
    assert_eq!((explicit.key_source, explicit.account_id), (KeySource::Argument, None));
}

#[test]
fn target_check_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let code = |path: &Path, overwrite| {
        DownloadRequest::check_target(path, overwrite)
            .map_err(|error| (error.kind(), error.code().to_owned()))
    };
    let path = folder.path().join("video.mp4");
    assert_eq!(code(&path, false), Ok(()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    fs::write(&path, "mine").unwrap();
    assert_eq!(code(&path, false), Err((ErrorKind::InvalidRequest, "FILE_EXISTS".into())));
    assert_eq!(code(&path, true), Ok(()));
    let nowhere = folder.path().join("no/video.mp4");
    assert_eq!(code(&nowhere, true), Err((ErrorKind::Configuration, "FILE_ERROR".into())));
    assert_eq!(fs::read(&path).unwrap(), b"mine");
}

#[test]
fn new_idempotency_key_is_a_unique_uuid() {
    let (one, two) = (new_idempotency_key().unwrap(), new_idempotency_key().unwrap());
    assert_ne!(one, two);
    assert_eq!((one.len(), &one[14..15]), (36, "7"));
}
