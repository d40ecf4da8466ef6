//! An account at a provider, as payments are routed to it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A tenant's account at a provider.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProviderAccount {
    pub id: Uuid,
    #[schema(example = "stripe")]
    pub provider: String,
    /// Its configured name.
    #[schema(example = "acct_main")]
    pub name: String,
    /// `test` or `live`.
    #[schema(example = "test")]
    pub mode: String,
    /// The currencies that it is chosen for; empty: all that the provider takes.
    pub currencies: Vec<String>,
    /// The ways to pay that it is chosen for.
    #[schema(example = json!(["card", "pix"]))]
    pub methods: Vec<String>,
}
