//! `surehold bench`.
use std::process::ExitCode;

#[derive(clap::Args)]
pub struct Arguments {}

#[expect(clippy::unused_async, reason = "replaced as the bench lands")]
pub async fn run(_: Arguments) -> crate::Outcome {
    Ok(ExitCode::FAILURE)
}
