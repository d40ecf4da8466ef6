//! The NATS settings of a process, and their checks.

use std::path::PathBuf;
use std::time::Duration;

use providers::Secret;

/// Longer than any real name, and within JetStream's limit.
const NAME_BYTES_MAX: usize = 64;
/// JetStream's own limit.
const REPLICAS_MAX: usize = 5;
/// Longer than the relay takes to retry a publication, so that the stream still knows its id.
pub(super) const DUPLICATE_WINDOW: Duration = Duration::from_mins(2);

#[derive(Clone, Debug)]
pub struct Settings {
    /// `nats://HOST:PORT` or `tls://HOST:PORT`: servers of one cluster.
    pub urls: Vec<String>,
    pub credentials: Credentials,
    pub tls: Tls,
    /// JetStream's domain, if the server has one.
    pub domain: Option<String>,
    /// One per database.
    pub stream: String,
    pub replicas: usize,
    /// How long the stream keeps a message, received or not.
    pub kept: Duration,
    /// How many bytes the stream keeps; the oldest messages are deleted first.
    pub kept_bytes_max: u64,
    /// How long one publication waits for the stream's acknowledgement.
    pub publish_timeout: Duration,
    /// How long a worker may be silent about a message before it is delivered again.
    pub ack_wait: Duration,
    /// Messages that one process handles at the same time.
    pub deliveries_max: usize,
}

#[derive(Clone, Debug, Default)]
pub enum Credentials {
    #[default]
    None,
    Password {
        user: String,
        password: Secret,
    },
    Token(Secret),
    Nkey(Secret),
    /// The content of a credentials file: a JWT and the seed of its NKey.
    File(Secret),
}

/// Settings in addition to `tls://` in the address.
#[derive(Clone, Debug, Default)]
pub struct Tls {
    /// The authorities to trust instead of the system's.
    pub authorities: Option<PathBuf>,
    pub certificate: Option<(PathBuf, PathBuf)>,
}

impl Settings {
    pub fn new(urls: Vec<String>) -> Settings {
        Settings {
            urls,
            credentials: Credentials::None,
            tls: Tls::default(),
            domain: None,
            stream: "SUREHOLD".to_owned(),
            replicas: 1,
            kept: Duration::from_hours(72),
            kept_bytes_max: 1 << 30,
            publish_timeout: Duration::from_secs(2),
            ack_wait: Duration::from_secs(30),
            deliveries_max: 64,
        }
    }

    /// Refuses invalid settings, with a sentence.
    pub fn check(&self) -> Result<(), String> {
        if self.urls.is_empty() {
            return Err("the address of NATS is missing".to_owned());
        }
        for url in &self.urls {
            address(url)?;
        }
        let plain = |name: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
            !name.is_empty() && name.len() <= NAME_BYTES_MAX && name.bytes().all(fits)
        };
        for (what, name) in [("stream", Some(&self.stream)), ("domain", self.domain.as_ref())] {
            if name.is_some_and(|name| !plain(name)) {
                return Err(format!("the {what} has 1 to {NAME_BYTES_MAX} letters, digits, `_` and `-`"));
            }
        }
        let within = |what: &str, value: Duration, least: Duration, most: Duration| {
            let fits = value >= least && value <= most;
            let message =
                || format!("{what} must be from {} ms to {} ms", least.as_millis(), most.as_millis());
            if fits { Ok(()) } else { Err(message()) }
        };
        let (second, hour) = (Duration::from_secs(1), Duration::from_hours(1));
        within("the time-out of publishing", self.publish_timeout, Duration::from_millis(100), hour)?;
        within("the wait for a worker's acknowledgement", self.ack_wait, second, hour)?;
        within("the stream's age", self.kept, DUPLICATE_WINDOW, hour * 24 * 365)?;
        if self.replicas == 0 || self.replicas > REPLICAS_MAX {
            return Err(format!("the stream has 1 to {REPLICAS_MAX} replicas"));
        }
        if self.kept_bytes_max < 1 << 20 || i64::try_from(self.kept_bytes_max).is_err() {
            return Err("the stream keeps at least a mebibyte".to_owned());
        }
        if self.deliveries_max == 0 {
            return Err("a process must be allowed to have a message in progress".to_owned());
        }
        Ok(())
    }
}

/// `nats://HOST[:PORT]`. Other parts of an address have their own setting here, or are a mistake.
fn address(url: &str) -> Result<(), String> {
    let uri: http::Uri = url.parse().map_err(|_| "an address of NATS is nats://HOST:PORT".to_owned())?;
    if !matches!(uri.scheme_str(), Some("nats" | "tls")) {
        return Err("an address of NATS begins with nats:// or tls://".to_owned());
    }
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err("an address of NATS holds no user and no password: they are settings of their own, \
             so that they are never shown"
            .to_owned());
    }
    if uri.host().is_none_or(str::is_empty) || uri.path_and_query().is_some_and(|path| path.as_str() != "/") {
        return Err("an address of NATS is nats://HOST:PORT, and no more".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused() {
        let check = |change: fn(&mut Settings), reason: Option<&str>| {
            let mut settings = Settings::new(vec!["nats://127.0.0.1:4222".to_owned()]);
            change(&mut settings);
            match (settings.check(), reason) {
                (Ok(()), None) => {}
                (Err(refused), Some(reason)) => assert!(refused.contains(reason), "{refused}"),
                (outcome, _) => panic!("{outcome:?}, not {reason:?}: {settings:?}"),
            }
        };
        check(|_| {}, None);
        check(|settings| settings.urls.push("tls://nats-2.example:4222".to_owned()), None);
        check(|settings| settings.urls.clear(), Some("missing"));
        check(|settings| settings.urls.push("http://127.0.0.1:1".to_owned()), Some("begins with"));
        check(|settings| settings.urls.push("nonsense".to_owned()), Some("begins with"));
        check(|settings| settings.urls.push("nats://".to_owned()), Some("nats://HOST:PORT"));
        check(|settings| settings.urls.push("nats://a/b".to_owned()), Some("no more"));
        check(|settings| settings.urls.push("nats://u:p@a:1".to_owned()), Some("no password"));
        check(|settings| settings.stream = "a.b".to_owned(), Some("the stream has"));
        check(|settings| settings.stream = String::new(), Some("the stream has"));
        check(|settings| settings.domain = Some("a b".to_owned()), Some("the domain has"));
        check(|settings| settings.replicas = 0, Some("replicas"));
        check(|settings| settings.replicas = 6, Some("replicas"));
        check(|settings| settings.kept = Duration::from_mins(1), Some("age"));
        check(|settings| settings.kept_bytes_max = 1000, Some("mebibyte"));
        check(|settings| settings.publish_timeout = Duration::ZERO, Some("publishing"));
        check(|settings| settings.ack_wait = Duration::from_millis(10), Some("acknowledgement"));
        check(|settings| settings.deliveries_max = 0, Some("in progress"));
    }

    #[test]
    fn no_secret_is_shown() {
        let credentials = [
            Credentials::Password { user: "u".to_owned(), password: Secret::new("hidden-1") },
            Credentials::Token(Secret::new("hidden-1")),
            Credentials::Nkey(Secret::new("hidden-1")),
            Credentials::File(Secret::new("hidden-1")),
        ];
        let shown = format!("{credentials:?}");
        assert!(!shown.contains("hidden-1"), "{shown}");
    }
}
