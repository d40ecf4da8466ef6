//! What fails before the tunnel stands was not sent.

use domain::provider::CallOutcome;
use providers::Provider;

use crate::{
    order,
    server::{Behaviour, Server},
    stripe_without_retries,
};

#[tokio::test]
async fn a_tunnel_that_does_not_come_about_is_not_sent() {
    let check = async |name: &str, behaviour: Behaviour| {
        let server = Server::start(vec![behaviour]).await;
        let teller = stripe_without_retries(server.base_url.replace("http://", "https://"));
        let heard = teller.confirm(&order(1), "pi_1").await;
        assert!(matches!(heard, CallOutcome::NotSent { .. }), "{name}: {heard:?}");
    };
    check("silence", Behaviour::AnswerAndStall(Vec::new())).await;
    check("reset", Behaviour::ResetUnread).await;
}
