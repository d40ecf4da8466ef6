//! The adapter's settings from `[redis]`.

use std::sync::Arc;
use std::time::Duration;

use adapter_redis::Settings;
use server::service;

use super::RedisFile;
use crate::config::set;
use crate::{Failed, failed};

const TIMEOUT_MS_MAX: u64 = 1_000;
const LEASE_MS_MIN: u64 = 100;
const LEASE_MS_MAX: u64 = 60_000;
const REPLY_BYTES_MAX: usize = 1024 * 1024;
const EPOCH_BYTES_MAX: usize = 100;

impl RedisFile {
    pub fn apply(&self, settings: &mut service::Settings) -> Result<(), Failed> {
        settings.cache = Some(Arc::new(self.settings()?));
        Ok(())
    }

    fn settings(&self) -> Result<Settings, Failed> {
        let url = self.url.as_ref().ok_or_else(|| failed("redis.url is needed"))?.read("redis.url")?;
        let mut redis = Settings::new(url);
        set(&mut redis.timeout, self.timeout_ms.map(Duration::from_millis));
        set(&mut redis.lease, self.lease_ms.map(Duration::from_millis));
        set(&mut redis.reply_ttl, self.reply_ttl_seconds.map(Duration::from_secs));
        set(&mut redis.reply_bytes_max, self.reply_bytes_max);
        set(&mut redis.epoch, self.epoch.clone());
        let between = |time: Duration, from_ms: u64, to_ms: u64| {
            (Duration::from_millis(from_ms)..=Duration::from_millis(to_ms)).contains(&time)
        };
        if !between(redis.timeout, 1, TIMEOUT_MS_MAX) {
            return Err(failed("redis.timeout_ms must be from 1 to 1000"));
        }
        if !between(redis.lease, LEASE_MS_MIN, LEASE_MS_MAX) {
            return Err(failed("redis.lease_ms must be from 100 to 60000"));
        }
        if redis.reply_ttl < Duration::from_secs(1) {
            return Err(failed("redis.reply_ttl_seconds must be at least 1"));
        }
        if redis.reply_bytes_max > REPLY_BYTES_MAX {
            return Err(failed("redis.reply_bytes_max must be at most 1048576"));
        }
        if redis.epoch.len() > EPOCH_BYTES_MAX {
            return Err(failed("redis.epoch must have at most 100 bytes"));
        }
        Ok(redis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::File;

    fn parse(text: &str) -> Result<Option<Settings>, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        file.redis.map(|redis| redis.settings()).transpose().map_err(|failed| failed.to_string())
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_reason() {
        let check = |fields: &str, reason: &str| {
            let refused = parse(&format!("[redis]\nurl = 'redis://:hunter2@h'\n{fields}")).unwrap_err();
            assert!(refused.contains(reason) && !refused.contains("hunter2"), "{fields} -> {refused}");
        };
        check("colour = 'red'", "unknown field");
        check("timeout_ms = 0", "timeout_ms");
        check("timeout_ms = 1001", "timeout_ms");
        check("lease_ms = 99", "lease_ms");
        check("lease_ms = 60001", "lease_ms");
        check("reply_ttl_seconds = 0", "reply_ttl_seconds");
        check("reply_bytes_max = 1048577", "reply_bytes_max");
        check(&format!("epoch = '{}'", "e".repeat(101)), "epoch");
        assert!(parse("[redis]\nepoch = 'b'").unwrap_err().contains("redis.url is needed"));
        let no_variable = "[redis]\nurl = { env = 'SUREHOLD_NO_SUCH_VARIABLE' }";
        assert!(parse(no_variable).unwrap_err().contains("is not set"));

        let redis = parse("[redis]\nurl = 'redis://:hunter2@h'\nreply_bytes_max = 0").unwrap().unwrap();
        assert!(!format!("{redis:?}").contains("hunter2"));
        assert!(parse("").unwrap().is_none());
    }
}
