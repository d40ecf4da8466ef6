//! Payments, their attempts and refunds.

use domain::lifecycle::{State, payment};
use domain::rows::{Attempt, Movement, Payment, ProviderCustomer, Refund};
use domain::{
    AccountId, AttemptId, BookingId, CustomerId, KeyId, PaymentId, ProviderCustomerId, RefundId, TenantId,
    Timestamp,
};

use super::filter::{Filter, with};
use super::{Cursor, Queries};
use crate::Error;

/// The conditions of a search. `None` is no condition.
#[derive(Clone, Debug, Default)]
pub struct PaymentSearch {
    pub booking: Option<BookingId>,
    /// The customer of their bookings, which are few, so their payments are sorted.
    pub customer_email: Option<String>,
    pub reference: Option<String>,
    /// The idempotency key of its request.
    pub key: Option<KeyId>,
    pub state: Option<payment::State>,
    pub account: Option<AccountId>,
    /// Exactly this amount. An index finds it, but not together with a state or an account.
    pub amount_minor: Option<i64>,
    pub created_from: Option<Timestamp>,
    pub created_before: Option<Timestamp>,
    pub after: Option<Cursor>,
    pub limit: usize,
}

impl Queries {
    pub async fn payment(&self, tenant: TenantId, id: PaymentId) -> Result<Option<Payment>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    /// The payment of an object at the provider. The account determines the tenant.
    pub async fn payment_at_provider(
        &self,
        account: AccountId,
        provider_ref: &str,
    ) -> Result<Option<Payment>, Error> {
        self.row("where provider_ref = $1 and account = $2", with![provider_ref.to_owned(), account]).await
    }

    /// Newest first.
    pub async fn payments(&self, tenant: TenantId, search: &PaymentSearch) -> Result<Vec<Payment>, Error> {
        let customer = search.customer_email.as_ref().map(|email| CustomerId::of(tenant, email));
        // A planner takes each customer for an average one, and would rather read all payments in their order. SQLite
        // cannot read them in the order of an expression. Differs by necessity: PostgreSQL would sort them all, but of
        // an array it expects few values; SQLite has none.
        let order = if customer.is_some() { "created_at + 0" } else { "created_at" };
        let booking = if self.is_sqlite() { ["booking in (", ")"] } else { ["booking = any(array(", "))"] };
        let of_customer = "select id from bookings where tenant = $1 and customer =";
        let (rest, parameters) = Filter::over("tenant", [order, "id"], tenant)
            .and("booking =", search.booking)
            .within(booking, of_customer, customer)
            .and("reference =", search.reference.clone())
            .and("key =", search.key)
            .and("state =", search.state.map(|state| state.name().to_owned()))
            .and("account =", search.account)
            .and("amount_minor =", search.amount_minor)
            .and("created_at >=", search.created_from)
            .after(Cursor::behind(search.after, search.created_before))
            .newest(search.limit);
        self.rows(&rest, parameters).await
    }

    /// Oldest first. Their number is limited when they are made.
    pub async fn payments_of_booking(
        &self,
        tenant: TenantId,
        booking: BookingId,
    ) -> Result<Vec<Payment>, Error> {
        self.rows("where tenant = $1 and booking = $2 order by created_at, id", with![tenant, booking]).await
    }

    pub async fn attempt(&self, tenant: TenantId, id: AttemptId) -> Result<Option<Attempt>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    /// Oldest first.
    pub async fn attempts_of_payment(
        &self,
        tenant: TenantId,
        payment: PaymentId,
    ) -> Result<Vec<Attempt>, Error> {
        self.rows("where tenant = $1 and payment = $2 order by created_at, id", with![tenant, payment]).await
    }

    /// The customer as the account's provider knows it.
    pub async fn provider_customer(
        &self,
        account: AccountId,
        customer: CustomerId,
    ) -> Result<Option<ProviderCustomer>, Error> {
        self.row("where id = $1", with![ProviderCustomerId::of(account, customer)]).await
    }

    pub async fn refund(&self, tenant: TenantId, id: RefundId) -> Result<Option<Refund>, Error> {
        self.row("where tenant = $1 and id = $2", with![tenant, id]).await
    }

    /// Oldest first.
    pub async fn refunds_of_payment(
        &self,
        tenant: TenantId,
        payment: PaymentId,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<Refund>, Error> {
        let (rest, parameters) =
            Filter::of(tenant).and("payment =", Some(payment)).oldest("created_at", after, max);
        self.rows(&rest, parameters).await
    }

    /// Oldest first.
    pub async fn movements_of_payment(
        &self,
        tenant: TenantId,
        payment: PaymentId,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<Vec<Movement>, Error> {
        let (rest, parameters) =
            Filter::of(tenant).and("payment =", Some(payment)).oldest("recorded_at", after, max);
        self.rows(&rest, parameters).await
    }

    /// The refund of an object at the provider, of a payment of this account.
    pub async fn refund_at_provider(
        &self,
        account: AccountId,
        provider_ref: &str,
    ) -> Result<Option<Refund>, Error> {
        let rest = "where provider_ref = $1 and exists (select 1 from payments \
             where payments.id = refunds.payment and payments.account = $2)";
        self.row(rest, with![provider_ref.to_owned(), account]).await
    }
}
