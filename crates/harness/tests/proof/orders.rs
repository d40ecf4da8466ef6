//! What customers want: 200 charges of every kind.

use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;

pub const PRICE_MINOR: i64 = 2_500;

/// One thing to be paid, and what comes after.
#[derive(Clone, Debug)]
pub struct Order {
    /// Its name: part of its keys, and metadata of its payment, so that the provider's books name it.
    pub name: String,
    /// Seats are held first, and the payment is theirs.
    pub books: bool,
    /// Authorised first, and then so much of it captured.
    pub captures_minor: Option<i64>,
    /// Partial refunds after the money was taken.
    pub refunds_minor: Vec<i64>,
    pub payment_method: &'static str,
}

impl Order {
    /// What the provider takes if it does not decline.
    pub fn taken_minor(&self) -> i64 {
        self.captures_minor.unwrap_or(PRICE_MINOR)
    }
}

/// In an order of their own each time, every kind among them.
pub fn orders(count: usize, random: &mut StdRng) -> Vec<Order> {
    let order = |number: usize| Order {
        name: format!("order-{number}"),
        books: number.is_multiple_of(2),
        captures_minor: (number % 10 < 2).then_some(if number % 20 < 10 { 1_700 } else { PRICE_MINOR }),
        refunds_minor: match number % 10 {
            3 => vec![300, 200],
            4 => vec![500],
            _ => vec![],
        },
        payment_method: if number % 20 == 19 { "pm_card_chargeDeclined" } else { "pm_card_visa" },
    };
    let mut orders: Vec<Order> = (0..count).map(order).collect();
    orders.shuffle(random);
    orders
}
