//! How an account at Mercado Pago is reached, and which settings are refused before the first call.

use domain::{Currency, rows::Mode, time::Span};

use super::amounts;
use crate::{Secret, WireSettings};

/// Mercado Pago does not document how long it keeps a key. A key protects a call here for less than
/// a day, as at other providers.
const KEY_RETENTION_MAX: Span = Span::seconds(24 * 3_600);
/// Two while a secret is being replaced.
const WEBHOOK_SECRETS_MAX: usize = 2;
const WEBHOOK_TOLERANCE_MAX: Span = Span::seconds(3_600);
/// Mercado Pago refuses a longer one.
const NOTIFICATION_URL_BYTES_MAX: usize = 500;
/// Added to the notification URL. Without it Mercado Pago sends its older notifications, which are
/// not signed.
const SIGNED_NOTIFICATIONS: &str = "source_news=webhooks";

#[derive(Clone, Debug)]
pub struct Settings {
    /// `https://api.mercadopago.com`, unless in test mode.
    pub wire: WireSettings,
    /// `APP_USR-…`. The credentials of a test user begin with it too, so it does not prove the mode;
    /// `TEST-…` is accepted in test mode only.
    pub access_token: Secret,
    /// The secret signatures of the application; two while one is being replaced. Without one, every
    /// webhook is refused.
    pub webhook_secrets: Vec<Secret>,
    pub mode: Mode,
    /// The currency of the account's country. The wire of a payment has none: an amount in another
    /// currency would be charged as the same number of these.
    pub currency: Currency,
    /// How far a delivery's time may differ from ours, in either direction.
    pub webhook_tolerance: Span,
    /// How long a call may be repeated under its key.
    pub key_retention: Span,
    /// Where Mercado Pago sends the webhooks of each payment; otherwise to the address that the
    /// application has in its settings there.
    pub notification_url: Option<String>,
}

impl Settings {
    pub const BASE_URL: &str = "https://api.mercadopago.com";

    /// The currency is Brazil's.
    pub fn new(access_token: Secret, webhook_secrets: Vec<Secret>, mode: Mode) -> Settings {
        Settings {
            wire: WireSettings::new(Settings::BASE_URL),
            access_token,
            webhook_secrets,
            mode,
            currency: Currency::BRL,
            webhook_tolerance: Span::seconds(300),
            key_retention: Span::seconds(23 * 3_600),
            notification_url: None,
        }
    }

    /// The error is a sentence that says what is wrong. It names no secret.
    pub fn check(&self) -> Result<(), String> {
        self.check_secrets()?;
        self.wire.check(self.mode)?;
        if amounts(self.currency).is_none() {
            return Err(format!("Mercado Pago has no accounts in {}", self.currency));
        }
        if self.webhook_tolerance <= Span(0) || self.webhook_tolerance > WEBHOOK_TOLERANCE_MAX {
            return Err("webhook_tolerance must be above zero and at most an hour".to_owned());
        }
        if self.key_retention <= Span(0) || self.key_retention >= KEY_RETENTION_MAX {
            let reason = "Mercado Pago does not say how long it keeps a key";
            return Err(format!("key_retention must be above zero and below 24 hours: {reason}"));
        }
        self.check_notification_url()
    }

    /// What is sent with each payment.
    pub fn signed_notification_url(&self) -> Option<String> {
        let url = self.notification_url.as_deref()?;
        let separator = if url.contains('?') { '&' } else { '?' };
        Some(format!("{url}{separator}{SIGNED_NOTIFICATIONS}"))
    }

    fn check_secrets(&self) -> Result<(), String> {
        let token = self.access_token.expose();
        let prefixes: &[&str] = match self.mode {
            Mode::Test => &["TEST-", "APP_USR-"],
            Mode::Live => &["APP_USR-"],
        };
        if !prefixes.iter().any(|prefix| token.len() > prefix.len() && token.starts_with(prefix)) {
            return Err(format!("the access token must begin with {}", prefixes.join(" or ")));
        }
        if !is_graphic(token) {
            return Err("the access token has an invalid character, perhaps a line break".to_owned());
        }
        if self.webhook_secrets.len() > WEBHOOK_SECRETS_MAX {
            return Err(format!(
                "at most {WEBHOOK_SECRETS_MAX} webhook secrets: the new one and the old one"
            ));
        }
        if !self.webhook_secrets.iter().all(|secret| is_graphic(secret.expose())) {
            return Err("a webhook secret must not be empty and have no blanks".to_owned());
        }
        Ok(())
    }

    fn check_notification_url(&self) -> Result<(), String> {
        let Some(url) = self.signed_notification_url() else { return Ok(()) };
        let has_scheme =
            url.starts_with("https://") || (self.mode == Mode::Test && url.starts_with("http://"));
        if !has_scheme || !is_graphic(&url) || url.contains('#') {
            return Err("notification_url must be an https address without a fragment".to_owned());
        }
        if url.len() > NOTIFICATION_URL_BYTES_MAX {
            return Err(format!(
                "notification_url must be shorter than {} bytes",
                NOTIFICATION_URL_BYTES_MAX - SIGNED_NOTIFICATIONS.len()
            ));
        }
        Ok(())
    }
}

fn is_graphic(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn settings() -> Settings {
        let secrets = vec![Secret::new("webhook_secret_1")];
        let mut settings = Settings::new(Secret::new("TEST-token_1"), secrets, Mode::Test);
        settings.wire.base_url = "http://127.0.0.1:12112".to_owned();
        settings
    }

    #[test]
    fn a_token_and_an_address_must_fit_the_mode() {
        let check = |mode: Mode, token: &str, base_url: &str, accepted: bool| {
            let wire = WireSettings::new(base_url);
            let settings = Settings { mode, access_token: Secret::new(token), wire, ..settings() };
            let found = settings.check();
            assert_eq!(found.is_ok(), accepted, "{mode:?} {token} {base_url}: {found:?}");
        };
        let tls = cfg!(feature = "tls");
        check(Mode::Test, "TEST-1", "http://127.0.0.1:1", true);
        check(Mode::Test, "APP_USR-1", "http://127.0.0.1:1", true);
        check(Mode::Test, "APP_USR-1", Settings::BASE_URL, tls);
        check(Mode::Live, "APP_USR-1", Settings::BASE_URL, tls);
        check(Mode::Live, "TEST-1", Settings::BASE_URL, false);
        check(Mode::Live, "APP_USR-1", "http://127.0.0.1:1", false);
        for refused in ["", "TEST-", "APP_USR-", "sk_test_1", "TEST-1\n", "APP_USR-1 2"] {
            check(Mode::Test, refused, "http://127.0.0.1:1", false);
        }
        check(Mode::Test, "TEST-1", "http://10.0.0.1", false);
    }

    #[test]
    fn settings_outside_their_limits_are_refused() {
        let check = |accepted: bool, change: fn(&mut Settings)| {
            let mut settings = settings();
            change(&mut settings);
            assert_eq!(settings.check().is_ok(), accepted, "{settings:?}: {:?}", settings.check());
        };
        check(true, |_| ());
        check(true, |settings| settings.webhook_secrets.clear());
        check(true, |settings| settings.webhook_secrets.push(Secret::new("webhook_secret_2")));
        check(false, |settings| settings.webhook_secrets = vec![Secret::new("secret"); 3]);
        check(false, |settings| settings.webhook_secrets = vec![Secret::new("")]);
        check(false, |settings| settings.webhook_secrets = vec![Secret::new("secret ")]);
        check(false, |settings| settings.wire.connect_timeout = Duration::ZERO);
        check(true, |settings| settings.currency = Currency::new("ARS").unwrap());
        check(false, |settings| settings.currency = Currency::EUR);
        check(false, |settings| settings.webhook_tolerance = Span(0));
        check(false, |settings| settings.webhook_tolerance = Span::seconds(3_601));
        check(true, |settings| settings.key_retention = Span::seconds(60));
        check(false, |settings| settings.key_retention = Span(0));
        check(false, |settings| settings.key_retention = Span::seconds(24 * 3_600));
    }

    #[test]
    fn a_notification_url_requests_signed_notifications() {
        let check = |mode: Mode, url: &str, expected: Option<&str>| {
            let access_token = Secret::new("APP_USR-1");
            let notification_url = Some(url.to_owned());
            let settings = Settings { access_token, mode, notification_url, ..settings() };
            let accepted = settings.check_notification_url().is_ok();
            let sent = settings.signed_notification_url().filter(|_| accepted);
            assert_eq!(sent.as_deref(), expected, "{mode:?} {url}");
        };
        let url = "https://a.example/webhooks/1";
        check(Mode::Live, url, Some("https://a.example/webhooks/1?source_news=webhooks"));
        check(Mode::Live, "https://a.example/?a=b", Some("https://a.example/?a=b&source_news=webhooks"));
        check(Mode::Test, "http://127.0.0.1:1/w", Some("http://127.0.0.1:1/w?source_news=webhooks"));
        check(Mode::Live, "http://a.example/w", None);
        check(Mode::Live, "https://a.example/ w", None);
        check(Mode::Live, "https://a.example/#w", None);
        check(Mode::Live, &format!("https://a.example/{}", "w".repeat(500)), None);
        check(Mode::Live, "", None);
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let shown = format!("{:?}", settings());
        assert!(!shown.contains("token_1") && !shown.contains("webhook_secret_1"), "{shown}");
    }
}
