//! The typed calls, one file per area of the API. A change is an [`Operation`](crate::Operation),
//! whose key can be seen and stored before it is sent; a read is sent at once.

mod bookings;
mod catalogue;
mod disputes;
mod entrance;
mod ledger;
mod ops;
mod payments;
mod payouts;
mod reconciliation;
mod resources;
mod schedules;

#[cfg(test)]
mod tests;
