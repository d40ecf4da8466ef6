use test_servers::Error;
use test_servers::redis::{Options, Persistence, Private};

use crate::{listens, replies};

fn start(options: Options) -> Private {
    Private::start(options).expect("a private Redis")
}

fn with_snapshots() -> Private {
    start(Options { persistence: Persistence::Snapshot, ..Options::default() })
}

#[test]
fn a_server_listens_on_loopback_only() {
    let redis = start(Options::default());
    assert_eq!(redis.command(&["PING"]).unwrap(), "PONG");
    assert_eq!(redis.command(&["CONFIG", "GET", "bind"]).unwrap(), "bind\n127.0.0.1");
    assert_eq!(redis.url(), format!("redis://127.0.0.1:{}", redis.port()));
    assert!(redis.version().starts_with("Redis server v="), "{}", redis.version());
    let refused = redis.command(&["NO-SUCH-COMMAND"]).unwrap_err();
    assert!(
        matches!(&refused, Error::Refused { output, .. } if output.contains("unknown command")),
        "{refused}"
    );
}

#[test]
fn the_callers_options_and_settings_apply() {
    let redis = start(Options {
        memory_max_mb: Some(3),
        eviction: Some("allkeys-lru".to_owned()),
        settings: vec![("databases".to_owned(), "7".to_owned())],
        ..Options::default()
    });
    let check = |name: &str, expected: &str| {
        assert_eq!(redis.command(&["CONFIG", "GET", name]).unwrap(), format!("{name}\n{expected}"));
    };
    check("maxmemory", &(3 * 1024 * 1024).to_string());
    check("maxmemory-policy", "allkeys-lru");
    check("databases", "7");
    // Full memory evicts keys, as the policy says.
    for key in 0..40 {
        redis.command(&["SET", &format!("key-{key}"), &"x".repeat(100_000)]).unwrap();
    }
    let kept: u32 = redis.command(&["DBSIZE"]).unwrap().parse().unwrap();
    assert!(kept < 40, "{kept} of 40 keys are still there");
}

#[test]
fn an_unknown_setting_is_reported_with_the_servers_log() {
    let settings = vec![("no-such-setting".to_owned(), "1".to_owned())];
    let refused = Private::start(Options { settings, ..Options::default() }).unwrap_err();
    assert!(
        matches!(&refused, Error::DidNotStart { log, .. } if log.contains("no-such-setting")),
        "{refused}"
    );
}

#[test]
fn without_persistence_a_restart_forgets_everything() {
    let redis = start(Options::default());
    let url = redis.url();
    redis.command(&["SET", "key", "value"]).unwrap();
    redis.restart().unwrap();
    assert_eq!(redis.command(&["DBSIZE"]).unwrap(), "0");
    assert_eq!(redis.url(), url);
}

#[test]
fn a_snapshot_outlives_a_stop_and_a_kill_loses_what_came_after_it() {
    let redis = with_snapshots();
    let value = || redis.command(&["GET", "key"]).unwrap();
    redis.command(&["SET", "key", "first"]).unwrap();
    redis.restart().unwrap();
    assert_eq!(value(), "first");
    redis.command(&["SET", "key", "second"]).unwrap();
    redis.kill().unwrap();
    assert!(!listens(redis.port()));
    redis.restart().unwrap();
    assert_eq!(value(), "first");
}

#[test]
fn an_old_snapshot_can_be_restored() {
    let redis = with_snapshots();
    redis.command(&["SET", "old", "1"]).unwrap();
    let snapshot = redis.save().unwrap();
    redis.command(&["SET", "new", "1"]).unwrap();
    redis.restart().unwrap();
    assert_eq!(redis.command(&["DBSIZE"]).unwrap(), "2");
    redis.restore(&snapshot).unwrap();
    assert_eq!(redis.command(&["KEYS", "*"]).unwrap(), "old");
}

#[test]
fn a_paused_server_is_silent_and_then_continues() {
    let redis = start(Options::default());
    redis.pause().unwrap();
    assert!(!replies(redis.port(), "PING\r\n"));
    redis.resume().unwrap();
    assert_eq!(redis.command(&["PING"]).unwrap(), "PONG");
    // A pause does not delay a stop either.
    redis.pause().unwrap();
    redis.stop().unwrap();
    assert!(!listens(redis.port()));
    assert!(matches!(redis.pause(), Err(Error::DoesNotRun { .. })));
    redis.restart().unwrap();
    assert_eq!(redis.command(&["PING"]).unwrap(), "PONG");
}

#[test]
fn a_drop_ends_the_server_and_removes_its_directory() {
    let redis = start(Options::default());
    let (port, directory) = (redis.port(), redis.directory().to_owned());
    redis.pause().unwrap();
    drop(redis);
    assert!(!listens(port));
    assert!(!directory.exists());
}
