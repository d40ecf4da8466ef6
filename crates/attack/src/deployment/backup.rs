//! A backup of the database, and its restore while no process of ours runs.

use std::path::PathBuf;

use store::Location;

use super::{Deployment, Part, watch};
use crate::Error;
use crate::database_rows::DatabaseRows;
use testkit::program;

/// A copy as of one moment. On SQLite it is a file, and on PostgreSQL a schema beside the tables.
#[derive(Debug)]
pub struct DatabaseCopy(Place);

#[derive(Debug)]
enum Place {
    File(PathBuf),
    Schema,
}

const COPY: &str = "\
    begin isolation level repeatable read;
    create schema backup;
    do $$ declare name text; begin
        for name in select tablename from pg_tables where schemaname = 'public' loop
            execute format('create table backup.%I as table public.%I', name, name);
        end loop;
    end $$;
    commit";

const PUT_BACK: &str = "\
    begin;
    set local session_replication_role = replica;
    do $$ declare name text; begin
        for name in select tablename from pg_tables where schemaname = 'backup' loop
            execute format('truncate public.%I cascade', name);
        end loop;
        for name in select tablename from pg_tables where schemaname = 'backup' loop
            execute format('insert into public.%I select * from backup.%I', name, name);
        end loop;
    end $$;
    commit";

impl Deployment {
    /// Copies the database while its servers run: on SQLite as an operator does.
    pub async fn back_up(&self) -> Result<DatabaseCopy, Error> {
        let installation = self.installation()?;
        match &installation.location {
            Location::Sqlite { path } => {
                let to = path.with_extension("backup");
                let url = format!("sqlite:{}", path.display());
                let file = to.display().to_string();
                program::run(&self.context.program, &["backup", &file, "--database-url", &url]).await?;
                Ok(DatabaseCopy(Place::File(to)))
            }
            Location::Postgres { .. } => {
                DatabaseRows::of(&installation.location).await?.execute(COPY).await?;
                Ok(DatabaseCopy(Place::Schema))
            }
        }
    }

    /// Stops every process but the provider, puts the backup in the place of the database, and starts them
    /// again. Redis is emptied, as an operator does.
    pub async fn restore(&mut self, backup: &DatabaseCopy) -> Result<(), Error> {
        let names: Vec<String> =
            [Part::Server, Part::Worker, Part::Relay].into_iter().flat_map(|part| self.names(part)).collect();
        for name in &names {
            self.stop(name, "TERM").await?;
        }
        let lasting = self.context.timeline.begin("restore", "database");
        let location = self.installation()?.location.clone();
        let own = self.own_mut()?;
        if let Some(watch) = own.watch.take() {
            watch.abort();
        }
        match (&backup.0, &location) {
            (Place::File(copy), Location::Sqlite { path }) => {
                for suffix in ["-wal", "-shm"] {
                    let beside = PathBuf::from(format!("{}{suffix}", path.display()));
                    if beside.exists() {
                        std::fs::remove_file(beside)?;
                    }
                }
                std::fs::copy(copy, path)?;
            }
            _ => DatabaseRows::of(&location).await?.execute(PUT_BACK).await?,
        }
        // The copy is put back like a disk's snapshot, which the servers cannot detect.
        match self.redis(|redis| redis.command(&["FLUSHALL"])).await {
            Ok(_) | Err(Error::NotOurs(_)) => {}
            Err(error) => return Err(error),
        }
        self.context.timeline.end(lasting);
        let watch = tokio::spawn(watch::outbox(location, self.context.timeline.clone())).abort_handle();
        self.own_mut()?.watch = Some(watch);
        for name in &names {
            self.start_again(name).await?;
        }
        Ok(())
    }
}
