//! A body of another coding, a head that names no host, and all the mistakes of a request at once.

use crate::house::House;

both![a_body_that_is_encoded_is_told_as_such,];

async fn a_body_that_is_encoded_is_told_as_such(house: House) {
    let sail = house.sail().await;
    let body = sail.booking(1).to_string().into_bytes();
    for coding in ["gzip", "GZIP", "br", "identity, gzip", "odd"] {
        for (method, path) in
            [("POST", "/v1/bookings"), ("POST", "/v1/ops/api_keys"), ("PATCH", "/v1/ops/settings")]
        {
            let ask =
                house.ask(method, path).bytes(body.clone()).header("content-encoding", coding).key("k-1");
            let refused = ask.refused(415, "content_coding_not_accepted").await;
            assert_eq!(refused.header("accept-encoding"), Some("identity"), "{coding}");
        }
    }
    let plain =
        house.ask("POST", "/v1/bookings").bytes(body).header("content-encoding", "identity").key("k-1");
    plain.expect(201).await;
}
