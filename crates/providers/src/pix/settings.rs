//! What an account at a bank needs beside what every account has.

use domain::rows::Mode;
use outbound::Address;

use crate::{ProviderSettings, br_code::BrCode};

const CLIENT_ID_BYTES_MAX: usize = 200;
/// The API's limit.
const KEY_CHARACTERS_MAX: usize = 77;
/// An attacker must not be able to find a webhook's secret by trying.
const WEBHOOK_SECRET_BYTES_MIN: usize = 32;

/// One account at a bank that serves the central bank's API.
#[derive(Clone, Debug)]
pub struct PixAccount {
    /// The client's name at the bank; its secret is the account's `secret_key`.
    pub client_id: String,
    /// The receiver's Pix key.
    pub key: String,
    /// Where the bank issues tokens; `None` for `/oauth/token` below the base URL.
    pub token_url: Option<String>,
    /// The path of the API below the base URL, such as `/v2`. Banks differ in it.
    pub api_path: String,
    pub receiver: PixReceiver,
}

/// Who receives, as it is written into a code that the bank leaves to us.
#[derive(Clone, Debug)]
pub struct PixReceiver {
    pub name: String,
    pub city: String,
}

/// The address of the token, as base URL and path.
pub fn token_address(settings: &ProviderSettings, account: &PixAccount) -> (String, String) {
    let base_url = settings.wire.base_url.trim_end_matches('/');
    let default = || format!("{base_url}/oauth/token");
    let url = account.token_url.clone().unwrap_or_else(default);
    let host = url.find("://").map_or(0, |at| at + 3);
    let path = url[host..].find('/').map_or(url.len(), |at| host + at);
    let (base_url, path) = url.split_at(path);
    (base_url.to_owned(), if path.is_empty() { "/".to_owned() } else { path.to_owned() })
}

pub fn check_keys(settings: &ProviderSettings) -> Result<(), String> {
    let Some(account) = &settings.pix else {
        return Err("needs client_id, pix_key, receiver_name and receiver_city".to_owned());
    };
    if settings.wire.base_url.is_empty() {
        return Err("base_url must be given: each bank has its own".to_owned());
    }
    if settings.secret_key.expose().is_empty() {
        return Err("secret_key must not be empty: it is the secret of the client".to_owned());
    }
    let is_graphic = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    let client_id = &account.client_id;
    // HTTP basic separates the two by a colon.
    let fits = (1..=CLIENT_ID_BYTES_MAX).contains(&client_id.len()) && !client_id.contains(':');
    if !fits || !is_graphic(client_id) {
        return Err("client_id must have 1 to 200 characters, without blanks and colons".to_owned());
    }
    if !(1..=KEY_CHARACTERS_MAX).contains(&account.key.len()) || !is_graphic(&account.key) {
        return Err("pix_key must have 1 to 77 characters, without blanks".to_owned());
    }
    if !account.api_path.is_empty() && !is_path(&account.api_path) {
        return Err("api_path must be empty, or begin with a slash and not end with one".to_owned());
    }
    if let Some(url) = &account.token_url {
        check_token_url(url, settings.mode)?;
    }
    let PixReceiver { name, city } = &account.receiver;
    let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    let longest_location = "x".repeat(KEY_CHARACTERS_MAX);
    let is_written = BrCode::of_location(&longest_location, name, city).write().is_ok();
    if !is_written || !is_plain(name) || !is_plain(city) {
        return Err(
            "receiver_name must have 1 to 25 and receiver_city 1 to 15 letters without accents".to_owned()
        );
    }
    if !settings.webhook_secrets.iter().all(|secret| is_webhook_secret(secret.expose())) {
        return Err("a webhook secret must have at least 32 letters, digits, `_` and `-`".to_owned());
    }
    match &settings.wire.identity {
        Some(identity) => identity.check(),
        None if settings.mode == Mode::Live => {
            Err("client_certificate and client_certificate_key are needed in live mode".to_owned())
        }
        None => Ok(()),
    }
}

fn is_path(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.');
    text.starts_with('/') && !text.ends_with('/') && !text.contains("..") && text.bytes().all(is_allowed)
}

/// A token is as good as the key that it is given for.
fn check_token_url(url: &str, mode: Mode) -> Result<(), String> {
    let address = Address::parse(url).map_err(|error| format!("token_url {error}"))?;
    if !address.is_https() && (mode == Mode::Live || !address.is_loopback()) {
        return Err("token_url must be https; plain http only in test mode on loopback".to_owned());
    }
    Ok(())
}

fn is_webhook_secret(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.len() >= WEBHOOK_SECRET_BYTES_MIN && text.bytes().all(is_allowed)
}

#[cfg(test)]
mod tests {
    use domain::Currency;
    use outbound::ClientIdentity;

    use super::*;
    use crate::{Secret, pix::ADAPTER};

    fn settings() -> ProviderSettings {
        let secrets = vec![Secret::new("webhook_secret_1".repeat(2))];
        let mut settings = ADAPTER.settings(Secret::new("client_secret_1"), secrets, Mode::Test);
        settings.wire.base_url = "http://127.0.0.1:12113".to_owned();
        settings.pix = Some(PixAccount {
            client_id: "client_1".to_owned(),
            key: "7d9f0335-8dcc-4054-9bf9-0dbd61d36906".to_owned(),
            token_url: None,
            api_path: "/v2".to_owned(),
            receiver: PixReceiver { name: "Harbour Tours".to_owned(), city: "RECIFE".to_owned() },
        });
        settings
    }

    #[test]
    fn settings_that_cannot_work_are_refused() {
        let check = |accepted: bool, change: fn(&mut ProviderSettings, &mut PixAccount)| {
            let mut settings = settings();
            let mut account = settings.pix.take().unwrap();
            change(&mut settings, &mut account);
            settings.pix = Some(account);
            let checked = ADAPTER.check(&settings);
            assert_eq!(checked.is_ok(), accepted, "{settings:?}: {checked:?}");
        };
        check(true, |_, _| ());
        check(false, |settings, _| settings.wire.base_url = String::new());
        check(false, |settings, _| settings.secret_key = Secret::new(""));
        check(false, |_, account| account.client_id = "a:b".to_owned());
        check(false, |_, account| account.client_id = String::new());
        check(false, |_, account| account.key = String::new());
        check(false, |_, account| account.key = "x".repeat(78));
        check(true, |_, account| account.api_path = String::new());
        for path in ["v2", "/v2/", "/../v2", "/v2?x=1"] {
            let mut settings = settings();
            settings.pix.as_mut().unwrap().api_path = path.to_owned();
            assert!(ADAPTER.check(&settings).is_err(), "{path}");
        }
        check(true, |_, account| account.token_url = Some("http://127.0.0.1:1/token".to_owned()));
        check(false, |_, account| account.token_url = Some("http://bank.example/token".to_owned()));
        check(false, |_, account| account.token_url = Some("bank.example/token".to_owned()));
        check(false, |_, account| account.receiver.name = "São Paulo Tours".to_owned());
        check(false, |_, account| account.receiver.name = "x".repeat(26));
        check(false, |_, account| account.receiver.city = String::new());
        check(false, |settings, _| settings.webhook_secrets = vec![Secret::new("x".repeat(31))]);
        check(true, |settings, _| settings.webhook_secrets.clear());
        check(true, |settings, _| settings.currency = Some(Currency::BRL));
        check(false, |settings, _| settings.currency = Some(Currency::EUR));
        // Without a client certificate.
        check(false, |settings, _| settings.mode = Mode::Live);
        check(false, |settings, _| {
            settings.wire.identity = Some(ClientIdentity {
                certificates_pem: "none".to_owned(),
                key_pem: "none".to_owned(),
                authorities_pem: String::new(),
            });
        });
        assert!(ADAPTER.check(&ProviderSettings { pix: None, ..settings() }).is_err());
    }

    #[test]
    fn the_address_of_the_token_is_divided_at_its_path() {
        let check = |url: Option<&str>, base_url: &str, path: &str| {
            let settings = settings();
            let account = settings.pix.clone().unwrap();
            let account = PixAccount { token_url: url.map(str::to_owned), ..account };
            assert_eq!(token_address(&settings, &account), (base_url.to_owned(), path.to_owned()), "{url:?}");
        };
        check(None, "http://127.0.0.1:12113", "/oauth/token");
        check(Some("https://sts.bank.example/api/token"), "https://sts.bank.example", "/api/token");
        check(Some("https://sts.bank.example"), "https://sts.bank.example", "/");
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let shown = format!("{:?}", settings());
        assert!(!shown.contains("client_secret_1") && !shown.contains("webhook_secret_1"), "{shown}");
    }
}
