//! The adapter's settings from `[telemetry]`.

use std::time::Duration;

use adapter_otlp::Settings;
use http::{HeaderName, HeaderValue};
use server::ports::telemetry::TelemetryAdapter;

use super::TelemetryFile;
use crate::config::{SecretFile, set};
use crate::{Failed, failed};

const TIMEOUT_MS_MIN: u64 = 100;
const TIMEOUT_MS_MAX: u64 = 60_000;

impl TelemetryFile {
    pub fn adapter(&self) -> Result<Box<dyn TelemetryAdapter>, Failed> {
        Ok(Box::new(self.settings()?))
    }

    fn settings(&self) -> Result<Settings, Failed> {
        let endpoint =
            self.otlp_endpoint.as_ref().ok_or_else(|| failed("telemetry.otlp_endpoint is needed"))?;
        let mut settings =
            Settings::new(endpoint).map_err(|why| failed(format!("telemetry.otlp_endpoint: {why}")))?;
        for (name, value) in &self.headers {
            settings.headers.push(header(name, value)?);
        }
        set(&mut settings.sample_ratio, self.sample_ratio);
        set(&mut settings.timeout, self.timeout_ms.map(Duration::from_millis));
        if !(0.0..=1.0).contains(&settings.sample_ratio) {
            return Err(failed("telemetry.sample_ratio must be from 0 to 1"));
        }
        let range = Duration::from_millis(TIMEOUT_MS_MIN)..=Duration::from_millis(TIMEOUT_MS_MAX);
        if !range.contains(&settings.timeout) {
            return Err(failed("telemetry.timeout_ms must be from 100 to 60000"));
        }
        Ok(settings)
    }
}

fn header(name: &str, value: &SecretFile) -> Result<(HeaderName, HeaderValue), Failed> {
    let what = format!("telemetry.headers `{name}`");
    let secret = value.read(&what)?;
    let cannot = || failed(format!("{what} cannot stand in a header"));
    let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| cannot())?;
    value.set_sensitive(true);
    Ok((HeaderName::try_from(name).map_err(|_| cannot())?, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::File;

    fn parse(text: &str) -> Result<Option<Settings>, String> {
        let file: File = toml::from_str(text).map_err(|error| error.to_string())?;
        file.telemetry.map(|telemetry| telemetry.settings()).transpose().map_err(|failed| failed.to_string())
    }

    #[test]
    fn what_cannot_work_is_refused_with_the_reason() {
        let given = "[telemetry]\notlp_endpoint = 'http://c:4318'\n";
        let check = |fields: &str, reason: &str| {
            let refused = parse(&format!("{given}{fields}")).unwrap_err();
            assert!(refused.contains(reason) && !refused.contains("hunter2"), "{fields} -> {refused}");
        };
        check("colour = 'red'", "unknown field");
        check("sample_ratio = 1.1", "sample_ratio");
        check("sample_ratio = -0.1", "sample_ratio");
        check("sample_ratio = nan", "sample_ratio");
        check("timeout_ms = 99", "timeout_ms");
        check("timeout_ms = 60001", "timeout_ms");
        check("headers = { 'a b' = 'hunter2' }", "cannot stand in a header");
        check("headers = { a = \"hunter2\\u0007\" }", "cannot stand in a header");
        check("headers = { a = { env = 'SUREHOLD_NO_SUCH_VARIABLE' } }", "is not set");
        assert!(parse("[telemetry]\nsample_ratio = 1.0").unwrap_err().contains("otlp_endpoint is needed"));
        assert!(parse("[telemetry]\notlp_endpoint = 'c:4318'").unwrap_err().contains("no address"));
        let shown = parse("[telemetry]\notlp_endpoint = 'http://u:hunter2@c'").unwrap_err();
        assert!(shown.contains("no password") && !shown.contains("hunter2"), "{shown}");

        let text = format!("{given}headers = {{ authorization = 'Bearer hunter2' }}\nsample_ratio = 0.25");
        let settings = parse(&text).unwrap().unwrap();
        assert_eq!(settings.headers[0].1, "Bearer hunter2");
        assert!(!format!("{settings:?}").contains("hunter2"));
        assert!((settings.sample_ratio - 0.25).abs() < 1e-9);
        assert!(parse("").unwrap().is_none());
    }
}
