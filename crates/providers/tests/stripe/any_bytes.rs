//! Anyone can send webhooks: whatever they contain, they get a reply and nothing panics.

use std::sync::LazyLock;

use domain::Timestamp;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use providers::{Provider, stripe::Stripe};

use crate::{head, stripe_without_retries};

/// Created once: with TLS it reads the system's certificates.
static STRIPE: LazyLock<Stripe> = LazyLock::new(|| stripe_without_retries("http://127.0.0.1:9".to_owned()));

/// Text that passes more checks than random bytes do.
fn header() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just("t=1700000000".to_owned()),
        Just("t=99999999999999999999".to_owned()),
        "(t|v0|v1|)=?-?[0-9a-fé]{0,70}",
        ".{0,10}",
    ];
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..4096),
        proptest::collection::vec(part, 0..20).prop_map(|parts| parts.join(",").into_bytes()),
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let value =
        prop_oneof!["null|true|0|-1|1e400|[{]|\"x\"|\"event\"|\"pi_1\"", "[0-9]{1,30}", "\"[a-z_.]{0,20}\""];
    let name = "id|object|type|livemode|status|amount|currency|metadata|amount_received|next_action";
    let members = move || {
        proptest::collection::vec((name, value.clone()), 0..8).prop_map(|members| {
            let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            members.join(",")
        })
    };
    let kind = "payment_intent.succeeded|refund.updated|charge.refund.updated|charge.succeeded";
    let event = (kind, members(), members()).prop_map(|(kind, outer, inner)| {
        format!(
            "{{\"type\":\"{kind}\",\"data\":{{\"object\":{{{inner}}}}}{}{outer}}}",
            if outer.is_empty() { "" } else { "," }
        )
    });
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..512),
        event.prop_map(String::into_bytes),
        (1usize..2_000).prop_map(|depth| "[".repeat(depth).into_bytes()),
        (1usize..2_000).prop_map(|depth| format!(
            "{{\"type\":\"x\",\"data\":{{\"object\":{}",
            "[".repeat(depth)
        )
        .into_bytes()),
    ]
}

proptest! {
    #[test]
    fn unsigned_deliveries_are_refused(header in header(), body in body(), now in any::<i64>()) {
        let mut headers = HeaderMap::new();
        if let Ok(header) = HeaderValue::from_bytes(&header) {
            headers.insert("stripe-signature", header);
        }
        prop_assert!(STRIPE.verify(head(&headers), &body, Timestamp(now)).is_err());
    }

    #[test]
    fn anything_can_be_interpreted(body in body()) {
        let _ = STRIPE.interpret(&body);
    }
}
