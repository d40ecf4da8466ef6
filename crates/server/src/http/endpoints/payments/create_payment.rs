use std::time::Duration;

use api::Code;
use api::limits::PIX_SECONDS;
use api::requests::{NewPayment, PIX};
use api::validation_errors::ValidationErrors;
use api::views::Payment;
use axum::extract::State;
use domain::commands::{PaymentTarget, StartPayment};
use domain::time::Span;
use domain::working_set::Claim;
use domain::{BookingId, Refusal};

use crate::http::answer::Handled;
use crate::http::auth::AuthenticatedClient;
use crate::http::endpoint::Endpoint;
use crate::http::operation::begin;
use crate::http::permission::Payments;
use crate::http::prefer::Wait;
use crate::http::write_request::KeyedRequest;
use crate::http::{App, RefusedRequest};

pub fn endpoint() -> Endpoint {
    Endpoint::post("/v1/payments", "create_payment", handle)
        .about(
            "Start a payment",
            "For what a booking owes or a part of it, or for an amount with a reference.",
        )
        .answers::<Payment>(201, "Authorized or captured, or `next_action` tells what the customer must do.")
        .answers::<Payment>(202, "In progress: ask again with the same key, or look at `Location`.")
        .refuses(&[
            Code::PaymentDeclined,
            Code::PaymentWasCancelled,
            Code::PaymentMethodNotAccepted,
            Code::ProviderRejectedRequest,
            Code::NotSentToProvider,
            Code::ProviderAccountNotFound,
            Code::BookingNotFound,
            Code::BookingIsNotHeld,
            Code::HoldHasExpired,
            Code::NothingIsDue,
            Code::PaymentAlreadyOpen,
            Code::TooManyPayments,
            Code::CurrencyIsNotTheBookings,
            Code::AmountExceedsTotal,
            Code::AmountDoesNotCoverWhatIsDue,
            Code::PaymentOutlivesHold,
            Code::AmountIsTooLarge,
            Code::AmountIsNotPayable,
            Code::CurrencyIsNotTaken,
        ])
}

async fn handle(
    State(app): State<App>,
    Wait(wait): Wait,
    call: KeyedRequest<Payments, NewPayment>,
) -> Handled {
    let claim = call.claim;
    start(&app, call.caller, claim, wait, call.request).await
}

/// What its short form, a charge, does too.
pub async fn start(
    app: &App,
    caller: AuthenticatedClient,
    claim: Claim,
    wait: Duration,
    request: NewPayment,
) -> Handled {
    let account = app.parts.accounts.account(caller.tenant, &request.provider, caller.mode);
    let account = account.ok_or_else(|| no_account(app, &caller, &request.provider))?;
    check_method(&request)?;
    let target = match (request.booking_id, request.amount) {
        (Some(booking), amount) => {
            PaymentTarget::Booking { booking: BookingId(booking), amount: amount.map(Into::into) }
        }
        (None, Some(amount)) => PaymentTarget::Amount { amount: amount.into(), reference: request.reference },
        (None, None) => unreachable!("a payment for nothing was refused when it was read"),
    };
    let pay_within = (request.payment_method == PIX)
        .then(|| Span::seconds(request.expires_in_seconds.unwrap_or(PIX_SECONDS).into()));
    begin(app, &claim.clone(), wait, |lease| StartPayment {
        claim,
        target,
        account,
        payment_method: request.payment_method,
        brand: request.brand,
        instalments: request.instalments.unwrap_or(1).into(),
        payer: request.payer.map(Into::into),
        pay_within,
        capture: request.capture.into(),
        return_url: request.return_url,
        metadata: request.metadata,
        amounts: providers::AMOUNTS,
        deadline: app.limits().operation_deadline,
        lease,
    })
    .await
}

/// Refuses what the provider does not offer, and an order without what the provider needs.
fn check_method(request: &NewPayment) -> Result<(), RefusedRequest> {
    let Some(adapter) = providers::adapter::find(&request.provider) else { return Ok(()) };
    let rules = adapter.methods;
    let is_pix = request.payment_method == PIX;
    let instalments = request.instalments.map_or(1, i64::from);
    let mut findings = ValidationErrors::default();
    let mut needs = |wrong: bool, pointer: &str, detail: &str| {
        if wrong {
            findings.add(pointer, format!("{detail} {}", request.provider));
        }
    };
    needs(is_pix && rules.pix_seconds_min.is_none(), "/payment_method", "pix is not offered by");
    needs(!is_pix && !rules.cards, "/payment_method", "cards are not offered by");
    let too_short = |seconds: u32| rules.pix_seconds_min.is_some_and(|least| seconds < least);
    let is_too_short = request.expires_in_seconds.is_some_and(too_short);
    needs(is_too_short, "/expires_in_seconds", "is shorter than a Pix code can live at");
    needs(!is_pix && rules.card_needs_brand && request.brand.is_none(), "/brand", "is needed by");
    needs(rules.needs_payer && request.payer.is_none(), "/payer", "is needed by");
    needs(instalments > rules.instalments_max, "/instalments", "more than are offered by");
    findings.none_or(()).map_err(Into::into)
}

/// Names what is configured: a name may be misspelled, or the account be of the other mode.
fn no_account(app: &App, caller: &AuthenticatedClient, provider: &str) -> RefusedRequest {
    let known = app.parts.accounts.providers(caller.tenant, caller.mode).join(", ");
    let known =
        if known.is_empty() { "there is none".to_owned() } else { format!("there are accounts at {known}") };
    let mode = caller.mode.name();
    RefusedRequest::from(Refusal::AccountNotFound)
        .detail(format!("There is no account at {provider} for {mode} mode; {known}."))
}
