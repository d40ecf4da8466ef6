//! A call that fails before the TLS tunnel is open was not sent.

use domain::provider::CallOutcome;
use providers::Provider;
use testkit::scripted_server::{ScriptedServer, ServerStep};

use crate::{order, stripe_without_retries};

#[tokio::test]
async fn a_failed_tls_handshake_is_not_sent() {
    let check = async |name: &str, behaviour: ServerStep| {
        let server = ScriptedServer::start(vec![behaviour]).await;
        let stripe = stripe_without_retries(server.base_url.replace("http://", "https://"));
        let outcome = stripe.confirm(&order(1), "pi_1").await;
        assert!(matches!(outcome, CallOutcome::NotSent { .. }), "{name}: {outcome:?}");
    };
    check("silence", ServerStep::AnswerAndStall(Vec::new())).await;
    check("reset", ServerStep::ResetUnread).await;
}
