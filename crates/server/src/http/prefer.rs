//! The `Prefer` header (RFC 7240): how long a client waits for a provider's outcome.

use std::convert::Infallible;
use std::time::Duration;

use api::limits::WAIT_SECONDS_MAX;
use api::openapi::ApiOperation;
use axum::extract::FromRequestParts;
use http::HeaderMap;
use http::request::Parts;

use super::App;
use super::endpoint::Extractor;

/// The wait of a request for work at a provider.
pub struct Wait(pub Duration);

impl FromRequestParts<App> for Wait {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Wait, Infallible> {
        Ok(Wait(wait(&parts.headers, app.limits().wait)))
    }
}

impl Extractor for Wait {
    fn describe(operation: &mut ApiOperation) {
        operation.waits = true;
    }
}

/// The seconds of `wait=N`, at most [`WAIT_SECONDS_MAX`]; zero for `respond-async` alone. As the
/// RFC requires, an unknown preference is ignored, and the first of several counts.
fn wait(headers: &HeaderMap, default: Duration) -> Duration {
    let values = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
    let preferences = values.flat_map(|value| value.split([',', ';'])).map(str::trim);
    let mut asynchronous = false;
    for preference in preferences {
        let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
        if name.trim().eq_ignore_ascii_case("wait")
            && let Ok(seconds) = value.trim().trim_matches('"').parse::<u64>()
        {
            return Duration::from_secs(seconds.min(WAIT_SECONDS_MAX));
        }
        asynchronous |= name.trim().eq_ignore_ascii_case("respond-async");
    }
    if asynchronous { Duration::ZERO } else { default }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_what_was_asked_for_within_limits() {
        for (values, seconds) in [
            (&[][..], 10),
            (&["wait=3"], 3),
            (&["wait=0"], 0),
            (&["wait=31"], 30),
            (&["WAIT = \"5\""], 5),
            (&["respond-async"], 0),
            (&["respond-async, wait=4"], 4),
            (&["handling=lenient", "wait=6"], 6),
            (&["wait=soon"], 10),
            (&["wait=-1"], 10),
            (&["wait=2, wait=9"], 2),
        ] {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append("prefer", value.parse().unwrap());
            }
            assert_eq!(wait(&headers, Duration::from_secs(10)).as_secs(), seconds, "{values:?}");
        }
    }
}
