//! The first command of a new user: the story ends with one charge at each provider and one payout, on
//! both engines, and again on the same directory. Also the tour of the documentation, and the configurations that the program
//! refuses.
#![expect(clippy::unwrap_used, reason = "all of it is tests; clippy sees only those with the attribute")]

mod tour;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

fn surehold(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_surehold")).args(arguments).output().unwrap()
}

/// A private database on the server that `cargo xtask test` starts.
#[expect(clippy::disallowed_methods, reason = "a test has no program that would read its configuration")]
fn postgres(name: &str) -> String {
    let server = std::env::var("SUREHOLD_TEST_POSTGRES")
        .expect("SUREHOLD_TEST_POSTGRES names no PostgreSQL: run `cargo xtask test`");
    let name = format!("{name}_{}", std::process::id());
    let create = format!("create database {name}");
    let made = Command::new("psql").args([&server, "-qc", &create]).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let (server_url, _) = server.rsplit_once('/').unwrap();
    format!("{server_url}/{name}")
}

fn run_story(data: &Path, database_url: Option<&str>) -> String {
    let data = data.to_str().unwrap();
    let mut arguments = vec!["demo", "--once", "--data", data];
    arguments.extend(["--listen", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0"]);
    if let Some(url) = database_url {
        arguments.extend(["--database-url", url]);
    }
    let output = surehold(&arguments);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// What each story must show.
const STORY: [&str; 14] = [
    "Idempotent-Replayed: true",
    "422 idempotency_key_reused",
    "confirmed, paid, paid 90.00 EUR",
    "is captured, 300.00 BRL",
    "confirmed, paid, paid 300.00 BRL",
    "code 000201",
    "is succeeded, 150.00 BRL",
    "is completed",
    "is paid, 72.00 EUR, transfer tr_",
    "-72.00 EUR   stripe transfer tr_",
    "0.00 EUR   owed to the guide now",
    "stripe        1 charge. Its books have",
    "mercado_pago  1 charge. Its books have",
    "pix           1 charge. Its books have",
];

fn check(database_url: Option<&str>) {
    let data = tempfile::tempdir().unwrap();
    let mut ledgers = Vec::new();
    for time in ["first", "second"] {
        let story = run_story(data.path(), database_url);
        let ledger = |line: &&str| line.trim_start().starts_with("ledger ");
        ledgers.push(story.lines().filter(ledger).map(str::to_owned).collect::<Vec<_>>());
        for line in STORY {
            assert!(story.contains(line), "{time}: `{line}` is missing in\n{story}");
        }
        assert!(!story.contains("BROKEN"), "{story}");
        assert_books_are_equal(&story);
    }
    // Only the movements of this story, without earlier ones.
    assert_eq!(ledgers[0], ledgers[1]);
    let amounts = ledgers[0].iter().map(|line| line.split_whitespace().nth(1).unwrap());
    assert_eq!(
        amounts.collect::<Vec<_>>(),
        ["-450.00", "-18.00", "300.00", "150.00", "18.00"],
        "{ledgers:?}"
    );
    let demo = std::fs::read(data.path().join("demo.json")).unwrap();
    let demo: Value = serde_json::from_slice(&demo).unwrap();
    assert_eq!(demo["tenants"].as_array().unwrap().len(), 2);
    for member in [
        "/base_url",
        "/sandbox_url",
        "/product_id",
        "/unit_id",
        "/slots/0/id",
        "/slots/0/starts_at",
        "/small_slot/id",
        "/tenants/1/name",
        "/tenants/1/api_key",
        "/tenants/1/ops_key",
        "/tenants/1/accounts/stripe",
        "/tenants/1/accounts/mercado_pago",
        "/tenants/1/accounts/pix",
        "/in_reais/product_id",
        "/in_reais/unit_id",
        "/in_reais/slot_id",
    ] {
        assert!(demo.pointer(member).is_some_and(Value::is_string), "{member} in {demo:#}");
    }
    assert_eq!(demo["small_slot"]["capacity"], 10);
    assert!(demo["pid"].is_u64());
}

/// The last figures of the three providers: in their books, and in the ledger.
fn assert_books_are_equal(story: &str) {
    let figures =
        story.lines().filter_map(|line| line.split_once(". Its books have ")?.1.split_once(", the ledger "));
    let figures: Vec<_> = figures.map(|(books, ledger)| (books, ledger.trim_end_matches('.'))).collect();
    assert_eq!(figures.len(), 3, "{story}");
    assert!(figures.iter().all(|(books, ledger)| books == ledger && !books.is_empty()), "{story}");
}

#[test]
fn the_story_ends_with_one_charge_on_sqlite() {
    check(None);
}

#[test]
fn the_story_ends_with_one_charge_on_postgres() {
    check(Some(&postgres("demo")));
}

/// The variable of the README's deployment names the database that serves customers.
#[test]
fn the_demo_keeps_to_its_own_database() {
    let data = tempfile::tempdir().unwrap();
    let live = format!("sqlite:{}", data.path().join("live.sqlite").display());
    let name = ["tenant", "create", "--name", "Fjord Tours", "--database-url", &live];
    assert!(surehold(&name).status.success());
    let tenants = |url: &str| {
        let connection = rusqlite::Connection::open(url.trim_start_matches("sqlite:")).unwrap();
        connection.query_row("select count(*) from tenants", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    let demo = data.path().join("demo");
    let arguments =
        ["demo", "--once", "--listen", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0", "--data"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_surehold"));
    command.args(arguments).arg(&demo).env("SUREHOLD_DATABASE_URL", &live);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(tenants(&live), 1, "the environment's database is not the demo's");
    assert!(demo.join("surehold.sqlite").exists());

    let output = command.args(["--database-url", &live]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("`Fjord Tours`"), "{text}");
    assert_eq!((tenants(&live), text.lines().count()), (1, 1), "{text}");
}

/// Its processes read their own configuration, and a variable takes precedence over it.
#[test]
fn an_attack_keeps_to_its_own_database() {
    let directory = tempfile::tempdir().unwrap();
    let live = format!("sqlite:{}", directory.path().join("live.sqlite").display());
    assert!(surehold(&["tenant", "create", "--name", "Ferry", "--database-url", &live]).status.success());
    let mut command = Command::new(env!("CARGO_BIN_EXE_surehold"));
    command.args(["attack", "--scenario", "charges", "--operations", "4", "--out"]);
    command.arg(directory.path().join("out")).env("SUREHOLD_DATABASE_URL", &live);
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let connection = rusqlite::Connection::open(live.trim_start_matches("sqlite:")).unwrap();
    let count = |table: &str| {
        let sql = format!("select count(*) from {table}");
        connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    assert_eq!([count("accounts"), count("payments")], [0, 0]);
}

/// If both are started without a data directory, `serve` must not serve the demo's tenants.
#[test]
fn by_default_the_demo_keeps_to_its_own_folder() {
    let folder = tempfile::tempdir().unwrap();
    let in_folder = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_surehold"));
        command.args(arguments).current_dir(folder.path()).output().unwrap()
    };
    let output = in_folder(&["demo", "--once", "--listen", "127.0.0.1:0", "--sandbox-listen", "127.0.0.1:0"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(folder.path().join("surehold-demo/demo.json").exists());
    assert!(in_folder(&["migrate"]).status.success());
    let tenants = in_folder(&["tenant", "list"]);
    assert!(tenants.status.success());
    assert!(!String::from_utf8_lossy(&tenants.stdout).contains("harbour"), "the default database is another");
}

/// The files that other users of the machine could read, by name.
fn readable_by_others(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.metadata().unwrap().permissions().mode() & 0o077 != 0 {
            found.push(path.display().to_string());
        }
        if path.is_dir() {
            found.extend(readable_by_others(&path));
        }
    }
    found
}

#[test]
fn nobody_else_reads_what_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let data = directory.path().join("a/demo");
    run_story(&data, None);
    let journal = directory.path().join("a/demo/sandbox.journal");
    assert!(journal.exists());
    // The default database is created as well, with its folder.
    for arguments in [&["migrate"][..], &["tenant", "create", "--name", "Fjord Tours"]] {
        let folder = directory.path().join(arguments[0]);
        std::fs::create_dir(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o700)).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_surehold"));
        let ended = command.args(arguments).current_dir(&folder).output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        assert!(folder.join("surehold-data/surehold.sqlite").exists());
    }
    let out = directory.path().join("attack");
    let attack = ["attack", "--scenario", "charges", "--operations", "2", "--out", out.to_str().unwrap()];
    assert!(surehold(&attack).status.success());
    assert_eq!(out.metadata().unwrap().permissions().mode() & 0o777, 0o700);
    std::fs::remove_dir_all(out).unwrap();
    assert_eq!(readable_by_others(directory.path()), Vec::<String>::new());
}

#[test]
fn a_configuration_that_cannot_work_is_refused_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let database = format!("sqlite:{}", directory.path().join("x.sqlite").display());
    let refused = |arguments: &[&str], reason: &str| {
        let answer = surehold(arguments);
        let output = String::from_utf8_lossy(&answer.stderr).into_owned();
        assert!(!answer.status.success() && output.contains(reason), "{arguments:?}\n{output}");
    };
    refused(&["serve", "--database-url", &database, "--role", "api"], "SQLite is one process");
    refused(&["serve", "--database-url", &database, "--role", "cook"], "`cook`");
    refused(&["serve", "--config", "/no/such/file"], "cannot be read");
    refused(&["serve", "--database-url", "mysql://x"], "mysql://x");
    for command in [&["serve"][..], &["migrate"], &["check"], &["tenant", "create", "--name", "Fjord Tours"]]
    {
        for url in ["postgres://me:hunter2@127.0.0.1:1/x", "postgres://127.0.0.1:1/x?password=hunter2"] {
            let answer = surehold(&[command, &["--database-url", url]].concat());
            let output = [answer.stdout, answer.stderr].concat();
            let output = String::from_utf8_lossy(&output);
            assert!(!answer.status.success() && !output.contains("hunter2"), "{command:?}: {output}");
        }
    }
    refused(
        &["check", "--database-url", &database.replace("x.sqlite", "none.sqlite")],
        "there is no database at",
    );
    let empty = directory.path().join("empty.sqlite").display().to_string();
    std::fs::write(&empty, "").unwrap();
    refused(&["check", "--database-url", &empty], "not migrated");
    std::fs::write(&empty, "no database, but a text that is long enough to be read").unwrap();
    refused(&["check", "--database-url", &empty], "file is not a database");
    let server = postgres("empty");
    refused(&["check", "--database-url", &server], "not migrated");
    refused(&["check", "--database-url", &format!("{server}_none")], "does not exist");
    refused(&["check", "--database-url", "postgres://127.0.0.1:1/x"], "refused");
    let config = directory.path().join("surehold.toml");
    let account = "[[accounts]]\ntenant = 'nobody'\nprovider = 'stripe'\nname = 'acct_1'\nmode = 'test'\n\
                   base_url = 'http://127.0.0.1:1'\nsecret_key = 'sk_test_1'\nwebhook_secrets = []\n";
    std::fs::write(&config, account).unwrap();
    let config = config.to_str().unwrap();
    refused(&["serve", "--config", config, "--database-url", &database], "there is no tenant `nobody`");
}
