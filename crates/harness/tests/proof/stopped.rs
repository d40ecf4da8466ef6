//! Asked to stop in the middle of the work: what was accepted is answered, and nothing is lost.

use crate::incidents::Incident;
use crate::killed::endure;
use crate::town::Town;

fn stops() -> Vec<Incident> {
    [Incident::StopServer("INT"), Incident::StopServer("TERM")].repeat(3)
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    endure(Town::on_sqlite().await, &stops()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    endure(Town::on_postgres().await, &stops()).await;
}
