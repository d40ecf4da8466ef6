use api::Code;
use api::requests::SavedMethodsQuery;
use api::views::{SavedCard, SavedPaymentMethod, SavedPaymentMethods};
use axum::extract::State;
use domain::provider::CallOutcome;
use providers::port::CUSTOMER_IS_MISSING;
use providers::{SavedMethod, SavedMethods};

use super::saved_methods::{SavedOwner, at_provider, shown};
use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Payments;
use crate::http::read_request::{QueryParameters, ReadRequest, found};

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/saved_payment_methods", "list_saved_payment_methods", handle)
        .about(
            "List a customer's saved payment methods",
            "As the provider shows them now, at one account. A customer for whom nothing was saved has none.",
        )
        .answers::<SavedPaymentMethods>(200, "The newest ones.")
        .refuses(&[
            Code::ProviderAccountNotFound,
            Code::NotOfferedByProvider,
            Code::ProviderRejectedRequest,
            Code::ProviderUnavailable,
        ])
}

async fn handle(
    State(app): State<App>,
    look: ReadRequest<Payments>,
    QueryParameters(query): QueryParameters<SavedMethodsQuery>,
) -> Handled {
    let owner = SavedOwner::find(&app, &look.caller, &query).await?;
    let caller = look.end_turn();
    let saved = match &owner.object {
        Some(object) => {
            at_provider(&app, &caller, async {
                match owner.provider.saved_methods(object).await {
                    // Somebody deleted the customer at the provider, and the methods with it.
                    CallOutcome::Refused { code, .. } if code == CUSTOMER_IS_MISSING => {
                        Ok(SavedMethods::default())
                    }
                    outcome => shown(outcome),
                }
            })
            .await?
        }
        None => SavedMethods::default(),
    };
    Ok(found(&SavedPaymentMethods {
        provider: owner.account.provider,
        account: owner.account.name,
        data: saved.methods.into_iter().map(view).collect(),
        has_more: saved.has_more,
    }))
}

fn view(method: SavedMethod) -> SavedPaymentMethod {
    SavedPaymentMethod {
        id: method.object,
        kind: method.kind,
        card: method.card.map(|card| SavedCard {
            brand: card.brand,
            last_digits: card.last_digits,
            expiry_month: card.expiry_month,
            expiry_year: card.expiry_year,
        }),
        saved_at: api::time::instant(method.created_at),
    }
}
