use api::Code;
use api::views::Beneficiary;
use axum::extract::State;
use domain::{BeneficiaryId, Refusal};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Payouts;
use crate::http::read_request::{ReadRequest, found};
use crate::http::write_request::Id;

pub fn endpoint() -> Endpoint {
    Endpoint::get("/v1/beneficiaries/{id}", "get_beneficiary", handle)
        .about("Get a beneficiary", "Its name, and how it is paid.")
        .answers::<Beneficiary>(200, "The beneficiary.")
        .refuses(&[Code::BeneficiaryNotFound])
}

async fn handle(State(app): State<App>, look: ReadRequest<Payouts>, Id(id): Id) -> Handled {
    let row = app.store().beneficiary(look.caller.tenant, BeneficiaryId(id)).await?;
    Ok(found(&Beneficiary::of(&row.ok_or(Refusal::BeneficiaryNotFound { beneficiary: id })?)))
}
