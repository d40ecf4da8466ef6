//! `[telemetry]`: the collector of traces. Without it there are none.

#[cfg(feature = "otel")]
mod adapter;

use std::collections::BTreeMap;

use serde::Deserialize;

use super::SecretFile;

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TelemetryFile {
    pub otlp_endpoint: Option<String>,
    /// Headers for the collector, such as `authorization`.
    pub headers: BTreeMap<String, SecretFile>,
    pub sample_ratio: Option<f64>,
    pub timeout_ms: Option<u64>,
}

#[cfg(not(feature = "otel"))]
impl TelemetryFile {
    pub fn adapter(&self) -> Result<Box<dyn server::ports::telemetry::TelemetryAdapter>, crate::Failed> {
        Err(crate::failed("this build has no OpenTelemetry; build with --features otel"))
    }
}

#[cfg(all(test, not(feature = "otel")))]
mod tests {
    #[test]
    fn a_build_without_the_feature_refuses_the_section() {
        let file: crate::config::File =
            toml::from_str("[telemetry]\notlp_endpoint = 'http://c:4318'").unwrap();
        let refused = file.telemetry.unwrap().adapter().unwrap_err();
        assert!(refused.to_string().contains("build with --features otel"), "{refused}");
    }
}
