//! What to try next: addresses, keys and lines to paste.

use domain::time::Span;
use server::ports::clock::SystemClock;
use store::Clock as _;

use super::environment::DemoEnvironment;

pub fn show(environment: &DemoEnvironment) {
    let tenant = &environment.seeds.tenants[0];
    let (base, key, slot, unit) = (
        &environment.base_url,
        &tenant.api_key,
        environment.slots.last().map(|slot| slot.id.0),
        tenant.product.unit_id,
    );
    print_line!(
        "\nIt keeps serving until Ctrl-C. Also in {}:\n",
        environment.data.join("demo.json").display()
    );
    print_line!("  API          {base}          (docs: {base}/docs, metrics: {base}/metrics)");
    print_line!(
        "  provider     {}/sandbox                (its books, and its faults)",
        environment.sandbox_url
    );
    for tenant in &environment.seeds.tenants {
        print_line!(
            "  {:<12} api key {}\n  {:<12} ops key {}",
            tenant.name,
            tenant.api_key,
            "",
            tenant.ops_key
        );
    }
    let slot = slot.unwrap_or(environment.small_slot.id.0);
    let instant = |at: domain::Timestamp| {
        jiff::Timestamp::from_second(at.unix_seconds()).map_or_else(|_| String::new(), |at| at.to_string())
    };
    let now = SystemClock.now();
    let later = instant(now.plus(Span::seconds(7 * 24 * 3_600)));
    let now = instant(now);
    print_line!(
        "\nTry:\n\n  curl -s '{base}/v1/availability?product_id={}&from={now}&to={later}' \\\n    \
         -H 'Authorization: Bearer {key}'\n",
        tenant.product.id
    );
    print_line!(
        "  curl -s {base}/v1/bookings -H 'Authorization: Bearer {key}' -H 'Idempotency-Key: my-1' \\\n    \
         -H 'Content-Type: application/json' -d '{{\"slot_id\":\"{slot}\",\"units\":[{{\"unit_id\":\"{unit}\",\
         \"quantity\":2}}],\"customer\":{{\"name\":\"Ana\",\"email\":\"ana@example.com\"}}}}'\n"
    );
    print_line!(
        "  curl -s {base}/v1/charges -H 'Authorization: Bearer {key}' -H 'Idempotency-Key: my-2' \\\n    \
         -H 'Content-Type: application/json' -d '{{\"amount\":{{\"minor\":1250,\"currency\":\"EUR\"}},\
         \"provider\":\"stripe\",\"payment_method\":\"pm_card_visa\"}}'\n"
    );
    print_line!("Run a line twice: the second answer is the first one's, and the books show one.");
}
