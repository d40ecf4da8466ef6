//! Which tokens, secrets and addresses can be Mercado Pago's.

use domain::rows::Mode;

use crate::ProviderSettings;

/// Mercado Pago refuses a longer one.
const NOTIFICATION_URL_BYTES_MAX: usize = 500;
/// Added to the notification URL. Without it Mercado Pago sends its older notifications, which are
/// not signed.
const SIGNED_NOTIFICATIONS: &str = "source_news=webhooks";

/// Tokens are `APP_USR-…`. The credentials of a test user begin with it too, so it does not prove the
/// mode; `TEST-…` is accepted in test mode only. Webhook secrets are those of the application.
pub fn check_keys(settings: &ProviderSettings) -> Result<(), String> {
    let token = settings.secret_key.expose();
    let prefixes: &[&str] = match settings.mode {
        Mode::Test => &["TEST-", "APP_USR-"],
        Mode::Live => &["APP_USR-"],
    };
    if !prefixes.iter().any(|prefix| token.len() > prefix.len() && token.starts_with(prefix)) {
        return Err(format!("the access token must begin with {}", prefixes.join(" or ")));
    }
    if !settings.webhook_secrets.iter().all(|secret| is_graphic(secret.expose())) {
        return Err("a webhook secret must not be empty and have no blanks".to_owned());
    }
    check_notification_url(settings)
}

/// What is sent with each payment.
pub fn signed_notification_url(settings: &ProviderSettings) -> Option<String> {
    let url = settings.notification_url.as_deref()?;
    let separator = if url.contains('?') { '&' } else { '?' };
    Some(format!("{url}{separator}{SIGNED_NOTIFICATIONS}"))
}

fn check_notification_url(settings: &ProviderSettings) -> Result<(), String> {
    let Some(url) = signed_notification_url(settings) else { return Ok(()) };
    let has_scheme =
        url.starts_with("https://") || (settings.mode == Mode::Test && url.starts_with("http://"));
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

fn is_graphic(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::{Currency, time::Span};

    use super::*;
    use crate::{Secret, WireSettings, mercado_pago::ADAPTER};

    fn settings() -> ProviderSettings {
        let secrets = vec![Secret::new("webhook_secret_1")];
        let mut settings = ADAPTER.settings(Secret::new("TEST-token_1"), secrets, Mode::Test);
        settings.wire.base_url = "http://127.0.0.1:12112".to_owned();
        settings
    }

    #[test]
    fn a_token_and_an_address_must_fit_the_mode() {
        let check = |mode: Mode, token: &str, base_url: &str, accepted: bool| {
            let wire = WireSettings::new(base_url);
            let settings = ProviderSettings { mode, secret_key: Secret::new(token), wire, ..settings() };
            let found = ADAPTER.check(&settings);
            assert_eq!(found.is_ok(), accepted, "{mode:?} {token} {base_url}: {found:?}");
        };
        let tls = cfg!(feature = "tls");
        check(Mode::Test, "TEST-1", "http://127.0.0.1:1", true);
        check(Mode::Test, "APP_USR-1", "http://127.0.0.1:1", true);
        check(Mode::Test, "APP_USR-1", ADAPTER.base_url, tls);
        check(Mode::Live, "APP_USR-1", ADAPTER.base_url, tls);
        check(Mode::Live, "TEST-1", ADAPTER.base_url, false);
        check(Mode::Live, "APP_USR-1", "http://127.0.0.1:1", false);
        for refused in ["", "TEST-", "APP_USR-", "sk_test_1", "TEST-1\n", "APP_USR-1 2"] {
            check(Mode::Test, refused, "http://127.0.0.1:1", false);
        }
        check(Mode::Test, "TEST-1", "http://10.0.0.1", false);
    }

    #[test]
    fn settings_outside_their_limits_are_refused() {
        let check = |accepted: bool, change: fn(&mut ProviderSettings)| {
            let mut settings = settings();
            change(&mut settings);
            assert_eq!(
                ADAPTER.check(&settings).is_ok(),
                accepted,
                "{settings:?}: {:?}",
                ADAPTER.check(&settings)
            );
        };
        check(true, |_| ());
        check(true, |settings| settings.webhook_secrets.clear());
        check(true, |settings| settings.webhook_secrets.push(Secret::new("webhook_secret_2")));
        check(false, |settings| settings.webhook_secrets = vec![Secret::new("secret"); 3]);
        check(false, |settings| settings.webhook_secrets = vec![Secret::new("")]);
        check(false, |settings| settings.webhook_secrets = vec![Secret::new("secret ")]);
        check(false, |settings| settings.wire.connect_timeout = Duration::ZERO);
        check(true, |settings| settings.currency = Currency::new("ARS"));
        check(false, |settings| settings.currency = Some(Currency::EUR));
        check(true, |settings| settings.api = Some("orders".to_owned()));
        check(true, |settings| settings.api = Some("payments".to_owned()));
        check(false, |settings| settings.api = Some("preferences".to_owned()));
        check(false, |settings| settings.webhook_tolerance = Span(0));
        check(false, |settings| settings.webhook_tolerance = Span::seconds(3_601));
        check(true, |settings| settings.key_retention = Span::seconds(60));
        check(false, |settings| settings.key_retention = Span(0));
        check(false, |settings| settings.key_retention = Span::seconds(24 * 3_600));
    }

    #[test]
    fn a_notification_url_requests_signed_notifications() {
        let check = |mode: Mode, url: &str, expected: Option<&str>| {
            let secret_key = Secret::new("APP_USR-1");
            let notification_url = Some(url.to_owned());
            let settings = ProviderSettings { secret_key, mode, notification_url, ..settings() };
            let accepted = check_notification_url(&settings).is_ok();
            let sent = signed_notification_url(&settings).filter(|_| accepted);
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
