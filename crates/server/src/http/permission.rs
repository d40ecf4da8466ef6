//! The scopes that an endpoint requires, as a type: an endpoint without them does not compile.

use domain::rows::Subject;

use super::auth::Scope;

pub trait Permission {
    /// Any one of these scopes is enough.
    const ANY: &'static [Scope];
}

macro_rules! permissions {
    ($( $(#[$doc:meta])* $name:ident: $($scope:ident)|+; )+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub struct $name;
        impl Permission for $name {
            const ANY: &'static [Scope] = &[ $( Scope::$scope ),+ ];
        }
    )+};
}

permissions! {
    Bookings: Bookings;
    Payments: Payments;
    Catalogue: Catalogue;
    Ops: Ops;
    Ledger: Ledger;
    /// A client that books must see what is on sale.
    ReadCatalogue: Catalogue | Bookings;
    ReadEvents: Bookings | Payments;
    /// Beneficiaries, split rules, payouts and statements.
    Payouts: Payouts;
}

/// The scopes that show rows about such a subject, in a list or a view of several kinds: any one is
/// enough. They are the same as those of the endpoint that shows the subject itself.
pub const fn shown_by(subject: Subject) -> &'static [Scope] {
    match subject {
        Subject::Booking => Bookings::ANY,
        Subject::Payment | Subject::Refund | Subject::Dispute | Subject::Customer => Payments::ANY,
        Subject::Payout | Subject::Release | Subject::Beneficiary => Payouts::ANY,
        Subject::Product | Subject::Slot | Subject::Schedule | Subject::Resource => ReadCatalogue::ANY,
        Subject::Event
        | Subject::Tenant
        | Subject::ApiKey
        | Subject::Job
        | Subject::Delivery
        | Subject::Reconciliation
        | Subject::Difference => Ops::ANY,
    }
}
