use std::iter;
use std::time::Duration;

use api::Code;
use api::limits::{ALTERNATIVES_MAX, PAYABLE_SECONDS};
use api::requests::{Alternative, NewPayment};
use api::validation_errors::ValidationErrors;
use api::views::Payment;
use axum::extract::State;
use domain::commands::{MethodUse, PaymentTarget, StartPayment};
use domain::rows::{CHECKOUT_PAGE, PAYMENT_FORM, PIX, PayBy, PaymentRoute};
use domain::time::Span;
use domain::working_set::Claim;
use domain::{BookingId, Currency, CustomerId, Refusal};

use crate::http::answer::Handled;
use crate::http::auth::AuthenticatedClient;
use crate::http::endpoint::Endpoint;
use crate::http::operation::begin;
use crate::http::permission::Payments;
use crate::http::prefer::Wait;
use crate::http::write_request::KeyedRequest;
use crate::http::{App, RefusedRequest};
use crate::ports::{PaymentAccount, WantedAccount};

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
            Code::NotOfferedByProvider,
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
            Code::CustomerHasNoSavedMethod,
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
    let routes = routes(app, &caller, &request).await?;
    let method_use = MethodUse {
        customer: request.customer.as_deref().map(|text| CustomerId::of_reference(caller.tenant, text)),
        saves: request.setup_future_usage.is_some(),
        off_session: request.off_session,
    };
    let target = match (request.booking_id, request.amount) {
        (Some(booking), amount) => {
            PaymentTarget::Booking { booking: BookingId(booking), amount: amount.map(Into::into) }
        }
        (None, Some(amount)) => PaymentTarget::Amount { amount: amount.into(), reference: request.reference },
        (None, None) => unreachable!("a payment for nothing was refused when it was read"),
    };
    let is_pix = request.payment_method == PIX;
    let by_customer = [PIX, PAYMENT_FORM, CHECKOUT_PAGE].contains(&request.payment_method.as_str());
    let pay_within =
        by_customer.then(|| Span::seconds(request.expires_in_seconds.unwrap_or(PAYABLE_SECONDS).into()));
    let mut routes = routes.into_iter();
    let first = routes.next().expect("a payment without an account was refused");
    begin(app, &claim.clone(), wait, |lease| StartPayment {
        claim,
        target,
        account: first.account,
        payment_method: first.payment_method,
        brand: first.brand,
        alternatives: routes.collect(),
        instalments: request.instalments.unwrap_or(1).into(),
        payer: request.payer.map(Into::into),
        pay_within,
        method_currency: is_pix.then_some(Currency::BRL),
        method_use,
        capture: request.capture.into(),
        return_url: request.return_url,
        metadata: request.metadata,
        amounts: providers::AMOUNTS,
        deadline: app.limits().operation_deadline,
        lease,
    })
    .await
}

/// The accounts at which the payment is tried, in this order; at least one.
async fn routes(
    app: &App,
    caller: &AuthenticatedClient,
    request: &NewPayment,
) -> Result<Vec<PaymentRoute>, RefusedRequest> {
    let accounts = app.parts.accounts.accounts(caller.tenant, caller.mode);
    let method = if request.payment_method == PIX { PayBy::Pix } else { PayBy::Card };
    let mut wanted = WantedAccount { provider: None, account: None, currency: None, method };
    let named = request.provider.is_some() && accounts.len() == 1;
    // Only the choice among several needs the currency.
    if !named {
        wanted.currency = currency(app, caller, request).await?;
    }
    let first = request.route();
    let mut routes = Vec::new();
    for (at, tried) in iter::once(&first).chain(&request.alternatives).enumerate() {
        let (provider, account) = (tried.provider.as_deref(), tried.account.as_deref());
        let wanted = WantedAccount { provider, account, ..wanted };
        let known = accounts.iter().any(|known| {
            provider.is_none_or(|name| name == known.provider)
                && account.is_none_or(|name| name == known.name)
        });
        if !known {
            return Err(no_account(caller, provider, account, &accounts));
        }
        let pointer = if at == 0 { String::new() } else { format!("/alternatives/{}", at - 1) };
        let mut fitting = accounts.iter().filter(|account| account.fits(wanted));
        let chosen = fitting.next().or_else(|| only_named(&accounts, wanted)).ok_or_else(|| {
            let mut findings = ValidationErrors::default();
            let detail = "no account takes this currency by this method";
            findings.add(format!("{pointer}/payment_method"), detail);
            RefusedRequest::not_offered(findings)
        })?;
        check_method(request, tried, &chosen.provider, &pointer)?;
        routes.push(route(chosen, tried));
        if method == PayBy::Pix && account.is_none() {
            // A code belongs to no account, so every other one will do.
            let others = fitting.take(ALTERNATIVES_MAX).map(|account| route(account, tried));
            routes.extend(others);
        }
    }
    Ok(routes)
}

/// The named account, although it does not take what is wanted: its provider's rules say why.
fn only_named<'a>(accounts: &'a [PaymentAccount], wanted: WantedAccount<'_>) -> Option<&'a PaymentAccount> {
    let is_named = |account: &&PaymentAccount| {
        wanted.provider == Some(account.provider.as_str())
            && wanted.account.is_none_or(|name| name == account.name)
    };
    accounts.iter().find(is_named)
}

fn route(account: &PaymentAccount, tried: &Alternative) -> PaymentRoute {
    PaymentRoute {
        account: account.id,
        provider: account.provider.clone(),
        payment_method: tried.payment_method.clone(),
        brand: tried.brand.clone(),
    }
}

/// The currency of what is paid. `None` if there is no such booking, which is refused later.
async fn currency(
    app: &App,
    caller: &AuthenticatedClient,
    request: &NewPayment,
) -> Result<Option<Currency>, RefusedRequest> {
    if let Some(amount) = request.amount {
        return Ok(Some(amount.currency));
    }
    let Some(booking) = request.booking_id else { return Ok(None) };
    let booking = app.store().booking(caller.tenant, BookingId(booking)).await?;
    Ok(booking.map(|booking| booking.currency))
}

/// Refuses what the provider does not offer, and an order without what the provider needs.
fn check_method(
    request: &NewPayment,
    tried: &Alternative,
    provider: &str,
    pointer: &str,
) -> Result<(), RefusedRequest> {
    let Some(adapter) = providers::adapter::find(provider) else { return Ok(()) };
    let rules = adapter.methods;
    let is_pix = tried.payment_method == PIX;
    let is_form = tried.payment_method == PAYMENT_FORM;
    let is_page = tried.payment_method == CHECKOUT_PAGE;
    let is_card = !is_pix && !is_form && !is_page;
    let seconds = request.expires_in_seconds.unwrap_or(PAYABLE_SECONDS);
    let payer = request.payer.as_ref();
    let has_tax_id = payer.is_some_and(|payer| payer.name.is_some() && payer.tax_id.is_some());
    let instalments = request.instalments.map_or(1, i64::from);
    let mut findings = ValidationErrors::default();
    let mut needs = |wrong: bool, pointer: &str, detail: &str| {
        if wrong {
            findings.add(pointer, format!("{detail} {provider}"));
        }
    };
    let method = format!("{pointer}/payment_method");
    needs(is_pix && rules.pix.is_none(), &method, "pix is not offered by");
    needs(is_form && !rules.payment_form, &method, "a payment form is not offered by");
    needs(is_page && !rules.checkout_page, &method, "a checkout page is not offered by");
    needs(is_card && !rules.cards, &method, "cards are not offered by");
    if let Some(pix) = rules.pix.filter(|_| is_pix) {
        let offered = (pix.seconds_min..=pix.seconds_max).contains(&seconds);
        needs(!offered, "/expires_in_seconds", "is outside the limits of");
        needs(pix.needs_tax_id && !has_tax_id, "/payer", "is needed with name and tax_id for pix by");
    }
    let saves = request.setup_future_usage.is_some();
    needs(saves && !rules.saved_methods, "/setup_future_usage", "a payment method cannot be saved at");
    needs(
        request.off_session && !rules.saved_methods,
        "/off_session",
        "a charge of an absent customer is not offered by",
    );
    let lacks_brand = is_card && rules.card_needs_brand && tried.brand.is_none();
    needs(lacks_brand, &format!("{pointer}/brand"), "is needed by");
    needs(rules.needs_payer && payer.is_none(), "/payer", "is needed by");
    needs(instalments > rules.instalments_max, "/instalments", "more than are offered by");
    findings.none_or(()).map_err(RefusedRequest::not_offered)
}

/// Names what is configured: a name may be misspelled, or the account be of the other mode.
pub fn no_account(
    caller: &AuthenticatedClient,
    provider: Option<&str>,
    account: Option<&str>,
    accounts: &[PaymentAccount],
) -> RefusedRequest {
    let known: Vec<String> =
        accounts.iter().map(|known| format!("{}/{}", known.provider, known.name)).collect();
    let known = if known.is_empty() { "there is none".to_owned() } else { known.join(", ") };
    let wanted = match (provider, account) {
        (Some(provider), Some(account)) => format!("There is no account {account} at {provider}"),
        (Some(provider), None) => format!("There is no account at {provider}"),
        (None, Some(account)) => format!("There is no account {account}"),
        (None, None) => "There is no account".to_owned(),
    };
    let mode = caller.mode.name();
    RefusedRequest::from(Refusal::AccountNotFound)
        .detail(format!("{wanted} for {mode} mode; configured: {known}."))
}
