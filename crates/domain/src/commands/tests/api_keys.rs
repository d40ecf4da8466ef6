//! API keys are added and revoked. The last key that may do so cannot be revoked.

use std::string::ToString;
use std::vec::Vec;
use uuid::Uuid;

use super::test_world::{CLIENT, LIMITED, STRANGER, TENANT, TestWorld};
use crate::commands::{AddApiKey, ArchiveTenant, KeyOwner, Origin, RenameTenant, RevokeApiKey};
use crate::limits::API_KEYS_MAX;
use crate::reply::Reply;
use crate::rows::{Actor, ApiKey, Audit, Client, Mode, Tenant};
use crate::{ApiKeyId, ClientId, Refusal};

fn add(world: &TestWorld, number: u8, scopes: &[&str]) -> AddApiKey {
    AddApiKey {
        tenant: TENANT,
        origin: origin("req-1"),
        owner: KeyOwner::Known(LIMITED),
        hash: [number; 32],
        scopes: scopes.iter().map(ToString::to_string).collect(),
        mode: Mode::Test,
        tenant_version: world.get::<Tenant>(TENANT).version,
        live: live(world),
    }
}

fn origin(request_id: &str) -> Origin {
    Origin { request_id: Some(request_id.into()), ..Origin::of(Actor::Client(CLIENT)) }
}

fn live(world: &TestWorld) -> Vec<ApiKeyId> {
    let keys = world.all::<ApiKey>().into_iter();
    keys.filter(|key| key.revoked_at.is_none()).map(|key| key.id).collect()
}

fn added(world: &mut TestWorld, number: u8, scopes: &[&str]) -> ApiKeyId {
    let command = add(world, number, scopes);
    let Reply::ApiKey(made) = world.run(&command).reply() else { panic!("a key was added") };
    made.0.id
}

fn revoke(world: &TestWorld, key: ApiKeyId) -> RevokeApiKey {
    RevokeApiKey { tenant: TENANT, origin: origin("req-2"), mode: Mode::Test, key, live: live(world) }
}

#[test]
fn a_key_is_added_for_a_client_that_is_there_or_new() {
    let mut world = TestWorld::new(1);
    let key: ApiKey = {
        let id = added(&mut world, 1, &["ops", "ledger"]);
        world.get(id)
    };
    assert_eq!((key.client, key.mode, key.revoked_at), (LIMITED, Mode::Test, None));
    assert_eq!((key.hash, key.scopes.0), ([1; 32].to_vec(), ["ops", "ledger"].map(Into::into).to_vec()));
    let command = AddApiKey { owner: KeyOwner::New("kiosk".into()), ..add(&world, 2, &["bookings"]) };
    let Reply::ApiKey(made) = world.run(&command).reply() else { panic!("a key was added") };
    let client: Client = world.get(made.1.id);
    assert_eq!((client.name.as_str(), client.tenant, made.0.client), ("kiosk", TENANT, client.id));
    let audit: Vec<Audit> =
        world.all::<Audit>().into_iter().filter(|row| row.action == "api_key_added").collect();
    assert_eq!(audit.len(), 2);
    assert_eq!((audit[0].client, audit[0].request_id.as_deref()), (Some(CLIENT), Some("req-1")));
}

#[test]
fn a_key_that_may_not_be_added() {
    let mut world = TestWorld::new(1);
    let good = add(&world, 1, &["ops"]);
    let unknown = AddApiKey { owner: KeyOwner::Known(ClientId(Uuid::nil())), ..good.clone() };
    assert_eq!(world.refused(&unknown), Refusal::ClientNotFound);
    let foreign: Client = world.get(LIMITED);
    world.set(&Client { tenant: STRANGER, ..foreign.clone() });
    assert_eq!(world.refused(&good), Refusal::ClientNotFound);
    world.set(&foreign);
    world.run(&good).reply();
    assert_eq!(world.refused(&good), Refusal::ChangedMeanwhile, "a key was added since");
    for number in 2..=API_KEYS_MAX {
        added(&mut world, u8::try_from(number).unwrap(), &["ops"]);
    }
    let limit = API_KEYS_MAX as i64;
    let more = add(&world, 200, &["ops"]);
    assert_eq!(world.refused(&more), Refusal::TooManyApiKeys { limit });
    let one = live(&world)[0];
    let command = revoke(&world, one);
    world.run(&command).reply();
    added(&mut world, 200, &["ops"]);
}

#[test]
fn the_last_ops_key_is_not_revoked() {
    let mut world = TestWorld::new(1);
    let [first, second] = [added(&mut world, 1, &["ops"]), added(&mut world, 2, &["bookings", "ops"])];
    let app = added(&mut world, 3, &["bookings"]);
    // Both requests found both keys live. The second is decided over the result of the first.
    let [revoke_first, revoke_second] = [revoke(&world, first), revoke(&world, second)];
    world.run(&revoke_first).reply();
    assert_eq!(world.refused(&revoke_second), Refusal::LastOpsKey);
    let live_mode = AddApiKey { mode: Mode::Live, ..add(&world, 4, &["ops"]) };
    world.run(&live_mode).reply();
    let command = revoke(&world, second);
    assert_eq!(world.refused(&command), Refusal::LastOpsKey, "one of the other mode does not count");
    let command = revoke(&world, app);
    world.run(&command).reply();
    let revoked: ApiKey = world.get(app);
    world.wait(crate::time::Span::seconds(9));
    world.run(&command).reply();
    assert_eq!(world.get::<ApiKey>(app), revoked, "once and for all");
    added(&mut world, 5, &["ops"]);
    let command = revoke(&world, second);
    world.run(&command).reply();
    let version = world.get::<Tenant>(TENANT).version;
    assert_eq!(version, 1 + 5 + 3, "each change counts, and no repetition");
}

#[test]
fn a_foreign_key_is_unknown() {
    let mut world = TestWorld::new(1);
    let key = added(&mut world, 1, &["bookings"]);
    let good = revoke(&world, key);
    for refused in [
        RevokeApiKey { tenant: STRANGER, ..good.clone() },
        RevokeApiKey { mode: Mode::Live, ..good.clone() },
        RevokeApiKey { key: ApiKeyId(Uuid::nil()), ..good.clone() },
    ] {
        assert_eq!(world.refused(&refused), Refusal::ApiKeyNotFound);
    }
    assert_eq!(world.get::<ApiKey>(key).revoked_at, None);
}

#[test]
fn an_archived_tenant_has_no_keys_and_gets_none() {
    let mut world = TestWorld::new(1);
    let (ops, app) = (added(&mut world, 1, &["ops"]), added(&mut world, 2, &["bookings"]));
    let archive = |world: &TestWorld| ArchiveTenant {
        tenant: TENANT,
        origin: Origin::of(Actor::Person),
        tenant_version: world.get::<Tenant>(TENANT).version,
        live: live(world),
    };
    let stale = archive(&world);
    let late = added(&mut world, 3, &["bookings"]);
    assert_eq!(world.refused(&stale), Refusal::ChangedMeanwhile);
    assert_eq!(world.refused(&ArchiveTenant { tenant: STRANGER, ..stale }), Refusal::TenantNotFound);
    let command = archive(&world);
    world.run(&command).reply();
    let archived = world.get::<Tenant>(TENANT);
    assert!(archived.archived_at.is_some());
    assert!([ops, app, late].into_iter().all(|key| world.get::<ApiKey>(key).revoked_at.is_some()));
    let more = add(&world, 4, &["ops"]);
    assert_eq!(world.refused(&more), Refusal::TenantIsArchived);
    world.run(&command).reply();
    assert_eq!(world.get::<Tenant>(TENANT).version, archived.version, "it stays as it is");
}

#[test]
fn a_tenant_is_renamed_and_keeps_its_slug() {
    let mut world = TestWorld::new(1);
    let before = world.get::<Tenant>(TENANT);
    let rename = RenameTenant { tenant: TENANT, origin: Origin::of(Actor::Person), name: "Fjord".into() };
    world.run(&rename).reply();
    let after = world.get::<Tenant>(TENANT);
    assert_eq!((after.name.as_str(), &after.slug), ("Fjord", &before.slug));
    assert_eq!(world.refused(&RenameTenant { tenant: STRANGER, ..rename }), Refusal::TenantNotFound);
}
