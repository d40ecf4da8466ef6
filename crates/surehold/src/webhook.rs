//! `surehold webhook register`: tells a bank where to deliver its webhooks. Other providers are told in
//! their own dashboards.

use std::path::PathBuf;
use std::process::ExitCode;

use domain::TenantId;
use providers::pix;

use crate::config::File;
use crate::failed;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// Register the address of an account's webhooks at its bank, with the account's first secret
    Register(Register),
}

#[derive(clap::Args)]
struct Register {
    /// The TOML file with the account; see docs/configuration.md
    #[arg(long, env = "SUREHOLD_CONFIG")]
    config: PathBuf,
    /// The name of the account, as in the file
    #[arg(long)]
    account: String,
    /// Where the bank reaches this installation, such as <https://pay.tours.example>
    #[arg(long)]
    url: String,
}

pub async fn run(arguments: Arguments) -> crate::Exit {
    let Command::Register(Register { config, account, url }) = arguments.command;
    let file = File::read(&config)?;
    let found =
        file.accounts.iter().find(|known| known.name == account && known.provider == pix::ADAPTER.name);
    let found = found.ok_or_else(|| failed(format!("{} has no pix account {account}", config.display())))?;
    // The bank is not told whose account it is.
    let settings = found.settings(TenantId(uuid::Uuid::nil()))?.settings;
    pix::register_webhook(&settings, &url, &account).await.map_err(failed)?;
    println!("the bank delivers the webhooks of {account} to {url}");
    Ok(ExitCode::SUCCESS)
}
