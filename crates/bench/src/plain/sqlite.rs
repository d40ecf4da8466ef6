//! The plain form on SQLite: one connection behind a mutex, `BEGIN IMMEDIATE`, one statement per
//! row.

use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use domain::rows::{Audit, Booking, BookingItem, Key, Message, Slot};
use domain::working_set::Row;
use domain::{Currency, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params, params_from_iter};
use server::ids::UuidV7;
use uuid::Uuid;

use super::param;
use super::rows::{Found, Reservation};
use super::{Counters, Done, Error};

const KEY: &str = "select fingerprint, status, body from keys where id = ?1";
const UNIT: &str = "select units.name, units.price_minor, units.seats, products.currency, products.time_zone \
     from units join products on products.id = units.product where units.id = ?1 and units.tenant = ?2";
const SLOT: &str = "select product, starts_at, capacity, held, sold, closed, created_at from slots \
     where id = ?1 and tenant = ?2";
const CUSTOMER: &str = "insert into customers (id, tenant, email, name, held_seats, created_at) \
     values (?1, ?2, ?3, ?4, ?5, ?6) on conflict (id) do update \
     set name = excluded.name, held_seats = customers.held_seats + excluded.held_seats";
const SEATS: &str = "update slots set held = ?2 where id = ?1";

/// A checkpoint once the WAL has this many pages, as `wal_autocheckpoint` does in the real program.
const CHECKPOINT_PAGES: u64 = 1_000;
/// A page and the header of its frame.
const FRAME_BYTES: u64 = 4_096 + 24;
const STATEMENTS_MAX: usize = 64;

#[derive(Clone)]
pub(super) struct File {
    connection: Arc<Mutex<Connection>>,
    ids: Arc<UuidV7>,
    counters: Arc<Counters>,
}

impl File {
    pub fn open(path: &Path, counters: &Arc<Counters>) -> Result<File, Error> {
        let mut connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
        let (counted, mut before) = (counters.clone(), 0);
        connection.wal_hook(Some(move |wal: &mut rusqlite::hooks::Wal, pages: std::ffi::c_int| {
            let pages = u64::try_from(pages).unwrap_or(0);
            // After a complete checkpoint the WAL starts again from its beginning.
            let written = if pages > before { pages - before } else { pages };
            before = pages;
            counted.wal_bytes.fetch_add(written * FRAME_BYTES, Ordering::Relaxed);
            if pages >= CHECKPOINT_PAGES {
                // If a reader prevents a checkpoint, the next one makes up for it.
                let _made = wal.checkpoint();
            }
            Ok(())
        }))?;
        let connection = Arc::new(Mutex::new(connection));
        Ok(File { connection, ids: Arc::default(), counters: counters.clone() })
    }

    pub async fn reserve(self, reservation: Reservation) -> Result<Done, Error> {
        let work = move || {
            let mut connection = self.connection.lock();
            reserve(&mut connection, reservation, &self)
        };
        tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
    }
}

fn reserve(connection: &mut Connection, reservation: Reservation, file: &File) -> Result<Done, Error> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let key = transaction.prepare_cached(KEY)?.query_row([bytes(reservation.key.0)], |row| {
        Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, u16>(1)?, row.get::<_, String>(2)?))
    });
    if let Some((fingerprint, status, body)) = key.optional()? {
        let same = fingerprint == reservation.fingerprint();
        return Ok(if same {
            Done::Stored { status, body }
        } else {
            Done::Refused("idempotency_key_reused")
        });
    }
    let Some(found) = find(&transaction, &reservation)? else { return Ok(Done::Refused("slot_not_found")) };
    if found.slot.closed || found.slot.vacancies() < reservation.seats(&found) {
        return Ok(Done::Refused("slot_is_full"));
    }
    let written = reservation.rows(found, &file.ids);
    let customer = params_from_iter(param::values(&written.customer));
    transaction.prepare_cached(CUSTOMER)?.execute(customer)?;
    insert::<Booking>(&transaction, &written.booking)?;
    insert::<BookingItem>(&transaction, &written.item)?;
    transaction.prepare_cached(SEATS)?.execute(params![bytes(written.slot.id.0), written.slot.held])?;
    insert::<Audit>(&transaction, &written.audit)?;
    insert::<Message>(&transaction, &written.message)?;
    insert::<Key>(&transaction, &written.key)?;
    transaction.commit()?;
    file.counters.commits.fetch_add(1, Ordering::Relaxed);
    Ok(Done::Stored { status: 201, body: written.key.body.unwrap_or_default() })
}

fn find(connection: &Connection, reservation: &Reservation) -> Result<Option<Found>, Error> {
    let tenant = reservation.tenant;
    let named = |id: Uuid| params_from_iter([bytes(id), bytes(tenant.0)]);
    let slot = connection.prepare_cached(SLOT)?.query_row(named(reservation.slot.0), |row| {
        let product = Uuid::from_bytes(row.get(0)?);
        Ok(Slot {
            id: reservation.slot,
            tenant,
            product: product.into(),
            starts_at: Timestamp(row.get(1)?),
            capacity: row.get(2)?,
            held: row.get(3)?,
            sold: row.get(4)?,
            closed: row.get(5)?,
            created_at: Timestamp(row.get(6)?),
            schedule: None,
            allocations: None,
            withdrawn: false,
        })
    });
    let Some(slot) = slot.optional()? else { return Ok(None) };
    let found = connection.prepare_cached(UNIT)?.query_row(named(reservation.unit.0), |row| {
        Ok(Found {
            slot,
            unit_name: row.get(0)?,
            price_minor: row.get(1)?,
            seats: row.get(2)?,
            currency: Currency::new(&row.get::<_, String>(3)?).unwrap_or(Currency::EUR),
            time_zone: row.get(4)?,
        })
    });
    Ok(found.optional()?)
}

fn insert<R: Row>(connection: &Connection, row: &R) -> Result<(), Error> {
    connection.prepare_cached(&param::insert::<R>('?'))?.execute(params_from_iter(param::values(row)))?;
    Ok(())
}

fn bytes(id: Uuid) -> Vec<u8> {
    id.as_bytes().to_vec()
}
