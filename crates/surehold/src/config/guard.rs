//! `[breaker]` and `[retry_budget]`, which apply to each account at a provider.

use std::time::Duration;

use serde::Deserialize;
use server::service::Settings;

use super::set;
use crate::{Failed, failed};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerFile {
    pub failure_share: Option<f64>,
    pub calls_min: Option<u32>,
    pub window_ms: Option<u64>,
    pub open_ms: Option<u64>,
    pub open_ms_max: Option<u64>,
    pub probes: Option<u32>,
    pub probe_patience_ms: Option<u64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryBudgetFile {
    pub ratio: Option<f64>,
    pub deposit_ttl_ms: Option<u64>,
    pub floor_per_second: Option<f64>,
}

impl BreakerFile {
    pub fn apply(&self, settings: &mut Settings) -> Result<(), Failed> {
        let breaker = &mut settings.guard.breaker;
        set(&mut breaker.failure_share, self.failure_share);
        set(&mut breaker.calls_min, self.calls_min);
        set(&mut breaker.window, self.window_ms.map(Duration::from_millis));
        set(&mut breaker.open_base, self.open_ms.map(Duration::from_millis));
        set(&mut breaker.open_cap, self.open_ms_max.map(Duration::from_millis));
        set(&mut breaker.probes, self.probes);
        set(&mut breaker.probe_patience, self.probe_patience_ms.map(Duration::from_millis));
        breaker.check().map_err(|why| failed(format!("[breaker]: {why}")))
    }
}

impl RetryBudgetFile {
    pub fn apply(&self, settings: &mut Settings) -> Result<(), Failed> {
        let budget = &mut settings.guard.budget;
        set(&mut budget.ratio, self.ratio);
        set(&mut budget.ttl, self.deposit_ttl_ms.map(Duration::from_millis));
        set(&mut budget.floor_per_second, self.floor_per_second);
        budget.check().map_err(|why| failed(format!("[retry_budget]: {why}")))
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use providers::guard;
    use server::roles::Roles;
    use store::Location;

    use crate::config::File;

    fn parse(text: &str) -> Result<guard::Settings, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let location = Location::parse("sqlite:x").unwrap();
        let settings = file.settings(listen, location, Roles::ALL).map_err(|failed| failed.to_string())?;
        Ok(settings.guard)
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_the_reason() {
        let check = |text: &str, reason: &str| {
            let refused = parse(text).unwrap_err();
            assert!(refused.contains(reason), "{text}\n-> {refused}");
        };
        check("[breaker]\ncolour = 'red'", "unknown field");
        check("[breaker]\nfailure_share = 0.0", "failure share");
        check("[breaker]\ncalls_min = 0", "calls to decide");
        check("[breaker]\nwindow_ms = 10", "window");
        check("[breaker]\nopen_ms = 200000", "longest");
        check("[breaker]\nprobes = 0", "probes");
        check("[breaker]\nprobe_patience_ms = 0", "probe");
        check("[retry_budget]\nratio = 2.0", "ratio");
        check("[retry_budget]\nratio = nan", "ratio");
        check("[retry_budget]\ndeposit_ttl_ms = 10", "deposit");
        check("[retry_budget]\nfloor_per_second = -1.0", "floor");
    }

    #[test]
    fn absent_settings_have_their_defaults() {
        let given = parse("[breaker]\nprobes = 5\n[retry_budget]\nratio = 0.0").unwrap();
        let default = guard::Settings::default();
        assert_eq!((given.breaker.probes, given.breaker.calls_min), (5, default.breaker.calls_min));
        assert!(given.budget.ratio.abs() < 1e-9);
        assert_eq!(given.budget.ttl, default.budget.ttl);
        assert_eq!(parse("").unwrap().breaker, default.breaker);
    }
}
