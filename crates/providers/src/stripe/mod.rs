//! Stripe, <https://docs.stripe.com/api>.

mod settings;

pub use settings::Settings;
