//! A process that only serves, with workers in another process: the reply comes as soon as it is
//! made.

use std::time::Duration;
use testkit::{Engine, TestService, charge};

use server::roles::Roles;
use server::service;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_reply_of_another_process_wakes_the_request() {
    let service = TestService::with(Engine::Postgres, |settings| {
        settings.roles = Roles::API;
        // A waiting request that only polls would not find it in time.
        settings.limits.poll = Duration::from_hours(1);
    })
    .await;
    let mut apart = service.settings().clone();
    apart.roles = Roles::parse("worker,relay").unwrap();
    apart.listen = "127.0.0.1:0".parse().unwrap();
    let workers = service::start(apart).await.unwrap();
    for number in 0..20 {
        let request =
            service.one.post("/v1/charges", &charge(700, "pm_card_visa")).key(&format!("c-{number}"));
        // Without the notification the response would be 202.
        request.expect(201).await;
    }
    service.quiet().await;
    workers.stop().await;
    service.end().await;
}
