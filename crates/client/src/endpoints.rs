//! The typed calls, one file per area of the API. What changes something is an [`Operation`](crate::Operation),
//! whose key can be seen and kept before it is sent; what only looks is asked at once.

mod bookings;
mod catalogue;
mod ledger;
mod ops;
mod payments;

#[cfg(test)]
mod tests;
