//! Where it is played: databases of one's own, and the program on them.

use std::path::Path;

use domain::Ids as _;
use peers::postgres::Private;
use server::ids::UuidV7;
use tempfile::TempDir;
use tokio_postgres::NoTls;

use super::{Engine, Error, Options};
use crate::program::{Installation, Ready, Running};

/// For PostgreSQL as it is for a server of this kind; the rest as it comes.
const SHARED_BUFFERS_MB: u32 = 1_024;

/// Makes databases, and drops them when the bench is done.
pub(super) struct Databases {
    /// The maintenance database.
    server: Option<String>,
    made: Vec<String>,
    /// Held for its drop, which is the server's end.
    _private: Option<Private>,
}

/// One database with its tenant, and a directory for all that belongs to it.
pub(super) struct Stage {
    pub installation: Installation,
    directory: TempDir,
}

impl Databases {
    pub async fn open(options: &Options) -> Result<Databases, Error> {
        let wanted = options.engines.contains(&Engine::Postgres);
        if !wanted || options.database_url.is_some() {
            let server = options.database_url.clone();
            return Ok(Databases { server, made: Vec::new(), _private: None });
        }
        let start = || {
            let settings = vec![("max_wal_size".to_owned(), "4GB".to_owned())];
            let shared_buffers_mb = SHARED_BUFFERS_MB;
            Private::start(&peers::postgres::Options { shared_buffers_mb, settings, ..Default::default() })
        };
        let private = tokio::task::spawn_blocking(start).await.map_err(std::io::Error::other)??;
        Ok(Databases { server: Some(private.url()), made: Vec::new(), _private: Some(private) })
    }

    /// A fresh database with a tenant in it.
    pub async fn stage(&mut self, engine: Engine, program: &Path) -> Result<Stage, Error> {
        let directory = tempfile::tempdir()?;
        let url = match engine {
            Engine::Sqlite => Installation::sqlite_url(directory.path()),
            Engine::Postgres => self.database().await?,
        };
        let installation = Installation::new(program, directory.path(), &url).await?;
        Ok(Stage { installation, directory })
    }

    async fn database(&mut self) -> Result<String, Error> {
        let server = self.server.as_deref().unwrap_or_default();
        let (rest, _) =
            server.rsplit_once('/').ok_or_else(|| Error::Failed(format!("`{server}` names no database")))?;
        // Unique among the databases of a server that others may use as well.
        let name = format!("surehold_bench_{}", UuidV7::default().next().simple());
        execute(server, &format!("create database {name}")).await?;
        let url = format!("{rest}/{name}");
        self.made.push(name);
        Ok(url)
    }

    pub async fn drop_all(self) -> Result<(), Error> {
        for name in &self.made {
            let server = self.server.as_deref().unwrap_or_default();
            execute(server, &format!("drop database if exists {name} with (force)")).await?;
        }
        Ok(())
    }
}

async fn execute(url: &str, sql: &str) -> Result<(), Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    let done = client.batch_execute(sql).await;
    connection.abort();
    Ok(done?)
}

impl Stage {
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The plain form, on this database.
    pub async fn serve_plain(&self, program: &Path) -> Result<Running, Error> {
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
        Ok(Running::start(program, &arguments, Ready::File(ready), log).await?)
    }
}
