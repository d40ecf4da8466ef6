//! Which keys and secrets can be Stripe's.

use domain::rows::Mode;

use crate::{ProviderSettings, Secret};

/// Keys are `sk_test_…` or `sk_live_…`, and `rk_…` if they are restricted; webhook secrets `whsec_…`.
pub fn check_keys(settings: &ProviderSettings) -> Result<(), String> {
    let key = settings.secret_key.expose();
    let (ours, other) = match settings.mode {
        Mode::Test => (["sk_test_", "rk_test_"], "test"),
        Mode::Live => (["sk_live_", "rk_live_"], "live"),
    };
    if !ours.iter().any(|prefix| key.len() > prefix.len() && key.starts_with(prefix)) {
        return Err(format!(
            "the secret key is not one of {other} mode: it must begin with {} or {}",
            ours[0], ours[1]
        ));
    }
    let is_secret = |secret: &Secret| {
        let text = secret.expose();
        text.len() > "whsec_".len()
            && text.starts_with("whsec_")
            && text.bytes().all(|byte| byte.is_ascii_graphic())
    };
    if !settings.webhook_secrets.iter().all(is_secret) {
        return Err("a webhook secret must begin with whsec_ and have no blanks".to_owned());
    }
    if settings.notification_url.is_some() {
        return Err("Stripe sends webhooks to the address in its own settings alone".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use domain::time::Span;

    use super::*;
    use crate::{WireSettings, stripe::ADAPTER};

    fn settings() -> ProviderSettings {
        let mut settings =
            ADAPTER.settings(Secret::new("sk_test_1"), vec![Secret::new("whsec_1")], Mode::Test);
        settings.wire.base_url = "http://127.0.0.1:12111".to_owned();
        settings
    }

    #[test]
    fn test_and_live_never_mix() {
        let check = |mode: Mode, key: &str, base_url: &str, accepted: bool| {
            let wire = WireSettings::new(base_url);
            let settings = ProviderSettings { mode, secret_key: Secret::new(key), wire, ..settings() };
            assert_eq!(
                ADAPTER.check(&settings).is_ok(),
                accepted,
                "{mode:?} {key} {base_url}: {:?}",
                ADAPTER.check(&settings)
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
        check(false, |settings| settings.api = Some("orders".to_owned()));
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
        let settings = ProviderSettings { wire: WireSettings::new(ADAPTER.base_url), ..settings() };
        assert!(ADAPTER.check(&settings).unwrap_err().contains("this build has none"));
    }

    #[test]
    fn debug_output_shows_no_secret() {
        let shown = format!("{:?}", settings());
        assert!(!shown.contains("sk_test_1") && !shown.contains("whsec_1"), "{shown}");
    }
}
