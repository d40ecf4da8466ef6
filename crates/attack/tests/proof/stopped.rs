//! The program is stopped by a signal during the work: every accepted request is answered, and
//! nothing is lost.

use attack::incidents::{Incident, TargetProcess};
use attack::{Error, Ground, Need, Scenario, ScenarioContext, load_with_faults};

use crate::killed::{ORDERS, run_with_incidents};
use crate::{on_postgres, prove};

static STOPPED: Scenario = Scenario {
    number: 2,
    name: "proof-stopped",
    promise: "Asked to stop it ends well, and what it had begun goes on after it.",
    needs: &[Need::Deployment],
    always: &load_with_faults::ALWAYS,
    sometimes: &[],
    run: |context| Box::pin(stopped(context)),
};

async fn stopped(context: ScenarioContext) -> Result<(), Error> {
    let stops = ["INT", "TERM"].map(|signal| Incident::Stop(TargetProcess::Server, signal));
    run_with_incidents(&context, &stops.repeat(3)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    prove(&STOPPED, ORDERS, Ground::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql() {
    prove(&STOPPED, ORDERS, on_postgres()).await;
}
