//! What an endpoint asks of an API key, as a type: an endpoint that forgot to ask does not compile.

use domain::rows::Subject;

use super::auth::Scope;

pub trait Permission {
    /// One of these scopes will do.
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
    /// Whoever books must see what there is.
    ReadCatalogue: Catalogue | Bookings;
    ReadEvents: Bookings | Payments;
}

/// Which scopes show what is about such a subject, where a list or a view has several kinds: one of
/// them will do. The same as those of the endpoint that shows the subject itself.
pub const fn shown_by(subject: Subject) -> &'static [Scope] {
    match subject {
        Subject::Booking => Bookings::ANY,
        Subject::Payment | Subject::Refund => Payments::ANY,
        Subject::Product | Subject::Slot => ReadCatalogue::ANY,
        Subject::Event | Subject::Tenant | Subject::ApiKey | Subject::Job | Subject::Delivery => Ops::ANY,
    }
}
