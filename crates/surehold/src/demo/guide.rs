//! What to try next: addresses, keys and lines to paste.

use domain::time::Span;
use server::ports::clock::SystemClock;
use store::Clock as _;

use super::environment::DemoEnvironment;

pub fn show(stage: &DemoEnvironment) {
    let tenant = &stage.seeds.tenants[0];
    let (base, key, slot, unit) =
        (&stage.base_url, &tenant.api_key, stage.slots.last().map(|slot| slot.id.0), stage.seeds.unit_id);
    say!("\nIt keeps serving until Ctrl-C. Also in {}:\n", stage.data.join("demo.json").display());
    say!("  API          {base}          (docs: {base}/docs, metrics: {base}/metrics)");
    say!("  provider     {}/sandbox                (its books, and its faults)", stage.sandbox_url);
    for tenant in &stage.seeds.tenants {
        say!("  {:<12} api key {}\n  {:<12} ops key {}", tenant.name, tenant.api_key, "", tenant.ops_key);
    }
    let slot = slot.unwrap_or(stage.small_slot.id.0);
    let instant = |at: domain::Timestamp| {
        jiff::Timestamp::from_second(at.unix_seconds()).map_or_else(|_| String::new(), |at| at.to_string())
    };
    let now = SystemClock.now();
    let later = instant(now.plus(Span::seconds(7 * 24 * 3_600)));
    let now = instant(now);
    say!(
        "\nTry:\n\n  curl -s '{base}/v1/availability?product_id={}&from={now}&to={later}' \\\n    \
         -H 'Authorization: Bearer {key}'\n",
        stage.seeds.product_id
    );
    say!(
        "  curl -s {base}/v1/bookings -H 'Authorization: Bearer {key}' -H 'Idempotency-Key: my-1' \\\n    \
         -H 'Content-Type: application/json' -d '{{\"slot_id\":\"{slot}\",\"units\":[{{\"unit_id\":\"{unit}\",\
         \"quantity\":2}}],\"customer\":{{\"name\":\"Ana\",\"email\":\"ana@example.com\"}}}}'\n"
    );
    say!(
        "  curl -s {base}/v1/charges -H 'Authorization: Bearer {key}' -H 'Idempotency-Key: my-2' \\\n    \
         -H 'Content-Type: application/json' -d '{{\"amount\":{{\"minor\":1250,\"currency\":\"EUR\"}},\
         \"provider\":\"stripe\",\"payment_method\":\"pm_card_visa\"}}'\n"
    );
    say!("Run a line twice: the second answer is the first one's, and the books show one.");
}
