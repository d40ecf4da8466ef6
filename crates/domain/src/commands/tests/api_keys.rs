//! API keys are given and revoked, and never the last one that could.

use std::string::ToString;
use std::vec::Vec;
use uuid::Uuid;

use super::shop::{CLIENT, LIMITED, STRANGER, Shop, TENANT};
use crate::commands::{AddApiKey, ArchiveTenant, KeyOwner, Origin, RenameTenant, RevokeApiKey};
use crate::limits::API_KEYS_MAX;
use crate::reply::Reply;
use crate::rows::{Actor, ApiKey, Audit, Client, Mode, Tenant};
use crate::{ApiKeyId, ClientId, Refusal};

fn add(shop: &Shop, number: u8, scopes: &[&str]) -> AddApiKey {
    AddApiKey {
        tenant: TENANT,
        origin: asked("req-1"),
        owner: KeyOwner::Known(LIMITED),
        hash: [number; 32],
        scopes: scopes.iter().map(ToString::to_string).collect(),
        mode: Mode::Test,
        tenant_version: shop.get::<Tenant>(TENANT).version,
        live: live(shop),
    }
}

fn asked(request_id: &str) -> Origin {
    Origin { request_id: Some(request_id.into()), ..Origin::of(Actor::Client(CLIENT)) }
}

fn live(shop: &Shop) -> Vec<ApiKeyId> {
    let keys = shop.all::<ApiKey>().into_iter();
    keys.filter(|key| key.revoked_at.is_none()).map(|key| key.id).collect()
}

fn added(shop: &mut Shop, number: u8, scopes: &[&str]) -> ApiKeyId {
    let command = add(shop, number, scopes);
    let Reply::ApiKey(made) = shop.run(&command).reply() else { panic!("a key was added") };
    made.0.id
}

fn revoke(shop: &Shop, key: ApiKeyId) -> RevokeApiKey {
    RevokeApiKey { tenant: TENANT, origin: asked("req-2"), mode: Mode::Test, key, live: live(shop) }
}

#[test]
fn a_key_is_added_for_a_client_that_is_there_or_new() {
    let mut shop = Shop::new(1);
    let key: ApiKey = {
        let id = added(&mut shop, 1, &["ops", "ledger"]);
        shop.get(id)
    };
    assert_eq!((key.client, key.mode, key.revoked_at), (LIMITED, Mode::Test, None));
    assert_eq!((key.hash, key.scopes.0), ([1; 32].to_vec(), ["ops", "ledger"].map(Into::into).to_vec()));
    let command = AddApiKey { owner: KeyOwner::New("kiosk".into()), ..add(&shop, 2, &["bookings"]) };
    let Reply::ApiKey(made) = shop.run(&command).reply() else { panic!("a key was added") };
    let client: Client = shop.get(made.1.id);
    assert_eq!((client.name.as_str(), client.tenant, made.0.client), ("kiosk", TENANT, client.id));
    let audit: Vec<Audit> =
        shop.all::<Audit>().into_iter().filter(|row| row.action == "api_key_added").collect();
    assert_eq!(audit.len(), 2);
    assert_eq!((audit[0].client, audit[0].request_id.as_deref()), (Some(CLIENT), Some("req-1")));
}

#[test]
fn a_key_that_may_not_be_added() {
    let mut shop = Shop::new(1);
    let good = add(&shop, 1, &["ops"]);
    let unknown = AddApiKey { owner: KeyOwner::Known(ClientId(Uuid::nil())), ..good.clone() };
    assert_eq!(shop.refused(&unknown), Refusal::ClientNotFound);
    let foreign: Client = shop.get(LIMITED);
    shop.set(&Client { tenant: STRANGER, ..foreign.clone() });
    assert_eq!(shop.refused(&good), Refusal::ClientNotFound);
    shop.set(&foreign);
    shop.run(&good).reply();
    assert_eq!(shop.refused(&good), Refusal::ChangedMeanwhile, "a key was added since");
    for number in 2..=API_KEYS_MAX {
        added(&mut shop, u8::try_from(number).unwrap(), &["ops"]);
    }
    let limit = API_KEYS_MAX as i64;
    let more = add(&shop, 200, &["ops"]);
    assert_eq!(shop.refused(&more), Refusal::TooManyApiKeys { limit });
    let one = live(&shop)[0];
    let command = revoke(&shop, one);
    shop.run(&command).reply();
    added(&mut shop, 200, &["ops"]);
}

#[test]
fn the_last_ops_key_is_not_revoked() {
    let mut shop = Shop::new(1);
    let [first, second] = [added(&mut shop, 1, &["ops"]), added(&mut shop, 2, &["bookings", "ops"])];
    let app = added(&mut shop, 3, &["bookings"]);
    // Both were asked for while both keys were live: the second is decided over what the first left.
    let [revoke_first, revoke_second] = [revoke(&shop, first), revoke(&shop, second)];
    shop.run(&revoke_first).reply();
    assert_eq!(shop.refused(&revoke_second), Refusal::LastOpsKey);
    let live_mode = AddApiKey { mode: Mode::Live, ..add(&shop, 4, &["ops"]) };
    shop.run(&live_mode).reply();
    let command = revoke(&shop, second);
    assert_eq!(shop.refused(&command), Refusal::LastOpsKey, "one of the other mode does not count");
    let command = revoke(&shop, app);
    shop.run(&command).reply();
    let revoked: ApiKey = shop.get(app);
    shop.wait(crate::time::Span::seconds(9));
    shop.run(&command).reply();
    assert_eq!(shop.get::<ApiKey>(app), revoked, "once and for all");
    added(&mut shop, 5, &["ops"]);
    let command = revoke(&shop, second);
    shop.run(&command).reply();
    let version = shop.get::<Tenant>(TENANT).version;
    assert_eq!(version, 1 + 5 + 3, "each change counts, and no repetition");
}

#[test]
fn a_foreign_key_is_unknown() {
    let mut shop = Shop::new(1);
    let key = added(&mut shop, 1, &["bookings"]);
    let good = revoke(&shop, key);
    for refused in [
        RevokeApiKey { tenant: STRANGER, ..good.clone() },
        RevokeApiKey { mode: Mode::Live, ..good.clone() },
        RevokeApiKey { key: ApiKeyId(Uuid::nil()), ..good.clone() },
    ] {
        assert_eq!(shop.refused(&refused), Refusal::ApiKeyNotFound);
    }
    assert_eq!(shop.get::<ApiKey>(key).revoked_at, None);
}

#[test]
fn an_archived_tenant_has_no_keys_and_gets_none() {
    let mut shop = Shop::new(1);
    let (ops, app) = (added(&mut shop, 1, &["ops"]), added(&mut shop, 2, &["bookings"]));
    let archive = |shop: &Shop| ArchiveTenant {
        tenant: TENANT,
        origin: Origin::of(Actor::Person),
        tenant_version: shop.get::<Tenant>(TENANT).version,
        live: live(shop),
    };
    let stale = archive(&shop);
    let late = added(&mut shop, 3, &["bookings"]);
    assert_eq!(shop.refused(&stale), Refusal::ChangedMeanwhile);
    assert_eq!(shop.refused(&ArchiveTenant { tenant: STRANGER, ..stale }), Refusal::TenantNotFound);
    let command = archive(&shop);
    shop.run(&command).reply();
    let archived = shop.get::<Tenant>(TENANT);
    assert!(archived.archived_at.is_some());
    assert!([ops, app, late].into_iter().all(|key| shop.get::<ApiKey>(key).revoked_at.is_some()));
    let more = add(&shop, 4, &["ops"]);
    assert_eq!(shop.refused(&more), Refusal::TenantIsArchived);
    shop.run(&command).reply();
    assert_eq!(shop.get::<Tenant>(TENANT).version, archived.version, "it stays as it is");
}

#[test]
fn a_tenant_is_renamed_and_keeps_its_slug() {
    let mut shop = Shop::new(1);
    let before = shop.get::<Tenant>(TENANT);
    let rename = RenameTenant { tenant: TENANT, origin: Origin::of(Actor::Person), name: "Fjord".into() };
    shop.run(&rename).reply();
    let after = shop.get::<Tenant>(TENANT);
    assert_eq!((after.name.as_str(), &after.slug), ("Fjord", &before.slug));
    assert_eq!(shop.refused(&RenameTenant { tenant: STRANGER, ..rename }), Refusal::TenantNotFound);
}
