//! `examples/charge.rs` does what it says.

use client::Charge;

use crate::sdk_service::SdkService;

#[path = "../../examples/charge.rs"]
#[expect(dead_code, reason = "its `main` is not ours")]
mod charge;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_that_died_is_taken_up_again() {
    let service = SdkService::start().await;
    let directory = tempfile::tempdir().unwrap();
    let key_file = directory.path().join("charge.key");
    let client = service.client();
    // The run that dies: it has kept its key and sent its request, and never comes to remove the key.
    std::fs::write(&key_file, "of-the-run-that-died").unwrap();
    let died = charge::charge_once(&client, &key_file).await.unwrap();
    std::fs::write(&key_file, "of-the-run-that-died").unwrap();
    let again = charge::charge_once(&client, &key_file).await.unwrap();
    assert_eq!(again, died);
    assert!(!key_file.exists());
    let new = charge::charge_once(&client, &key_file).await.unwrap();
    assert!(matches!(new, Charge::Accepted(_)));
    let mut charged = service.charged().await;
    charged.sort_unstable();
    let mut expected = [died.payment_id(), new.payment_id()].map(|payment| (payment, 1_250));
    expected.sort_unstable();
    assert_eq!(charged, expected);
    service.end().await;
}
