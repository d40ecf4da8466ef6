//! Asked to stop in the middle of the work: what was accepted is answered, and nothing is lost.

use crate::incidents::Incident;
use crate::killed::endure;
use crate::town::Town;

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    let stops = [Incident::StopServer("INT"), Incident::StopServer("TERM")].repeat(2);
    endure(Town::on_sqlite().await, &stops).await;
}
