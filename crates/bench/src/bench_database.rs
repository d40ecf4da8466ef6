//! The databases of the bench, and the program on them.

use std::path::Path;

use tempfile::TempDir;

use super::{Engine, Error, Options};
use testkit::databases;
use testkit::program::{Installation, Ready, RunningProgram};

/// The settings of PostgreSQL for a server of this size. All other settings are the defaults.
const SHARED_BUFFERS_MB: u32 = 1_024;

/// Creates databases, and drops them at the end of the bench.
pub(super) struct Databases {
    /// `None` if only SQLite is measured.
    server: Option<databases::Databases>,
}

/// One database with its tenant, and a directory for its files.
pub(super) struct BenchDatabase {
    pub installation: Installation,
    directory: TempDir,
}

impl Databases {
    pub async fn open(options: &Options) -> Result<Databases, Error> {
        let wanted = options.engines.contains(&Engine::Postgres);
        let server = match &options.database_url {
            _ if !wanted => None,
            Some(url) => Some(databases::Databases::on(url)),
            None => {
                let settings = vec![("max_wal_size".to_owned(), "4GB".to_owned())];
                let shared_buffers_mb = SHARED_BUFFERS_MB;
                let options =
                    test_servers::postgres::Options { shared_buffers_mb, settings, ..Default::default() };
                Some(databases::Databases::private(options).await?)
            }
        };
        Ok(Databases { server })
    }

    /// A fresh database with a tenant in it.
    pub async fn stage(&mut self, engine: Engine, program: &Path) -> Result<BenchDatabase, Error> {
        let directory = tempfile::tempdir()?;
        let url = match (engine, &mut self.server) {
            (Engine::Postgres, Some(server)) => server.create("surehold_bench").await?,
            (Engine::Sqlite, _) | (Engine::Postgres, None) => Installation::sqlite_url(directory.path()),
        };
        let installation = Installation::new(program, directory.path(), &url).await?;
        Ok(BenchDatabase { installation, directory })
    }

    pub async fn drop_all(mut self) -> Result<(), Error> {
        match &mut self.server {
            Some(server) => Ok(server.drop_all().await?),
            None => Ok(()),
        }
    }
}

impl BenchDatabase {
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts the plain form on this database.
    pub async fn serve_plain(&self, program: &Path) -> Result<RunningProgram, Error> {
        let Installation { database_url, tenant, .. } = &self.installation;
        let ready = self.directory().join("plain.json");
        let path = ready.display().to_string();
        let arguments = [
            "bench",
            "plain",
            "--listen",
            "127.0.0.1:0",
            "--database-url",
            database_url,
            "--tenant",
            &tenant.tenant_id,
            "--api-key",
            &tenant.api_key,
            "--ready-file",
            &path,
        ];
        let log = self.directory().join("plain.log");
        Ok(RunningProgram::start(program, &arguments, Ready::File(ready), log).await?)
    }
}
