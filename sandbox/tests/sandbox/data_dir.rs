//! The data folder: allowed owners, created entries, and untouched ones.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use infrai_sandbox::{Sandbox, StartError};
use tempfile::TempDir;

use crate::client::{Api, assert_whole_mp4, path_of, reopen};

const MARKER: &str = ".infrai-sandbox";

fn empty() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Every path below a folder, with the bytes of each file.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && !path.is_symlink() {
            found.extend(tree(&path));
            found.insert(path, None);
        } else {
            let bytes = fs::read(&path).expect("readable");
            found.insert(path, Some(bytes));
        }
    }
    found
}

async fn refused(folder: &Path) -> StartError {
    Sandbox::builder().data_dir(folder).start().await.expect_err("it is refused")
}

/// A folder that a sandbox made, with an account and a job whose video is whole.
async fn used() -> (TempDir, String) {
    let folder = empty();
    let (sandbox, api) = reopen(folder.path()).await;
    let id = api.quick("sandbox/default").await;
    assert_eq!(api.ended(&id).await["state"], "succeeded");
    sandbox.stop().await;
    (folder, id)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_of_others_is_refused_and_unchanged() {
    for names in [
        &["files/photos/2024/w.jpg"][..],
        &["notes.txt"],
        &["lock"],
        &["sandbox.db"],
        // The state of a version without the marker, except for its database.
        &["lock", "sandbox.db", "files/vid_a/video.mp4"],
    ] {
        let folder = empty();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a folder")).expect("folders");
            fs::write(path, if *name == "lock" { "" } else { "precious" }).expect("a file");
        }
        let before = tree(folder.path());
        let error = refused(folder.path()).await;
        let text = error.to_string();
        assert!(matches!(error, StartError::NotASandbox { .. }), "{names:?}: {text}");
        assert!(
            text.contains(&folder.path().display().to_string()) && text.contains("empty folder"),
            "{text}"
        );
        assert_eq!(tree(folder.path()), before, "{names:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_others_is_refused_and_unchanged() {
    for marked in [false, true] {
        let folder = empty();
        let path = folder.path().join("sandbox.db");
        let database = rusqlite::Connection::open(&path).expect("a database");
        database.execute_batch("CREATE TABLE jobs (id TEXT)").expect("a table");
        drop(database);
        fs::write(folder.path().join(if marked { MARKER } else { "lock" }), "").expect("a file");
        let before = fs::read(&path).expect("readable");
        let text = refused(folder.path()).await.to_string();
        let expected = if marked { "holds the tables of another program" } else { "not a sandbox's" };
        assert!(text.contains(expected), "{text}");
        assert_eq!(fs::read(&path).expect("readable"), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_earlier_versions_folder_is_taken_over() {
    let (folder, id) = used().await;
    // The command's, and the user's own.
    for name in ["credentials", "device", "url", "credentials.lock", "notes.txt"] {
        fs::write(folder.path().join(name), "kept").expect("a file");
    }
    fs::remove_file(folder.path().join(MARKER)).expect("the marker");
    fs::write(folder.path().join("lock"), "").expect("the lock");
    for _ in 0..2 {
        let (sandbox, api) = reopen(folder.path()).await;
        let job = api.status(&id).await.data();
        assert_whole_mp4(&api.get(path_of(&job["video_url"], api.addr)).await.body);
        sandbox.stop().await;
        assert!(folder.path().join(MARKER).is_file());
    }
    assert_eq!(fs::read(folder.path().join("notes.txt")).expect("readable"), b"kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_spares_what_it_does_not_know() {
    let (folder, kept) = used().await;
    let files = folder.path().join("files");
    let (sandbox, api) = reopen(folder.path()).await;
    let failed = api.quick("sandbox/fail").await;
    assert_eq!(api.ended(&failed).await["state"], "failed");
    let cancelled = api.quick("sandbox/stuck").await;
    api.cancel(&cancelled).await.data();
    sandbox.stop().await;
    let spared = ["vid_unknown/video.mp4", "photos/2024/w.jpg", "loose.txt"];
    let known =
        [(&failed, "notes.txt", true), (&failed, "video.mp4", false), (&cancelled, "thumbnail.jpg", false)];
    let known = known.map(|(id, name, stays)| (format!("{id}/{name}"), stays));
    for name in spared.iter().copied().chain(known.iter().map(|(name, _)| name.as_str())) {
        fs::create_dir_all(files.join(name).parent().expect("a folder")).expect("folders");
        fs::write(files.join(name), "mine").expect("a file");
    }
    reopen(folder.path()).await.0.stop().await;
    assert!(spared.iter().all(|name| files.join(name).is_file()));
    for (name, stays) in known {
        assert_eq!(files.join(&name).exists(), stays, "{name}");
    }
    assert!(files.join(&kept).join("video.mp4").is_file());
    assert!(!files.join(&cancelled).exists(), "an empty folder of its own goes");

    // A new database knows no job, so that it removes none's files.
    for name in ["sandbox.db", "sandbox.db-wal", "sandbox.db-shm"] {
        let _ = fs::remove_file(folder.path().join(name));
    }
    reopen(folder.path()).await.0.stop().await;
    assert!(files.join(&kept).join("video.mp4").is_file());
}

#[tokio::test(flavor = "multi_thread")]
async fn no_id_of_the_database_leads_out_of_it() {
    let (folder, id) = used().await;
    let (sandbox, api) = reopen(folder.path()).await;
    let job = api.status(&id).await.data();
    let urls = ["video_url", "thumbnail_url"].map(|name| path_of(&job[name], api.addr).to_owned());
    sandbox.stop().await;
    let outside = empty();
    for place in [outside.path(), folder.path(), &folder.path().join("files")] {
        for name in ["video.mp4", "thumbnail.jpg"] {
            fs::write(place.join(name), "precious").expect("a file");
        }
    }
    let kept = || {
        let mut kept = tree(folder.path());
        kept.retain(|path, _| !path.to_string_lossy().contains("sandbox.db"));
        (kept, tree(outside.path()))
    };
    let database = rusqlite::Connection::open(folder.path().join("sandbox.db")).expect("a database");
    let before = kept();
    let absolute = outside.path().display().to_string();
    let name = outside.path().file_name().expect("a name").to_string_lossy();
    let up = format!("../../{name}");
    for id in [&absolute, &up, "../x", "..", ".", "", "vid_../x", &format!("vid_/../../{up}")] {
        // One that succeeded shows no files.
        database
            .execute("UPDATE jobs SET id = ?1, state = 'succeeded', stage = 'ended'", [id])
            .expect("changed");
        let (sandbox, api) = reopen(folder.path()).await;
        for url in &urls {
            assert_eq!(api.get(url).await.status, 500, "{id:?}");
        }
        sandbox.stop().await;
        // One that is to be rendered fails, whatever its model, and one that has failed leaves no files to remove_orphans.
        // Another id for the second, since an id has one refund.
        for (model, id) in [("sandbox/default", id.to_owned()), ("sandbox/fail", format!("{id}/"))] {
            database
                .execute(
                    "UPDATE jobs SET id = ?1, state = 'queued', stage = 'render', model = ?2",
                    (&id, model),
                )
                .expect("changed");
            let (sandbox, _) = reopen(folder.path()).await;
            let state = || {
                let state = database.query_row("SELECT state FROM jobs", [], |row| row.get::<_, String>(0));
                state.expect("a state")
            };
            while ["queued", "running"].contains(&state().as_str()) {
                tokio::time::sleep(std::time::Duration::from_millis(10)).await;
            }
            assert_eq!(state(), "failed", "{id:?} {model}");
            sandbox.stop().await;
        }
        reopen(folder.path()).await.0.stop().await;
        assert_eq!(kept(), before, "{id:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_starts_on_a_new_folder_give_one_sandbox() {
    let folder = empty();
    let path = folder.path().join("new");
    let starts = (0..20).map(|_| tokio::spawn(Sandbox::builder().data_dir(&path).start()));
    let mut sandboxes = Vec::new();
    for start in futures_util::future::join_all(starts).await {
        match start.expect("no panic") {
            Ok(sandbox) => sandboxes.push(sandbox),
            Err(StartError::DataDirInUse(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(sandboxes.len(), 1);
}

#[cfg(unix)]
mod unix {
    use std::{
        os::unix::{
            fs::{MetadataExt as _, PermissionsExt as _, chown, symlink},
            process::CommandExt as _,
        },
        process::Command,
    };

    use super::*;

    /// Entries that the sandbox opens in a data folder.
    const OPENED: [&str; 10] = [
        MARKER,
        "lock",
        "sandbox.db",
        "sandbox.db-wal",
        "sandbox.db-shm",
        "sandbox.db-journal",
        "url",
        "credentials",
        "credentials.lock",
        "device",
    ];

    fn mode(path: &Path) -> u32 {
        fs::symlink_metadata(path).expect("it is there").mode() & 0o777
    }

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    }

    fn is_root() -> bool {
        empty().path().metadata().expect("it is there").uid() == 0
    }

    /// Puts something else in the place of an entry.
    fn plant(path: &Path, what: &str, victim: &Path) {
        let _ = fs::remove_file(path);
        let _ = fs::remove_dir_all(path);
        match what {
            "link" => symlink(victim, path).expect("a link"),
            "dangling" => symlink(victim.join("nowhere"), path).expect("a link"),
            "pipe" => assert!(Command::new("mkfifo").arg(path).status().expect("mkfifo runs").success()),
            "folder" => fs::create_dir(path).expect("a folder"),
            _ => fs::write(path, "").expect("a file"),
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_is_planted_in_place_of_a_file_is_refused() {
        let (folder, _) = used().await;
        let outside = empty();
        let victim = outside.path().join("victim");
        fs::write(&victim, "precious").expect("a file");
        for name in OPENED {
            let path = folder.path().join(name);
            let own = fs::read(&path).ok();
            for what in ["link", "dangling", "pipe", "folder"] {
                plant(&path, what, &victim);
                let error = refused(folder.path()).await;
                assert!(matches!(error, StartError::Untrusted { .. }), "{name} as {what}: {error}");
                assert!(error.to_string().contains(&path.display().to_string()), "{error}");
            }
            plant(&path, "nothing", &victim);
            match own {
                Some(own) => fs::write(&path, own).expect("as it was"),
                None => fs::remove_file(&path).expect("as it was"),
            }
        }
        assert_eq!(fs::read(&victim).expect("readable"), b"precious");
        assert_eq!(fs::read_dir(outside.path()).expect("readable").count(), 1);
        reopen(folder.path()).await.0.stop().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_journal_that_names_another_is_refused() {
        let (folder, _) = used().await;
        let journal = folder.path().join("sandbox.db-journal");
        fs::write(&journal, b"/a/file\xd9\xd5\x05\xf9\x20\xa1\x63\xd7").expect("a file");
        let error = refused(folder.path()).await;
        assert!(matches!(error, StartError::Untrusted { .. }), "{error}");
        assert!(error.to_string().contains("sandbox.db-journal"), "{error}");
        fs::write(&journal, "").expect("a file");
        reopen(folder.path()).await.0.stop().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn files_that_are_a_link_are_refused_and_spared() {
        let (folder, id) = used().await;
        let home = empty();
        fs::create_dir(home.path().join(".infrai")).expect("a folder");
        fs::create_dir(home.path().join(&id)).expect("a folder");
        let files = folder.path().join("files");
        for what in ["link", "dangling", "pipe", "file"] {
            plant(&files, what, home.path());
            let error = refused(folder.path()).await.to_string();
            assert!(error.contains(&files.display().to_string()), "{what}: {error}");
        }
        assert_eq!(fs::read_dir(home.path()).expect("readable").count(), 2);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_jobs_folder_and_video_are_no_links() {
        let (folder, id) = used().await;
        let (sandbox, api) = reopen(folder.path()).await;
        let url = api.status(&id).await.data()["video_url"].clone();
        let video = folder.path().join("files").join(&id).join("video.mp4");
        for what in ["link", "pipe", "folder"] {
            plant(&video, what, Path::new("/etc/hostname"));
            assert_eq!(api.get(path_of(&url, api.addr)).await.status, 500, "{what}");
        }
        let failed = api.quick("sandbox/fail").await;
        assert_eq!(api.ended(&failed).await["state"], "failed");
        sandbox.stop().await;
        let outside = empty();
        fs::write(outside.path().join("video.mp4"), "mine").expect("a file");
        symlink(outside.path(), folder.path().join("files").join(&failed)).expect("a link");
        reopen(folder.path()).await.0.stop().await;
        assert!(outside.path().join("video.mp4").exists());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_it_makes_is_private_whatever_the_umask() {
        let this = std::env::current_exe().expect("this program");
        let shell = "umask 0; exec \"$0\" --exact data_dir::unix::serve_once";
        let folder = empty();
        let path = folder.path().join("a/b");
        let status = Command::new("sh").args(["-c", shell]).arg(this).env(FOLDER, &path).status();
        assert!(status.expect("it runs").success());
        assert_eq!((mode(&path), mode(&folder.path().join("a"))), (0o700, 0o700));
        let made = tree(&path);
        assert!(made.keys().any(|path| path.ends_with("video.mp4")), "{:?}", made.keys());
        for (path, file) in made {
            assert_eq!(mode(&path), if file.is_some() { 0o600 } else { 0o700 }, "{}", path.display());
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_temporary_folder_is_private_too() {
        let this = std::env::current_exe().expect("this program");
        let top = empty();
        for umask in ["0", "002"] {
            let shell = format!("umask {umask}; exec \"$0\" --exact data_dir::unix::serve_once --nocapture");
            let mut command = Command::new("sh");
            command.args(["-c", &shell]).arg(&this).env("TMPDIR", top.path()).env(FOLDER, "");
            let output = command.output().expect("it runs");
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(
                output.status.success() && text.contains("the temporary folder has the mode 700"),
                "{output:?}"
            );
        }
    }

    const FOLDER: &str = "INFRAI_SANDBOX_TEST_ONCE";

    /// Not a test of its own: a process that makes one video, with the umask or user that a test gives it.
    #[tokio::test(flavor = "multi_thread")]
    async fn serve_once() {
        let Some(folder) = std::env::var_os(FOLDER) else { return };
        if folder.is_empty() {
            let _sandbox = Sandbox::builder().start().await.expect("a sandbox");
            let made = fs::read_dir(std::env::temp_dir()).expect("readable").next();
            let made = made.expect("the folder").expect("an entry").path();
            println!("the temporary folder has the mode {:o}", mode(&made));
            return;
        }
        match Sandbox::builder().data_dir(folder).start().await {
            Ok(sandbox) => {
                let api = Api::activate(sandbox.addr(), "a-device").await;
                let id = api.quick("sandbox/default").await;
                assert_eq!(api.ended(&id).await["state"], "succeeded");
            }
            Err(error) => {
                eprintln!("{error}");
                std::process::exit(3);
            }
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_was_there_keeps_its_mode() {
        let folder = empty();
        chmod(folder.path(), 0o755);
        reopen(folder.path()).await.0.stop().await;
        assert_eq!(mode(folder.path()), 0o755);
        for (path, file) in tree(folder.path()) {
            assert_eq!(mode(&path), if file.is_some() { 0o600 } else { 0o700 }, "{}", path.display());
        }
        chmod(&folder.path().join("files"), 0o755);
        reopen(folder.path()).await.0.stop().await;
        assert_eq!(mode(&folder.path().join("files")), 0o755);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn another_users_folder_is_refused() {
        if !is_root() {
            println!("only root can give a folder away");
            return;
        }
        let top = empty();
        chmod(top.path(), 0o755);
        let folder = top.path().join("data");
        fs::create_dir(&folder).expect("a folder");
        chown(&folder, Some(2222), Some(2222)).expect("given away");
        let this = std::env::current_exe().expect("this program");
        let as_victim = || {
            let mut command = Command::new(&this);
            command.args(["--exact", "data_dir::unix::serve_once", "--nocapture"]).env(FOLDER, &folder);
            command.uid(1111).gid(1111).output().expect("it runs")
        };
        chmod(&folder, 0o777);
        let output = as_victim();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains("belongs to another user (uid 2222)"), "{output:?}");
        // Root takes over what only its owner can write, and no more.
        let text = refused(&folder).await.to_string();
        assert!(text.contains("others can write it (mode 0777)"), "{text}");
        assert_eq!(fs::read_dir(&folder).expect("readable").count(), 0, "nothing was made in it");
        chmod(&folder, 0o755);
        reopen(&folder).await.0.stop().await;
        for name in ["sandbox.db", "lock", MARKER, "files"] {
            let path = folder.join(name);
            let own = mode(&path);
            chown(&path, Some(2222), Some(2222)).expect("given away");
            reopen(&folder).await.0.stop().await;
            chmod(&path, own | 0o022);
            let text = refused(&folder).await.to_string();
            assert!(text.contains(&path.display().to_string()) && text.contains("uid 2222"), "{text}");
            chmod(&path, own);
            chown(&path, Some(0), Some(0)).expect("taken back");
        }
    }
}
