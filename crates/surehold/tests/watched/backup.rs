//! A backup of a SQLite database while a server writes to it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use serde_json::json;
use server::ids::UuidV7;
use server::ports::clock::SystemClock;
use store::{Location, Store};
use testkit::{Engine, until};

use crate::deployment::Deployment;

fn back_up(database_url: &str, to: &Path) -> Output {
    let program = env!("CARGO_BIN_EXE_surehold");
    Command::new(program).args(["backup", "--database-url", database_url]).arg(to).output().unwrap()
}

/// Charges one after the other until `over`.
async fn charge(deployment: &Deployment, name: usize, over: &AtomicBool, charged: &AtomicUsize) {
    let charge = json!({
        "amount": { "minor": 700, "currency": "EUR" },
        "provider": "stripe", "payment_method": "pm_card_visa",
    });
    for number in 0.. {
        if over.load(Ordering::SeqCst) {
            return;
        }
        let answer = deployment.post("/v1/charges", &format!("{name}-{number}"), &charge).await;
        assert_eq!(answer.status, 201, "{}", answer.text());
        charged.fetch_add(1, Ordering::SeqCst);
    }
}

async fn copy_three_times(deployment: &Deployment, folder: &Path, charged: &AtomicUsize) {
    for name in ["first", "second", "third"] {
        let before = charged.load(Ordering::SeqCst);
        let (url, to) = (deployment.installation.database_url.clone(), folder.join(name));
        let copied = tokio::task::spawn_blocking(move || back_up(&url, &to)).await.unwrap();
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        until("it goes on meanwhile", async || (charged.load(Ordering::SeqCst) > before + 10).then_some(()))
            .await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_beside_writers_is_whole() {
    let deployment = Deployment::open(Engine::Sqlite, "").await;
    let folder = tempfile::tempdir().unwrap();
    let (over, charged) = (AtomicBool::new(false), AtomicUsize::new(0));
    let copies = async {
        copy_three_times(&deployment, folder.path(), &charged).await;
        over.store(true, Ordering::SeqCst);
    };
    let database = deployment.installation.database_url.trim_start_matches("sqlite:").to_owned();
    for name in ["", "-wal", "-shm", ".lock"] {
        let kept = std::fs::metadata(format!("{database}{name}")).unwrap();
        assert_eq!(kept.permissions().mode() & 0o777, 0o600, "{name}");
    }
    tokio::join!(
        copies,
        charge(&deployment, 0, &over, &charged),
        charge(&deployment, 1, &over, &charged),
        charge(&deployment, 2, &over, &charged)
    );
    for name in ["first", "second", "third"] {
        let path = folder.path().join(name);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let location = Location::Sqlite { path };
        let verdicts = check::run(&location, None).await.unwrap();
        assert!(verdicts.all_hold(), "{verdicts}");
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 3, "no draft is left, and no log");

    // An existing file is not overwritten.
    let third = folder.path().join("third");
    let before = std::fs::read(&third).unwrap();
    let refused = back_up(&deployment.installation.database_url, &third);
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && error.contains("not written over"), "{error}");
    assert_eq!(std::fs::read(&third).unwrap(), before);

    deployment.close().await;

    // The copy can be served, and is in SQLite's mode for concurrent readers.
    let serving = Location::Sqlite { path: third.clone() };
    let store = Store::open(store::Options::new(
        serving,
        Arc::new(SystemClock),
        Arc::new(UuidV7::default()),
        Arc::new(server::wire::Wire),
    ));
    store.await.unwrap().close().await;
    let mode = rusqlite::Connection::open(&third).unwrap();
    let mode: String = mode.query_row("pragma journal_mode", [], |row| row.get(0)).unwrap();
    assert_eq!(mode, "wal");
}

#[test]
fn what_cannot_be_copied_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let check = |url: &str, reason: &str| {
        let refused = back_up(url, &folder.path().join("copy"));
        let error = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(!refused.status.success() && error.contains(reason), "{url}: {error}");
        assert_eq!(error.lines().count(), 1, "{error}");
        assert!(!folder.path().join("copy").exists());
    };
    check("postgres://me:hunter2@127.0.0.1:1/books", "pg_basebackup and WAL archiving");
    let missing = format!("sqlite:{}", folder.path().join("none.sqlite").display());
    check(&missing, "there is no database");
    let empty = folder.path().join("empty.sqlite");
    std::fs::write(&empty, "").unwrap();
    check(&format!("sqlite:{}", empty.display()), "not migrated");
}
