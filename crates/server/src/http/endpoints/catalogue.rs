//! What is sold, and when.

pub mod add_slots;
pub mod change_product;
pub mod create_product;
pub mod get_availability;
pub mod get_product;
pub mod list_products;
