//! Schedules of a product, and its blackouts.

pub mod add_blackout;
pub mod change_schedule;
pub mod create_schedule;
pub mod end_blackout;
pub mod get_schedule;
pub mod list_blackouts;
pub mod list_schedules;

use domain::commands::ProductSchedules;
use domain::limits::SCHEDULES_PER_PRODUCT_MAX;
use domain::working_set::Command;
use domain::{ProductId, Refusal, TenantId};
use store::CommandResult;

use crate::http::submit::{TRIES_MAX, submit_over};
use crate::http::{App, RefusedRequest};
use crate::schedules::Error;

/// Carries out a command over a product and the schedules that it has at this moment; again if somebody else
/// was quicker.
pub async fn submit_over_schedules<C, W>(
    app: &App,
    tenant: TenantId,
    product: ProductId,
    command: impl Fn(ProductSchedules) -> W,
) -> Result<CommandResult, RefusedRequest>
where
    C: Command + 'static,
    W: Future<Output = Result<C, RefusedRequest>>,
{
    let (app, command) = (&app, &command);
    submit_over(app, TRIES_MAX, || async move {
        // The product first: a schedule that is added after it is read changes its version.
        let seen = app.store().product(tenant, product).await?.ok_or(Refusal::ProductNotFound)?;
        let schedules = app.store().schedules(tenant, product, None, SCHEDULES_PER_PRODUCT_MAX).await?;
        let schedules = schedules.into_iter().map(|schedule| schedule.id).collect();
        command(ProductSchedules { tenant, product, version: seen.version, schedules }).await
    })
    .await
}

impl From<Error> for RefusedRequest {
    fn from(error: Error) -> RefusedRequest {
        match error {
            Error::Query(error) => error.into(),
            Error::Command(error) => error.into(),
            Error::Unreadable => RefusedRequest::from(api::Code::InternalError).because(error),
        }
    }
}
