//! `surehold docs`: writes the pages that are generated from tables in the code.

use std::path::PathBuf;
use std::process::ExitCode;

use domain::lifecycle::{
    attempt, booking, booking_item, delivery, difference, dispute, dispute_evidence, inbound_event, job,
    page, payment, payout, reconciliation, refund, release, review,
};

#[derive(clap::Args)]
pub struct Arguments {
    /// The folder to write into
    #[arg(long, default_value = "docs")]
    out: PathBuf,
}

pub fn run(arguments: &Arguments) -> crate::Exit {
    std::fs::create_dir_all(&arguments.out)?;
    for (name, text) in [
        ("lifecycles.md", lifecycles()),
        ("errors.md", api::errors_page()),
        ("openapi.json", server::http::openapi_json()),
        ("metrics.md", server::metrics::page::page()),
    ] {
        std::fs::write(arguments.out.join(name), text.trim_end().to_owned() + "\n")?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Every lifecycle, generated from its table.
fn lifecycles() -> String {
    let pages = [
        page::<booking::State>(),
        page::<booking_item::State>(),
        page::<payment::State>(),
        page::<attempt::State>(),
        page::<refund::State>(),
        page::<dispute::State>(),
        page::<dispute_evidence::State>(),
        page::<release::State>(),
        page::<payout::State>(),
        page::<job::State>(),
        page::<inbound_event::State>(),
        page::<delivery::State>(),
        page::<review::State>(),
        page::<reconciliation::State>(),
        page::<difference::State>(),
    ];
    format!(
        "# Lifecycles\n\nGenerated from the tables in `crates/domain/src/lifecycle` by `cargo xtask generate`.\n\
         A pair of state and event without a row is refused. The number behind a state is its rank: no\n\
         row leads to a lower one, except that jobs, deliveries and differences, which have no ranks, may go round.\n\n{}",
        pages.concat()
    )
}
