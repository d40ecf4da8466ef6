//! Each payment provider's wire behind one port, [`Provider`].
//!
//! An adapter makes a call and reports the outcome in the terms of [`domain::provider`]. It decides
//! nothing: others decide when to call, whether to call again and what the outcome means for a
//! payment. So it repeats a call only where the first try provably did nothing (not a byte was
//! written, or it was a read). It never sees the store and reads no wall clock: the time of a
//! webhook's check is an argument. It makes no random keys: the provider's idempotency keys are
//! made from our ids, so a restored database makes the same ones.
//!
//! Reading order: [`port`] has the calls to a provider; [`webhook`] the events it sends; [`guard`]
//! what protects its wire; [`exchange`] how a call is made; [`adapter`] what differs before the
//! first call; [`registry`] finds the provider of an account; then one folder per
//! provider: [`stripe`], [`mercado_pago`], [`pix`]. [`br_code`] is the text of a Pix code.

pub mod adapter;
pub mod br_code;
pub mod exchange;
pub mod guard;
pub mod mercado_pago;
pub mod pix;
pub mod port;
pub mod registry;
pub mod secret;
pub mod stripe;
pub mod webhook;

pub use adapter::{Adapter, MethodRules, PixRules, ProviderSettings};
pub use exchange::WireSettings;
pub use guard::Guard;
pub use port::{
    CallFuture, Capabilities, Creation, CustomerOrder, EventPage, EvidenceOrder, ListedObjects, ListedPage,
    ListedRefund, ListedTransfer, ObjectCall, PaymentOrder, Payouts, Provider, RefundOrder, SavedCard,
    SavedMethod, SavedMethods, TransferOrder, TransferReversalOrder,
};
pub use registry::Registry;
pub use secret::Secret;
pub use webhook::{EventContent, VerifiedEvent, WebhookHead};

use domain::provider::AmountRules;

/// Which amounts each provider accepts.
pub const AMOUNTS: AmountRules =
    AmountRules(|provider, currency| adapter::find(provider).and_then(|adapter| (adapter.amounts)(currency)));
