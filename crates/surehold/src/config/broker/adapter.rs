//! The adapter's settings from `[broker]`.

use std::sync::Arc;
use std::time::Duration;

use adapter_nats::{Credentials, Settings};
use server::service;

use super::BrokerFile;
use crate::config::{SecretFile, set};
use crate::{Failed, failed};

impl BrokerFile {
    pub fn apply(&self, settings: &mut service::Settings) -> Result<(), Failed> {
        settings.broker = Some(Arc::new(self.settings()?));
        Ok(())
    }

    fn settings(&self) -> Result<Settings, Failed> {
        let urls = self.nats_url.as_ref().ok_or_else(|| failed("broker.nats_url is needed"))?;
        let mut nats = Settings::new(urls.split(',').map(|url| url.trim().to_owned()).collect());
        nats.credentials = self.credentials()?;
        nats.tls.authorities.clone_from(&self.authorities_file);
        nats.tls.certificate = match (&self.certificate_file, &self.certificate_key_file) {
            (Some(certificate), Some(key)) => Some((certificate.clone(), key.clone())),
            (None, None) => None,
            _ => return Err(failed("broker.certificate_file and broker.certificate_key_file go together")),
        };
        nats.domain.clone_from(&self.domain);
        set(&mut nats.stream, self.stream.clone());
        set(&mut nats.replicas, self.replicas);
        set(&mut nats.kept, self.kept_hours.map(|hours| Duration::from_secs(hours.saturating_mul(3_600))));
        set(&mut nats.kept_bytes_max, self.kept_mib_max.map(|mib| mib.saturating_mul(1 << 20)));
        set(&mut nats.publish_timeout, self.publish_timeout_ms.map(Duration::from_millis));
        set(&mut nats.ack_wait, self.ack_wait_ms.map(Duration::from_millis));
        set(&mut nats.deliveries_max, self.deliveries_max);
        nats.check().map_err(|why| failed(format!("broker: {why}")))?;
        Ok(nats)
    }

    fn credentials(&self) -> Result<Credentials, Failed> {
        let read = |field: &str, secret: &Option<SecretFile>| {
            secret.as_ref().map(|secret| secret.read(&format!("broker.{field}"))).transpose()
        };
        let password = match (&self.user, read("password", &self.password)?) {
            (Some(user), Some(password)) => Some(Credentials::Password { user: user.clone(), password }),
            (None, None) => None,
            _ => return Err(failed("broker.user and broker.password go together")),
        };
        let mut given = [
            password,
            read("token", &self.token)?.map(Credentials::Token),
            read("nkey_seed", &self.nkey_seed)?.map(Credentials::Nkey),
            read("credentials", &self.credentials)?.map(Credentials::File),
        ]
        .into_iter()
        .flatten();
        match (given.next(), given.next()) {
            (credentials, None) => Ok(credentials.unwrap_or_default()),
            _ => Err(failed("broker: one of user and password, token, nkey_seed, credentials; not several")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::File;

    fn parse(text: &str) -> Result<Option<Settings>, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        file.broker.map(|broker| broker.settings()).transpose().map_err(|failed| failed.to_string())
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_reason() {
        let check = |fields: &str, reason: &str| {
            let refused = parse(&format!("[broker]\nnats_url = 'nats://h'\n{fields}")).unwrap_err();
            assert!(refused.contains(reason) && !refused.contains("hunter2"), "{fields} -> {refused}");
        };
        check("colour = 'red'", "unknown field");
        check("user = 'u'", "go together");
        check("password = 'hunter2'", "go together");
        check("user = 'u'\npassword = 'hunter2'\ntoken = 'hunter2'", "not several");
        check("token = { env = 'SUREHOLD_NO_SUCH_VARIABLE' }", "is not set");
        check("certificate_file = 'a'", "go together");
        check("stream = 'a.b'", "letters, digits");
        check("replicas = 0", "replicas");
        check("kept_hours = 0", "age");
        check("kept_mib_max = 0", "mebibyte");
        check("publish_timeout_ms = 1", "publishing");
        check("ack_wait_ms = 10", "acknowledgement");
        check("deliveries_max = 0", "in progress");
        assert!(parse("[broker]\nstream = 'B'").unwrap_err().contains("broker.nats_url is needed"));
        let shown = parse("[broker]\nnats_url = 'nats://u:hunter2@h'").unwrap_err();
        assert!(shown.contains("no password") && !shown.contains("hunter2"), "{shown}");

        let nats = parse("[broker]\nnats_url = 'nats://a, tls://b:1'\ntoken = 'hunter2'").unwrap().unwrap();
        assert_eq!(nats.urls, ["nats://a", "tls://b:1"]);
        assert!(
            matches!(nats.credentials, Credentials::Token(_)) && !format!("{nats:?}").contains("hunter2")
        );
        assert!(parse("").unwrap().is_none());
    }
}
