//! Mistakes in the parameters of a query, each with the parameter's name.

use crate::test_server::TestServer;
use testkit::{Engine, OnEngine as _};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistake_in_a_parameter_is_reported_under_its_name() {
    let server = TestServer::on(Engine::Sqlite).await;
    let product = "product_id=00000000-0000-0000-0000-000000000001";
    let (from, to) = ("from=2050-01-01T00:00:00Z", "to=2050-01-02T00:00:00Z");
    let availability = |query: &[&str]| format!("/v1/availability?{}", query.join("&"));
    for (path, pointer) in [
        (availability(&[product, to]), "/from"),
        (availability(&[product, from]), "/to"),
        (availability(&[product, "from=tomorrow", to]), "/from"),
        (availability(&["product_id=7", from, to]), "/product_id"),
        (availability(&[product, from, from, to]), "/from"),
        (availability(&[product, to, "to=2049-01-01T00:00:00Z", from]), "/to"),
        ("/v1/bookings?slot=1".to_owned(), "/slot"),
        ("/v1/bookings?a%2Fb=1".to_owned(), "/a~1b"),
        ("/v1/bookings?slot_id=x".to_owned(), "/slot_id"),
        ("/v1/bookings?state=sunk".to_owned(), "/state"),
        ("/v1/bookings?cursor=00".to_owned(), "/cursor"),
        ("/v1/bookings?limit=many".to_owned(), "/limit"),
        ("/v1/bookings?limit=0".to_owned(), "/limit"),
        ("/v1/payments?booking_id=".to_owned(), "/booking_id"),
        ("/v1/payments?state=sunk".to_owned(), "/state"),
        ("/v1/payments?amount_minor=0".to_owned(), "/amount_minor"),
        ("/v1/payments?customer_email=ana".to_owned(), "/customer_email"),
        ("/v1/payments?amount_minor=100&state=captured".to_owned(), "/amount_minor"),
        (format!("/v1/payments?created_{from}&created_before=2049-01-01T00:00:00Z"), "/created_before"),
        (format!("/v1/bookings?created_{from}&created_before=2049-01-01T00:00:00Z"), "/created_before"),
        ("/v1/events?after=-1".to_owned(), "/after"),
        ("/v1/events?after=last".to_owned(), "/after"),
        ("/v1/products?page=2".to_owned(), "/page"),
    ] {
        let refused = server.get(&path).refused(400, "validation_failed").await;
        assert_eq!(refused.pointers(), [pointer], "{path}: {}", refused.text);
    }
}
