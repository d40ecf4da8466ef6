use api::Code;
use api::requests::{ChangedSettings, LateMoney};
use api::views::Settings;
use axum::extract::State;
use domain::commands::{ChangeSettings, SettingsChange};
use domain::{ClientId, rows};

use crate::http::App;
use crate::http::answer::Handled;
use crate::http::endpoint::Endpoint;
use crate::http::permission::Ops;
use crate::http::submit::submit;
use crate::http::write_request::WriteRequest;

pub fn endpoint() -> Endpoint {
    Endpoint::patch("/v1/ops/settings", "change_settings", handle)
        .about("Change the settings", "What is absent stays. Holds that were made keep their time.")
        .answers::<Settings>(200, "The settings as they are now.")
        .refuses(&[Code::ClientNotFound, Code::SettingsContradictEachOther])
}

async fn handle(State(app): State<App>, call: WriteRequest<Ops, ChangedSettings>) -> Handled {
    let request = call.request;
    let held_seats_max =
        request.clients.iter().map(|client| (ClientId(client.client_id), client.held_seats_max)).collect();
    let command = ChangeSettings {
        claim: call.claim,
        tenant: call.caller.tenant,
        client: call.caller.client,
        settings: SettingsChange {
            late_money: request.late_money.map(late_money),
            seats_held_per_customer_max: request.seats_held_per_customer_max,
            hold_seconds: request.hold_seconds,
            hold_seconds_max: request.hold_seconds_max,
        },
        held_seats_max,
    };
    let answer = submit(&app, command).await;
    app.known_keys.forget();
    answer
}

fn late_money(asked: LateMoney) -> rows::LateMoney {
    match asked {
        LateMoney::Reseat => rows::LateMoney::Reseat,
        LateMoney::Refund => rows::LateMoney::Refund,
    }
}
