//! An errand: what is being done, and for whom. The log names it in every line that is written meanwhile,
//! a panic's among them.
//!
//! Whoever does it learns of tenant and operation on the way, so they are set once, when they are known.
//! It is no span: a span costs microseconds for each request, this a few atomics; and few requests have
//! a line in the log.
//!
//! What must never be here: a name, an address, a secret, or anything else that a client sent, but for the
//! request's id.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use domain::{ClientId, KeyId, TenantId};
use uuid::Uuid;

#[derive(Debug)]
pub struct Errand {
    /// Such as `request`.
    pub kind: &'static str,
    /// The request's id, as the client has it.
    request: Option<Arc<str>>,
    tenant: OnceLock<TenantId>,
    client: OnceLock<ClientId>,
    key: OnceLock<KeyId>,
    operation: OnceLock<Uuid>,
}

impl Errand {
    pub fn new(kind: &'static str) -> Errand {
        Errand {
            kind,
            request: None,
            tenant: OnceLock::new(),
            client: OnceLock::new(),
            key: OnceLock::new(),
            operation: OnceLock::new(),
        }
    }

    pub fn request(id: Arc<str>) -> Errand {
        Errand { request: Some(id), ..Errand::new("request") }
    }

    pub fn is_for(&self, tenant: TenantId) {
        // Whoever asks stays the same.
        let _again = self.tenant.set(tenant);
    }

    pub fn is_asked_by(&self, tenant: TenantId, client: ClientId) {
        self.is_for(tenant);
        let _again = self.client.set(client);
    }

    /// The idempotency key that it is done under.
    pub fn is_under(&self, key: KeyId) {
        let _again = self.key.set(key);
    }

    /// The payment, booking or refund that it is about.
    pub fn is_about(&self, operation: impl Into<Uuid>) {
        let _again = self.operation.set(operation.into());
    }

    /// What is known of it, by name.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, String)> {
        let fields = [
            ("request_id", self.request.as_ref().map(ToString::to_string)),
            ("tenant", self.tenant.get().map(ToString::to_string)),
            ("client", self.client.get().map(ToString::to_string)),
            ("key", self.key.get().map(ToString::to_string)),
            ("operation", self.operation.get().map(ToString::to_string)),
        ];
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name, value?)));
        std::iter::once(("errand", self.kind.to_owned())).chain(fields)
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Arc<Errand>>> = const { RefCell::new(None) };
}

/// Runs the future on this errand.
pub async fn on<F: Future>(errand: Arc<Errand>, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(move |context| {
        let _left = enter(errand.clone());
        future.as_mut().poll(context)
    })
    .await
}

/// The same for what does not wait.
pub fn within<T>(errand: &Arc<Errand>, act: impl FnOnce() -> T) -> T {
    let _left = enter(errand.clone());
    act()
}

/// What this thread is doing now.
pub fn current() -> Option<Arc<Errand>> {
    CURRENT.with_borrow(Clone::clone)
}

fn enter(errand: Arc<Errand>) -> Entered {
    Entered(CURRENT.replace(Some(errand)))
}

/// Gives the thread back to what it did before.
struct Entered(Option<Arc<Errand>>);

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn kind() -> Option<&'static str> {
        current().map(|errand| errand.kind)
    }

    #[tokio::test]
    async fn a_future_has_its_errand_whenever_it_runs() {
        let outer = on(Arc::new(Errand::new("request")), async {
            assert_eq!(kind(), Some("request"));
            tokio::task::yield_now().await;
            assert_eq!(kind(), Some("request"));
            on(Arc::new(Errand::new("drive")), async { assert_eq!(kind(), Some("drive")) }).await;
            assert_eq!(kind(), Some("request"));
        });
        outer.await;
        assert_eq!(kind(), None);
    }

    #[test]
    fn what_is_known_is_named() {
        let errand = Errand::request("r-1".into());
        let id = Uuid::from_u128(1);
        errand.is_asked_by(TenantId(id), ClientId(id));
        errand.is_about(id);
        errand.is_about(Uuid::from_u128(2));
        let named: Vec<_> = errand.fields().collect();
        let text = || id.to_string();
        let expected = [
            ("errand", "request".to_owned()),
            ("request_id", "r-1".to_owned()),
            ("tenant", text()),
            ("client", text()),
            ("operation", text()),
        ];
        assert_eq!(named, expected, "what was said first stays");
    }

    #[tokio::test]
    async fn an_errand_ends_with_a_panic() {
        let panics = on(Arc::new(Errand::new("request")), async { panic!("on purpose") });
        assert!(std::panic::AssertUnwindSafe(panics).catch_unwind().await.is_err());
        assert_eq!(kind(), None);
    }
}
