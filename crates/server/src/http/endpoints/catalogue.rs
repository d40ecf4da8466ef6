//! What is sold, and when.

mod add_slots;
mod change_product;
mod create_product;
mod get_availability;
mod get_product;
mod list_products;
pub mod resources;
mod schedules;
mod set_cancellation_policy;

use crate::http::endpoint::Group;

pub const GROUP: Group = Group {
    tag: "Catalogue",
    description: "What is sold, and when.",
    endpoints: &[
        list_products::endpoint,
        create_product::endpoint,
        get_product::endpoint,
        change_product::endpoint,
        set_cancellation_policy::endpoint,
        add_slots::endpoint,
        get_availability::endpoint,
        resources::list_resources::endpoint,
        resources::create_resource::endpoint,
        resources::get_resource::endpoint,
        resources::change_resource::endpoint,
        resources::get_resource_calendar::endpoint,
        resources::set_product_resources::endpoint,
        schedules::list_schedules::endpoint,
        schedules::create_schedule::endpoint,
        schedules::get_schedule::endpoint,
        schedules::change_schedule::endpoint,
        schedules::list_blackouts::endpoint,
        schedules::add_blackout::endpoint,
        schedules::end_blackout::endpoint,
    ],
};
