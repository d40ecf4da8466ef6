//! The plain form on PostgreSQL: sixteen pooled connections, one round trip per statement.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use deadpool_postgres::{Manager, ManagerConfig, RecyclingMethod, Runtime, Transaction};
use domain::Currency;
use domain::rows::{Audit, Booking, BookingItem, Key, Message, Slot};
use domain::working_set::Row;
use server::ids::UuidV7;
use tokio_postgres::NoTls;
use tokio_postgres::types::ToSql;
use uuid::Uuid;

use super::param::{self, Param};
use super::rows::{Found, Reservation};
use super::{Counters, Done, Error};

/// On two cores more connections would only wait for each other.
const CONNECTIONS: usize = 16;
const KEY: &str = "select fingerprint, status, body from keys where id = $1";
const UNIT: &str = "select units.name, units.price_minor, units.seats, products.currency, products.time_zone \
     from units join products on products.id = units.product where units.id = $1 and units.tenant = $2";
const SLOT: &str = "select product, starts_at, capacity, held, sold, closed, created_at from slots \
     where id = $1 and tenant = $2 for update";
const CUSTOMER: &str = "insert into customers (id, tenant, email, name, held_seats, created_at) \
     values ($1, $2, $3, $4, $5, $6) on conflict (id) do update \
     set name = excluded.name, held_seats = customers.held_seats + excluded.held_seats";
const SEATS: &str = "update slots set held = $2 where id = $1";

#[derive(Clone)]
pub(super) struct Pool {
    pool: deadpool_postgres::Pool,
    ids: Arc<UuidV7>,
    inserts: Arc<[String; 5]>,
    counters: Arc<Counters>,
}

/// One statement, one round trip.
struct Spoken<'a> {
    transaction: Transaction<'a>,
    counters: &'a Counters,
}

impl Spoken<'_> {
    async fn query(
        &self,
        sql: &str,
        values: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<tokio_postgres::Row>, Error> {
        let statement = self.transaction.prepare_cached(sql).await?;
        self.counters.round_trips.fetch_add(1, Ordering::Relaxed);
        Ok(self.transaction.query_opt(&statement, values).await?)
    }

    async fn execute(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<(), Error> {
        let statement = self.transaction.prepare_cached(sql).await?;
        self.counters.round_trips.fetch_add(1, Ordering::Relaxed);
        self.transaction.execute(&statement, values).await?;
        Ok(())
    }

    async fn insert<R: Row>(&self, sql: &str, row: &R) -> Result<(), Error> {
        let values = param::values(row);
        let values: Vec<&(dyn ToSql + Sync)> =
            values.iter().map(|value: &Param| value as &(dyn ToSql + Sync)).collect();
        self.execute(sql, &values).await
    }
}

impl Pool {
    pub fn new(url: &str, counters: Arc<Counters>) -> Result<Pool, Error> {
        let mut config: tokio_postgres::Config = url.parse()?;
        // As in the real writers: statements are not planned again at each execution.
        config.application_name("surehold plain").options("-c plan_cache_mode=force_generic_plan");
        let manager = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let pool = deadpool_postgres::Pool::builder(Manager::from_config(config, NoTls, manager))
            .max_size(CONNECTIONS)
            .runtime(Runtime::Tokio1)
            .build()
            .map_err(|error| Error::Pool(error.to_string()))?;
        let inserts = Arc::new([
            param::insert::<Booking>('$'),
            param::insert::<BookingItem>('$'),
            param::insert::<Audit>('$'),
            param::insert::<Message>('$'),
            param::insert::<Key>('$'),
        ]);
        Ok(Pool { pool, ids: Arc::default(), inserts, counters })
    }

    pub async fn reserve(&self, reservation: Reservation) -> Result<Done, Error> {
        let mut client = self.pool.get().await.map_err(|error| Error::Pool(error.to_string()))?;
        // BEGIN and COMMIT.
        self.counters.round_trips.fetch_add(2, Ordering::Relaxed);
        let spoken = Spoken { transaction: client.transaction().await?, counters: &self.counters };
        if let Some(key) = spoken.query(KEY, &[&reservation.key.0]).await? {
            if key.get::<_, &[u8]>(0) != reservation.fingerprint() {
                return Ok(Done::Refused("idempotency_key_reused"));
            }
            let status = u16::try_from(key.get::<_, i64>(1)).unwrap_or(200);
            return Ok(Done::Stored { status, body: key.get(2) });
        }
        let tenant = reservation.tenant;
        let Some(unit) = spoken.query(UNIT, &[&reservation.unit.0, &tenant.0]).await? else {
            return Ok(Done::Refused("unit_not_found"));
        };
        let Some(slot) = spoken.query(SLOT, &[&reservation.slot.0, &tenant.0]).await? else {
            return Ok(Done::Refused("slot_not_found"));
        };
        let found = Found {
            slot: Slot {
                id: reservation.slot,
                tenant,
                product: slot.get::<_, Uuid>(0).into(),
                starts_at: domain::Timestamp(slot.get(1)),
                capacity: slot.get(2),
                held: slot.get(3),
                sold: slot.get(4),
                closed: slot.get::<_, i64>(5) != 0,
                created_at: domain::Timestamp(slot.get(6)),
                schedule: None,
                allocations: None,
                withdrawn: false,
            },
            unit_name: unit.get(0),
            price_minor: unit.get(1),
            seats: unit.get(2),
            currency: Currency::new(unit.get(3)).unwrap_or(Currency::EUR),
            time_zone: unit.get(4),
        };
        if found.slot.closed || found.slot.vacancies() < reservation.seats(&found) {
            return Ok(Done::Refused("slot_is_full"));
        }
        let written = reservation.rows(found, &self.ids);
        let [booking, item, audit, message, key] = &*self.inserts;
        spoken.insert(CUSTOMER, &written.customer).await?;
        spoken.insert(booking, &written.booking).await?;
        spoken.insert(item, &written.item).await?;
        spoken.execute(SEATS, &[&written.slot.id.0, &written.slot.held]).await?;
        spoken.insert(audit, &written.audit).await?;
        spoken.insert(message, &written.message).await?;
        spoken.insert(key, &written.key).await?;
        spoken.transaction.commit().await?;
        self.counters.commits.fetch_add(1, Ordering::Relaxed);
        Ok(Done::Stored { status: 201, body: written.key.body.unwrap_or_default() })
    }
}
