//! How a client is put together. Whatever cannot work is refused here, before anything is sent.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use api::limits::WAIT_SECONDS_MAX;
use http::HeaderValue;
use resilience::{Backoff, Dice, SharedBreaker, SharedBudget, Timeouts, breaker, budget};

use tower::Service;
use tower::util::BoxCloneSyncService;

use crate::api_request::{ApiRequest, CommonHeaders};
use crate::client::ClientParts;
use crate::clock::{self, Wall};
use crate::observer::{NoObserver, Observer};
use crate::transport::Transport;
use crate::{Client, Error, RequestFailure, Result};
use outbound::{Address, HttpReply};

/// Besides the time that the server is asked to wait for a provider.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(10);
const OPERATION_TIMEOUT: Duration = Duration::from_mins(1);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long the server is asked to wait for a provider's outcome; its own default.
const WAIT: Duration = Duration::from_secs(10);
const ATTEMPTS_MAX: u32 = 3;
/// All calls of a client are one call site.
const BUDGET_NAME: &str = "client";

/// A client in the making. Made by [`Client::builder`]; everything has a default.
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
    pub dice: Dice,
    pub wall: Wall,
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
                dice: Dice::default(),
                wall: clock::now,
            },
            budget: budget::Settings::default(),
            breaker: Some(breaker::Settings::default()),
        }
    }

    /// How long one attempt may take, besides [`Builder::wait`] (10 s), and an operation with all its
    /// attempts and pauses (60 s).
    pub fn timeouts(mut self, timeouts: Timeouts) -> Builder {
        self.settings.timeouts = timeouts;
        self
    }

    /// How long a connection may take, TLS included (5 s). What fails until then was not sent.
    pub fn connect_timeout(mut self, timeout: Duration) -> Builder {
        self.connect_timeout = timeout;
        self
    }

    /// How long the server is asked to wait for a provider's outcome before it answers 202 (10 s, at most
    /// 30 s). Whole seconds count.
    pub fn wait(mut self, wait: Duration) -> Builder {
        self.settings.wait = at_most(wait);
        self
    }

    /// Attempts of one operation, the first included (3). Waiting for what is in progress counts for none.
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

    /// When the server is spared; `None`: never.
    pub fn breaker(mut self, breaker: impl Into<Option<breaker::Settings>>) -> Builder {
        self.breaker = breaker.into();
        self
    }

    /// Hears of every retry.
    pub fn observer(mut self, observer: impl Observer + 'static) -> Builder {
        self.settings.observer = Arc::new(observer);
        self
    }

    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Builder {
        self.user_agent = user_agent.into();
        self
    }

    /// Draws the jitter from this seed, so that a run can be repeated. Keys are never drawn from it.
    pub fn seed(mut self, seed: u64) -> Builder {
        self.settings.dice = Dice::seeded(seed);
        self
    }

    /// Another wall clock.
    #[cfg(test)]
    pub(crate) fn wall(mut self, wall: Wall) -> Builder {
        self.settings.wall = wall;
        self
    }

    pub fn build(self) -> Result<Client> {
        let who = self.introduction()?;
        let transport = Transport::new(who, self.connect_timeout).map_err(Error::Invalid)?;
        self.over(transport)
    }

    /// Puts it on a transport.
    pub(crate) fn over<S>(self, transport: S) -> Result<Client>
    where
        S: Service<ApiRequest, Response = HttpReply, Error = RequestFailure> + Clone + Send + Sync + 'static,
        S::Future: Send,
    {
        let Builder { settings, budget, breaker, .. } = self;
        check_timeouts(settings.timeouts)?;
        if settings.attempts_max == 0 {
            return Err(Error::Invalid("an operation needs at least one attempt".to_owned()));
        }
        budget.check().map_err(Error::Invalid)?;
        breaker.as_ref().map_or(Ok(()), breaker::Settings::check).map_err(Error::Invalid)?;
        let budget = SharedBudget::new(BUDGET_NAME, budget);
        let breaker = breaker.map(SharedBreaker::new);
        let carrier = BoxCloneSyncService::new(transport);
        Ok(Client::of(ClientParts { settings, budget, breaker, carrier }))
    }

    fn introduction(&self) -> Result<CommonHeaders> {
        let invalid = |why: &str| Error::Invalid(why.to_owned());
        let mut authorization = HeaderValue::try_from(format!("Bearer {}", self.api_key))
            .map_err(|_| invalid("the API key cannot stand in a header"))?;
        authorization.set_sensitive(true);
        let user_agent = HeaderValue::try_from(self.user_agent.as_str())
            .map_err(|_| invalid("the user agent cannot stand in a header"))?;
        let base_url = Address::parse(&self.base_url)
            .map_err(|error| Error::Invalid(format!("the base URL {error}")))?;
        Ok(CommonHeaders { base_url: base_url.base().to_owned(), authorization, user_agent })
    }
}

pub fn check_timeouts(timeouts: Timeouts) -> Result<()> {
    if timeouts.attempt.is_zero() || timeouts.operation.is_zero() {
        return Err(Error::Invalid("a timeout of nothing leaves no time for an answer".to_owned()));
    }
    Ok(())
}

/// The server gives no more, and a fraction of a second cannot be asked for.
pub fn at_most(wait: Duration) -> Duration {
    Duration::from_secs(wait.as_secs().min(WAIT_SECONDS_MAX))
}

/// Without the API key: what is printed is kept.
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

    fn at(base_url: &str) -> Builder {
        Client::builder(base_url, "sh_test_key")
    }

    #[tokio::test]
    async fn addresses() {
        assert_eq!(refusal(at("http://surehold.internal/behind/")), None);
        let refused = refusal(at("http://me:secret@a")).unwrap();
        assert!(
            refused.contains("neither a user nor a password") && !refused.contains("secret"),
            "{refused}"
        );
    }

    #[tokio::test]
    async fn what_cannot_work_is_refused() {
        let none = Duration::ZERO;
        let some = Duration::from_secs(1);
        let check = |builder: Builder, expected: &str| {
            let refusal = refusal(builder).unwrap_or_default();
            assert!(refusal.contains(expected), "{expected}: {refusal}");
        };
        let fine = || at("http://127.0.0.1:1");
        check(fine().timeouts(Timeouts { attempt: none, operation: some }), "timeout of nothing");
        check(fine().timeouts(Timeouts { attempt: some, operation: none }), "timeout of nothing");
        check(fine().attempts_max(0), "at least one attempt");
        check(fine().user_agent("a\nb"), "user agent");
        check(Client::builder("http://127.0.0.1:1", "a\nb"), "API key");
        check(fine().budget(budget::Settings { ratio: 2.0, ..Default::default() }), "ratio");
        check(fine().breaker(breaker::Settings { probes: 0, ..Default::default() }), "probes");
        assert_eq!(refusal(fine().breaker(None)), None);
    }

    #[test]
    fn a_wait_is_whole_seconds_within_its_limit() {
        for (millis, seconds) in [(0, 0), (999, 0), (2_500, 2), (30_000, 30), (90_000, 30)] {
            assert_eq!(at_most(Duration::from_millis(millis)), Duration::from_secs(seconds));
        }
    }

    #[test]
    fn the_key_is_not_shown() {
        assert!(!format!("{:?}", at("http://127.0.0.1:1")).contains("sh_test_key"));
    }
}
