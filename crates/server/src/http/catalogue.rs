//! The catalogue: products with their units, and slots.

pub mod add_slots;
pub mod availability;
pub mod change_product;
pub mod create_product;
pub mod products;
