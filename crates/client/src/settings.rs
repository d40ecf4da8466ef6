//! How a client is configured. Settings that cannot work are refused here, before anything is sent.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use api::limits::WAIT_SECONDS_MAX;
use http::HeaderValue;
use resilience::{Backoff, SharedBreaker, SharedBudget, SharedRng, Timeouts, breaker, budget};

use tower::Service;
use tower::util::BoxCloneSyncService;

use crate::api_request::{ApiRequest, CommonHeaders};
use crate::client::ClientParts;
use crate::clock::{self, WallClock};
use crate::observer::{NoObserver, Observer};
use crate::transport::Transport;
use crate::{Client, Error, RequestFailure, Result};
use outbound::{Address, HttpReply};

/// Without the time that the server waits for a provider.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
const OPERATION_TIMEOUT: Duration = Duration::from_mins(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the server waits for a provider's outcome; the same as its default.
const WAIT: Duration = Duration::from_secs(10);
const ATTEMPTS_MAX: u32 = 3;
/// All calls of a client are one call site.
const BUDGET_NAME: &str = "client";

/// The settings of a new client. Created by [`Client::builder`]; every setting has a default.
#[must_use = "nothing is made before `build`"]
pub struct Builder {
    base_url: String,
    api_key: String,
    user_agent: String,
    connect_timeout: Duration,
    settings: Settings,
    budget: budget::Settings,
    breaker: Option<breaker::Settings>,
}

/// How operations are pursued.
#[derive(Clone)]
pub struct Settings {
    pub timeouts: Timeouts,
    pub wait: Duration,
    pub attempts_max: u32,
    pub backoff: Backoff,
    pub observer: Arc<dyn Observer>,
    pub rng: SharedRng,
    pub wall_clock: WallClock,
}

impl Builder {
    pub(crate) fn new(base_url: String, api_key: String) -> Builder {
        Builder {
            base_url,
            api_key,
            user_agent: concat!("surehold-client/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: CONNECT_TIMEOUT,
            settings: Settings {
                timeouts: Timeouts { attempt: ATTEMPT_TIMEOUT, operation: OPERATION_TIMEOUT },
                wait: WAIT,
                attempts_max: ATTEMPTS_MAX,
                backoff: Backoff::default(),
                observer: Arc::new(NoObserver),
                rng: SharedRng::default(),
                wall_clock: clock::now,
            },
            budget: budget::Settings::default(),
            breaker: Some(breaker::Settings::default()),
        }
    }

    /// Timeouts of one attempt without [`Builder::wait`] (10 s), and of an operation with all its
    /// attempts and pauses (60 s).
    pub fn timeouts(mut self, timeouts: Timeouts) -> Builder {
        self.settings.timeouts = timeouts;
        self
    }

    /// How long a connection may take, with TLS (5 s). A request that fails before that was not
    /// sent.
    pub fn connect_timeout(mut self, timeout: Duration) -> Builder {
        self.connect_timeout = timeout;
        self
    }

    /// How long the server waits for a provider's outcome before it replies 202 (10 s, at most 30
    /// s). Fractions of a second are dropped.
    pub fn wait(mut self, wait: Duration) -> Builder {
        self.settings.wait = limit_wait(wait);
        self
    }

    /// Attempts of one operation, with the first (3). Waits for work in progress do not count.
    pub fn attempts_max(mut self, attempts_max: u32) -> Builder {
        self.settings.attempts_max = attempts_max;
        self
    }

    /// The pauses between attempts: full jitter (base 50 ms, cap 20 s).
    pub fn backoff(mut self, backoff: Backoff) -> Builder {
        self.settings.backoff = backoff;
        self
    }

    /// How many retries all calls together may make.
    pub fn budget(mut self, budget: budget::Settings) -> Builder {
        self.budget = budget;
        self
    }

    /// When the client stops calling a failing server; `None`: never.
    pub fn breaker(mut self, breaker: impl Into<Option<breaker::Settings>>) -> Builder {
        self.breaker = breaker.into();
        self
    }

    /// Called on every retry.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Builder {
        self.settings.observer = Arc::new(observer);
        self
    }

    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Builder {
        self.user_agent = user_agent.into();
        self
    }

    /// Seeds the jitter, so that a run can be repeated. Keys never depend on it.
    pub fn seed(mut self, seed: u64) -> Builder {
        self.settings.rng = SharedRng::seeded(seed);
        self
    }

    /// Another wall clock.
    #[cfg(test)]
    pub(crate) fn wall_clock(mut self, wall_clock: WallClock) -> Builder {
        self.settings.wall_clock = wall_clock;
        self
    }

    pub fn build(self) -> Result<Client> {
        let common = self.common_headers()?;
        let transport = Transport::new(common, self.connect_timeout).map_err(Error::Invalid)?;
        self.over(transport)
    }

    /// Uses the given transport.
    pub(crate) fn over<S>(self, transport: S) -> Result<Client>
    where
        S: Service<ApiRequest, Response = HttpReply, Error = RequestFailure> + Clone + Send + Sync + 'static,
        S::Future: Send,
    {
        let Builder { settings, budget, breaker, .. } = self;
        check_timeouts(settings.timeouts)?;
        if settings.attempts_max == 0 {
            return Err(Error::Invalid("an operation needs builder_for least one attempt".to_owned()));
        }
        budget.check().map_err(Error::Invalid)?;
        breaker.as_ref().map_or(Ok(()), breaker::Settings::check).map_err(Error::Invalid)?;
        let budget = SharedBudget::new(BUDGET_NAME, budget);
        let breaker = breaker.map(SharedBreaker::new);
        let http = BoxCloneSyncService::new(transport);
        Ok(Client::new(ClientParts { settings, budget, breaker, http }))
    }

    fn common_headers(&self) -> Result<CommonHeaders> {
        let invalid = |why: &str| Error::Invalid(why.to_owned());
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", self.api_key))
            .map_err(|_| invalid("the API key is not a valid header value"))?;
        authorization.set_sensitive(true);
        let user_agent = HeaderValue::try_from(self.user_agent.as_str())
            .map_err(|_| invalid("the user agent is not a valid header value"))?;
        let base_url = Address::parse(&self.base_url)
            .map_err(|error| Error::Invalid(format!("the base URL {error}")))?;
        Ok(CommonHeaders { base_url: base_url.base().to_owned(), authorization, user_agent })
    }
}

pub fn check_timeouts(timeouts: Timeouts) -> Result<()> {
    if timeouts.attempt.is_zero() || timeouts.operation.is_zero() {
        return Err(Error::Invalid("a timeout of zero leaves no time for a reply".to_owned()));
    }
    Ok(())
}

/// The server accepts no more, and no fractions of a second.
pub fn limit_wait(wait: Duration) -> Duration {
    Duration::from_secs(wait.as_secs().min(WAIT_SECONDS_MAX))
}

/// Leaves out the API key, because debug output may be stored.
impl fmt::Debug for Builder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Builder").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(builder: Builder) -> Option<String> {
        builder.build().err().map(|error| error.to_string())
    }

    fn builder_for(base_url: &str) -> Builder {
        Client::builder(base_url, "sh_test_key")
    }

    #[tokio::test]
    async fn base_urls_are_checked() {
        assert_eq!(refusal(builder_for("http://surehold.internal/behind/")), None);
        let refused = refusal(builder_for("http://me:secret@a")).unwrap();
        assert!(
            refused.contains("neither a user nor a password") && !refused.contains("secret"),
            "{refused}"
        );
    }

    #[tokio::test]
    async fn settings_that_cannot_work_are_refused() {
        let none = Duration::ZERO;
        let some = Duration::from_secs(1);
        let check = |builder: Builder, expected: &str| {
            let refusal = refusal(builder).unwrap_or_default();
            assert!(refusal.contains(expected), "{expected}: {refusal}");
        };
        let valid = || builder_for("http://127.0.0.1:1");
        check(valid().timeouts(Timeouts { attempt: none, operation: some }), "timeout of zero");
        check(valid().timeouts(Timeouts { attempt: some, operation: none }), "timeout of zero");
        check(valid().attempts_max(0), "builder_for least one attempt");
        check(valid().user_agent("a\nb"), "user agent");
        check(Client::builder("http://127.0.0.1:1", "a\nb"), "API key");
        check(valid().budget(budget::Settings { ratio: 2.0, ..Default::default() }), "ratio");
        check(valid().breaker(breaker::Settings { probes: 0, ..Default::default() }), "probes");
        assert_eq!(refusal(valid().breaker(None)), None);
    }

    #[test]
    fn a_wait_is_whole_seconds_within_its_limit() {
        for (millis, seconds) in [(0, 0), (999, 0), (2_500, 2), (30_000, 30), (90_000, 30)] {
            assert_eq!(limit_wait(Duration::from_millis(millis)), Duration::from_secs(seconds));
        }
    }

    #[test]
    fn the_key_is_not_shown() {
        assert!(!format!("{:?}", builder_for("http://127.0.0.1:1")).contains("sh_test_key"));
    }
}
