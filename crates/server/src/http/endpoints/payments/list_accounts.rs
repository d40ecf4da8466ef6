use api::views::ProviderAccount;
use axum::extract::State;
use domain::{Currency, Timestamp};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::listing::PageRequest;
use crate::http::permission::Payments;
use crate::http::read_request::{ReadRequest, found};
use crate::ports::PaymentAccount;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/accounts", "list_accounts", handle)
        .about(
            "List accounts",
            "The tenant's accounts at providers, in their order of preference: a payment that names none \
             goes to the first that takes its currency and its method.",
        )
        .answers_page::<ProviderAccount>(200, "A page of those of the requesting key's mode.")
}

async fn handle(State(app): State<App>, look: ReadRequest<Payments>, page: PageRequest) -> Handled {
    let accounts = app.parts.accounts.accounts(look.caller.tenant, look.caller.mode);
    // The place in the order is where a page goes on.
    let place = |(at, account): &(i64, PaymentAccount)| (Timestamp(*at), account.id.0);
    let mut rows: Vec<(i64, PaymentAccount)> = (0..).zip(accounts).collect();
    rows.retain(|row| page.after.is_none_or(|after| place(row).0 > after.created_at));
    let mode = look.caller.mode.name();
    Ok(found(&page.of(rows, place, |(_, account)| ProviderAccount {
        id: account.id.0,
        provider: account.provider,
        name: account.name,
        mode: mode.to_owned(),
        currencies: account.currencies.iter().flatten().map(Currency::to_string).collect(),
        methods: account.methods.into_iter().map(|method| method.name().to_owned()).collect(),
    })))
}
