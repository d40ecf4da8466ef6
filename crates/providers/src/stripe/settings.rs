//! How an account at Stripe is reached, and which settings are refused before the first call.

use domain::{rows::Mode, time::Span};

use crate::{Secret, WireSettings};

/// What Stripe promises: "we remove idempotency keys … after they're at least 24 hours old"
/// (<https://docs.stripe.com/api/idempotent_requests>). After that the same call charges again.
const KEY_RETENTION_OF_STRIPE: Span = Span::seconds(24 * 3_600);
/// Two while a secret is being rolled (<https://docs.stripe.com/webhooks#roll-endpoint-secrets>).
const WEBHOOK_SECRETS_MAX: usize = 2;
const WEBHOOK_TOLERANCE_MAX: Span = Span::seconds(3_600);

#[derive(Clone, Debug)]
pub struct Settings {
    /// `https://api.stripe.com`, unless in test mode. Stripe's own SDKs wait 80 s for a call.
    pub wire: WireSettings,
    /// `sk_test_…` or `sk_live_…`; a restricted key begins with `rk_`.
    pub secret_key: Secret,
    /// `whsec_…`; two while one is being replaced. Without one, every webhook is refused.
    pub webhook_secrets: Vec<Secret>,
    pub mode: Mode,
    /// How far a delivery's time may differ from ours, in either direction.
    pub webhook_tolerance: Span,
    /// How long a call may be repeated under its key. It is below Stripe's 24 h by a margin, for
    /// clock differences and for calls in flight.
    pub key_retention: Span,
}

impl Settings {
    pub const BASE_URL: &str = "https://api.stripe.com";

    pub fn new(secret_key: Secret, webhook_secrets: Vec<Secret>, mode: Mode) -> Settings {
        Settings {
            wire: WireSettings::new(Settings::BASE_URL),
            secret_key,
            webhook_secrets,
            mode,
            webhook_tolerance: Span::seconds(300),
            key_retention: Span::seconds(23 * 3_600),
        }
    }

    /// The error is a sentence that says what is wrong. It names no secret.
    pub fn check(&self) -> Result<(), String> {
        self.check_keys()?;
        self.wire.check(self.mode)?;
        if self.webhook_tolerance <= Span(0) || self.webhook_tolerance > WEBHOOK_TOLERANCE_MAX {
            return Err("webhook_tolerance must be above zero and at most an hour".to_owned());
        }
        if self.key_retention <= Span(0) || self.key_retention >= KEY_RETENTION_OF_STRIPE {
            return Err(
                "key_retention must be above zero and below Stripe's 24 hours: a key that Stripe has \
                        forgotten charges again"
                    .to_owned(),
            );
        }
        Ok(())
    }

    fn check_keys(&self) -> Result<(), String> {
        let key = self.secret_key.expose();
        let (ours, other) = match self.mode {
            Mode::Test => (["sk_test_", "rk_test_"], "test"),
            Mode::Live => (["sk_live_", "rk_live_"], "live"),
        };
        if !ours.iter().any(|prefix| key.len() > prefix.len() && key.starts_with(prefix)) {
            return Err(format!(
                "the secret key is not one of {other} mode: it must begin with {} or {}",
                ours[0], ours[1]
            ));
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("the secret key has an invalid character, perhaps a line break".to_owned());
        }
        if self.webhook_secrets.len() > WEBHOOK_SECRETS_MAX {
            return Err(format!(
                "at most {WEBHOOK_SECRETS_MAX} webhook secrets: the new one and the old one"
            ));
        }
        let is_secret = |secret: &Secret| {
            let text = secret.expose();
            text.len() > "whsec_".len()
                && text.starts_with("whsec_")
                && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        if !self.webhook_secrets.iter().all(is_secret) {
            return Err("a webhook secret must begin with whsec_ and have no blanks".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn settings() -> Settings {
        let mut settings = Settings::new(Secret::new("sk_test_1"), vec![Secret::new("whsec_1")], Mode::Test);
        settings.wire.base_url = "http://127.0.0.1:12111".to_owned();
        settings
    }

    #[test]
    fn test_and_live_never_mix() {
        let check = |mode: Mode, key: &str, base_url: &str, accepted: bool| {
            let wire = WireSettings::new(base_url);
            let settings = Settings { mode, secret_key: Secret::new(key), wire, ..settings() };
            assert_eq!(
                settings.check().is_ok(),
                accepted,
                "{mode:?} {key} {base_url}: {:?}",
                settings.check()
            );
        };
        let tls = cfg!(feature = "tls");
        check(Mode::Test, "sk_test_1", "http://127.0.0.1:1", true);
        check(Mode::Test, "rk_test_1", "http://[::1]:1", true);
        check(Mode::Test, "sk_test_1", "http://localhost:1/", true);
        check(Mode::Test, "sk_test_1", "https://api.stripe.com", tls);
        check(Mode::Live, "sk_live_1", "https://api.stripe.com", tls);
        check(Mode::Live, "rk_live_1", "https://api.stripe.com", tls);
        check(Mode::Test, "sk_live_1", "http://127.0.0.1:1", false);
        check(Mode::Live, "sk_test_1", "https://api.stripe.com", false);
        check(Mode::Live, "sk_live_1", "http://127.0.0.1:1", false);
        check(Mode::Test, "sk_test_", "http://127.0.0.1:1", false);
        check(Mode::Test, "sk_test_1\n", "http://127.0.0.1:1", false);
        check(Mode::Test, "pk_test_1", "http://127.0.0.1:1", false);
        check(Mode::Test, "", "http://127.0.0.1:1", false);
        for refused in [
            "http://sandbox:1",
            "http://127.0.0.1.example.com",
            "http://10.0.0.1",
            "http://127.0.0.1:1/v1",
            "http://127.0.0.1:1?a=b",
            "http://u:p@127.0.0.1:1",
            "ftp://127.0.0.1",
            "127.0.0.1:1",
            "/v1",
            "",
        ] {
            check(Mode::Test, "sk_test_1", refused, false);
        }
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
        check(true, |settings| settings.webhook_secrets.push(Secret::new("whsec_2")));
        check(false, |settings| settings.webhook_secrets = vec![Secret::new("whsec_1"); 3]);
        check(false, |settings| settings.webhook_secrets = vec![Secret::new("whsec_")]);
        check(false, |settings| settings.webhook_secrets = vec![Secret::new("secret")]);
        check(false, |settings| settings.webhook_secrets = vec![Secret::new("whsec_1 ")]);
        check(false, |settings| settings.wire.connect_timeout = Duration::ZERO);
        check(false, |settings| settings.wire.call_timeout = settings.wire.connect_timeout);
        check(true, |settings| settings.wire.operation_timeout = settings.wire.call_timeout);
        check(false, |settings| settings.wire.operation_timeout = Duration::from_secs(29));
        check(false, |settings| settings.wire.operation_timeout = Duration::from_secs(601));
        check(false, |settings| settings.webhook_tolerance = Span(0));
        check(false, |settings| settings.webhook_tolerance = Span::seconds(3_601));
        check(true, |settings| settings.key_retention = Span::seconds(60));
        check(false, |settings| settings.key_retention = Span(0));
        check(false, |settings| settings.key_retention = Span::seconds(24 * 3_600));
    }

    #[cfg(not(feature = "tls"))]
    #[test]
    fn https_without_tls_is_refused() {
        let settings = Settings { wire: WireSettings::new(Settings::BASE_URL), ..settings() };
        assert!(settings.check().unwrap_err().contains("this build has none"));
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let shown = format!("{:?}", settings());
        assert!(!shown.contains("sk_test_1") && !shown.contains("whsec_1"), "{shown}");
    }
}
