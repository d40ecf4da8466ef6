//! Decides when a call that failed is made again, and when not.
//!
//! | module | what it decides | state |
//! |---|---|---|
//! | [`backoff`] | how long to wait before the next try: full jitter | none |
//! | [`retry_after`] | which wait the other side requests, and how far it is obeyed | none |
//! | [`budget`] | whether one more retry may be made at all | tokens of one call site |
//! | [`breaker`] | whether a dependency is called now | one dependency |
//! | [`timeout`] | how long an attempt and a whole operation may take | none |
//! | [`layer`] | all of them around a [`tower::Service`] | shares the above |
//!
//! The first five are pure. Time is a [`Duration`](std::time::Duration) since a start that the
//! caller chooses, which never runs backwards; randomness is an argument. So a test can run through
//! an hour in a millisecond. [`SharedBudget`] and [`SharedBreaker`] put them behind a lock and on
//! tokio's clock, for all callers of one dependency; they follow `tokio::time::pause`.
//!
//! **Why a budget besides the breaker.** Three tries per request make three times the traffic
//! exactly when the other side can least handle it. A breaker sees that only after enough calls
//! have failed, and not at all while half of them succeed. The budget limits retries from the first
//! failure: at most a tenth of the recent requests, plus a small floor so that a quiet caller may
//! retry too.
//!
//! ```
//! use std::sync::atomic::{AtomicU32, Ordering};
//! use std::time::Duration;
//!
//! use resilience::{AttemptOutcome, Health, Layer, Policy, RetryAdvice, SharedBreaker, SharedBudget, Timeouts};
//! use tower::{Layer as _, ServiceExt as _, service_fn};
//!
//! struct Reads;
//!
//! impl Policy<u32, &'static str, String> for Reads {
//!     fn clone_request(&self, request: &u32) -> Option<u32> {
//!         Some(*request)
//!     }
//!     fn health(&self, outcome: &AttemptOutcome<'_, &'static str, String>) -> Health {
//!         if matches!(outcome, AttemptOutcome::Answered(_)) { Health::Good } else { Health::Bad }
//!     }
//!     fn retry(&self, _: &u32, outcome: &AttemptOutcome<'_, &'static str, String>) -> Option<RetryAdvice> {
//!         (!matches!(outcome, AttemptOutcome::Answered(_))).then_some(RetryAdvice { reason: "failed", after: None })
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! static CALLS: AtomicU32 = AtomicU32::new(0);
//! let flaky = service_fn(|_: u32| async {
//!     match CALLS.fetch_add(1, Ordering::Relaxed) {
//!         0 => Err("the connection broke".to_owned()),
//!         _ => Ok("here it is"),
//!     }
//! });
//! let layer = Layer::new(Reads)
//!     .attempts_max(3)
//!     .timeouts(Timeouts { attempt: Duration::from_secs(2), operation: Duration::from_secs(10) })
//!     .budget(SharedBudget::new("reads", resilience::budget::Settings::default()))
//!     .breaker(SharedBreaker::new(resilience::breaker::Settings::default()));
//! assert_eq!(layer.layer(flaky).oneshot(7).await.unwrap(), "here it is");
//! # }
//! ```
//!
//! What must never be here: a clock in the pure modules, knowledge of what is called, and a retry
//! that the policy did not allow.

pub mod backoff;
pub mod breaker;
pub mod budget;
pub mod layer;
pub mod retry_after;
pub mod timeout;

mod clock;
mod observer;
mod rng;

pub use backoff::Backoff;
pub use breaker::{Health, SharedBreaker};
pub use budget::SharedBudget;
pub use clock::Start;
pub use layer::{AttemptOutcome, Error, Layer, Policy, RetryAdvice};
pub use observer::{GiveUpReason, NoObserver, Observer, OperationEnd, Retry};
pub use rng::SharedRng;
pub use timeout::Timeouts;
