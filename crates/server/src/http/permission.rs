//! What an endpoint asks of an API key, as a type: an endpoint that forgot to ask does not compile.

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
