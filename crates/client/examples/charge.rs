//! Charges 12.50 euros once, however often it is run and wherever it dies.
//!
//! ```sh
//! cargo run --release -- demo                       # in one terminal
//! cargo run --release -p client --example charge    # in another, in the same directory
//! ```
//!
//! The key of the charge is written to `surehold-demo/charge.key` before anything is sent, and is removed
//! once its outcome is known. Kill it in between, and the next run asks for the very same charge.

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use client::requests::NewCharge;
use client::{Charge, Client, Currency, Money, Retry};

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let directory = std::env::args().nth(1).unwrap_or_else(|| "surehold-demo".to_owned());
    let directory = Path::new(&directory);
    let demo: serde_json::Value = serde_json::from_slice(&std::fs::read(directory.join("demo.json"))?)?;
    let base_url = demo["base_url"].as_str().ok_or("demo.json names no base_url")?;
    let api_key = demo["tenants"][0]["api_key"].as_str().ok_or("demo.json names no API key")?;
    let client = Client::builder(base_url, api_key)
        .observer(|retry: &Retry<'_>| println!("again in {:?}: {}", retry.delay, retry.failure))
        .build()?;
    charge_once(&client, &directory.join("charge.key")).await?;
    Ok(())
}

pub async fn charge_once(client: &Client, key_file: &Path) -> Result<Charge, Box<dyn Error>> {
    let mut charge = client.charge(&NewCharge {
        reference: Some("order-17".to_owned()),
        ..NewCharge::new(Money::new(1_250, Currency::EUR), "stripe", "pm_card_visa")
    });
    // The key of a run that died is used again; a new one is kept before it is used.
    if key_file.exists() {
        charge = charge.key(std::fs::read_to_string(key_file)?)?;
    } else {
        std::fs::write(key_file, charge.idempotency_key().as_str())?;
    }
    println!("charging under the key {}", charge.idempotency_key());

    let reply = match charge.send().await {
        Ok(reply) => reply,
        // The file stays: ask again later.
        Err(error) if error.is_outcome_unknown() => return Err(format!("run it again: {error}").into()),
        Err(error) => return Err(error.into()),
    };
    match &reply.value {
        Charge::Accepted(payment) if reply.is_in_progress() => println!("payment {} goes on", payment.id),
        Charge::Accepted(payment) => {
            let replayed = if reply.replayed { ", as was answered before" } else { "" };
            println!("payment {} is {}{replayed}", payment.id, payment.state);
        }
        Charge::Declined(declined) => println!("declined: {}", declined.failure.code),
    }
    std::fs::remove_file(key_file)?;
    Ok(reply.value)
}
