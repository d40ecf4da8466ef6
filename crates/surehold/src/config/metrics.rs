//! `[metrics]`.

use std::time::Duration;

use serde::Deserialize;
use server::service::Settings;

use super::set;
use crate::{Failed, failed};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MetricsFile {
    pub figures_every_ms: Option<u64>,
}

impl MetricsFile {
    pub fn apply(&self, settings: &mut Settings) -> Result<(), Failed> {
        let every = &mut settings.figures_every;
        set(every, self.figures_every_ms.map(Duration::from_millis));
        if !(Duration::from_millis(100)..=Duration::from_hours(1)).contains(every) {
            return Err(failed("metrics.figures_every_ms must be from 100 to 3600000"));
        }
        Ok(())
    }
}
