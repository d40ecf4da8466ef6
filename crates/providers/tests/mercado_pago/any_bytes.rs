//! Anyone can send webhooks: whatever they contain, they get a reply and nothing panics.

use std::sync::LazyLock;

use domain::Timestamp;
use http::{HeaderMap, HeaderValue};
use proptest::prelude::*;
use providers::{Provider, WebhookHead, mercado_pago::MercadoPago};

use crate::adapter;

/// Created once: with TLS it reads the system's certificates.
static MERCADO_PAGO: LazyLock<MercadoPago> = LazyLock::new(|| adapter("http://127.0.0.1:9"));

/// Text that passes more checks than random bytes do.
fn header() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just("ts=1742505638683".to_owned()),
        Just("ts=1742505638".to_owned()),
        Just("ts=999999999999999".to_owned()),
        "(ts|v0|v1|)=?-?[0-9a-fé]{0,70}",
        ".{0,10}",
    ];
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..4096),
        proptest::collection::vec(part, 0..20).prop_map(|parts| parts.join(",").into_bytes()),
        "ts=(1742505638|1742505638683),v1=[0-9a-f]{64}".prop_map(String::into_bytes),
    ]
}

fn now() -> impl Strategy<Value = i64> {
    prop_oneof![any::<i64>(), Just(1_742_505_638_000_000)]
}

fn query() -> impl Strategy<Value = String> {
    let pair = "(data\\.id|type|topic|id|)=?[0-9a-zA-Z%;é-]{0,70}";
    prop_oneof![".{0,200}", proptest::collection::vec(pair, 0..8).prop_map(|pairs| pairs.join("&"))]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        "null|true|0|-1|1e400|[{]|\"x\"|\"BRL\"|\"approved\"|\"pending\"",
        "(0|[1-9][0-9]{0,29})(\\.[0-9]{1,30})?",
        "\"[a-z_.]{0,20}\"",
    ];
    let name = "status|metadata|external_reference|date_of_expiration|refunds|payment|amount";
    let members = || {
        proptest::collection::btree_map(name, value.clone(), 0..6).prop_map(|members| {
            let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
            members.join(",")
        })
    };
    let any_event = ("fetch|other|payment|refund", members())
        .prop_map(|(kind, inner)| format!("{{\"{kind}\":{{{inner}}}}}"));
    let amount = value.clone();
    let payment = (amount, members()).prop_map(|(amount, inner)| {
        let comma = if inner.is_empty() { "" } else { "," };
        let start = format!("\"id\":7,\"currency_id\":\"BRL\",\"transaction_amount\":{amount}");
        format!("{{\"payment\":{{{start}{comma}{inner}}}}}")
    });
    let refund = members().prop_map(|inner| {
        let comma = if inner.is_empty() { "" } else { "," };
        format!(
            "{{\"refund\":{{\"refund\":{{\"id\":9{comma}{inner}}},\"payment\":\"7\",\"currency_id\":\"BRL\"}}}}"
        )
    });
    let event = prop_oneof![any_event, payment, refund];
    prop_oneof![
        1 => proptest::collection::vec(any::<u8>(), 0..512),
        6 => event.prop_map(String::into_bytes),
        1 => (1usize..2_000).prop_map(|depth| "[".repeat(depth).into_bytes()),
        1 => (1usize..2_000).prop_map(|depth| {
            let deep = "[".repeat(depth);
            format!("{{\"payment\":{{\"id\":1,\"metadata\":{deep}").into_bytes()
        }),
    ]
}

proptest! {
    #[test]
    fn unsigned_deliveries_are_refused(
        header in header(),
        request in proptest::collection::vec(any::<u8>(), 0..300),
        query in query(),
        now in now(),
    ) {
        let mut headers = HeaderMap::new();
        for (name, value) in [("x-signature", header), ("x-request-id", request)] {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.insert(name, value);
            }
        }
        let head = WebhookHead { headers: &headers, query: &query };
        let _ = MERCADO_PAGO.check_head(head);
        prop_assert!(MERCADO_PAGO.verify(head, b"", Timestamp(now)).is_err());
    }

    #[test]
    fn anything_can_be_interpreted(body in body()) {
        let _ = MERCADO_PAGO.interpret(&body);
    }
}
