//! Private databases on a PostgreSQL server that others may use as well: created and dropped.

use test_servers::postgres::{Options, Private};
use tokio_postgres::NoTls;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Private(#[from] test_servers::postgres::Error),
    #[error("PostgreSQL: {0}")]
    Postgres(#[from] tokio_postgres::Error),
    #[error("`{0}` names no database")]
    Url(String),
    #[error("{0}")]
    Failed(String),
}

/// Creates databases on one server, and drops them on request.
pub struct Databases {
    /// The maintenance database.
    server: String,
    made: Vec<String>,
    private: Option<Private>,
}

impl Databases {
    /// Uses a running server, as a user who may create databases.
    pub fn on(server: &str) -> Databases {
        Databases { server: server.to_owned(), made: Vec::new(), private: None }
    }

    /// Starts a private server, which ends with this process.
    pub async fn private(options: Options) -> Result<Databases, Error> {
        let started = tokio::task::spawn_blocking(move || Private::start(&options)).await;
        let private = started.map_err(|error| Error::Failed(error.to_string()))??;
        Ok(Databases { server: private.url(), made: Vec::new(), private: Some(private) })
    }

    /// Creates an empty database and returns its URL. `name` begins its name.
    pub async fn create(&mut self, name: &str) -> Result<String, Error> {
        let (front, rest) = self.server.rsplit_once('/').ok_or_else(|| Error::Url(self.server.clone()))?;
        // Unique on a server that others may use as well.
        let name = format!("{name}_{:032x}", rand::random::<u128>());
        // The settings of the connection follow a question mark.
        let settings = rest.find('?').map_or("", |at| &rest[at..]);
        let url = format!("{front}/{name}{settings}");
        execute(&self.server, &format!("create database {name}")).await?;
        self.made.push(name);
        Ok(url)
    }

    /// Drops all databases that it created, even if clients are connected to them.
    pub async fn drop_all(&mut self) -> Result<(), Error> {
        self.drop_those(|_| true).await
    }

    /// Drops the databases whose names begin with this name.
    pub async fn drop_of(&mut self, name: &str) -> Result<(), Error> {
        let name = format!("{name}_");
        self.drop_those(|made| made.starts_with(&name)).await
    }

    async fn drop_those(&mut self, those: impl Fn(&str) -> bool) -> Result<(), Error> {
        for name in self.made.extract_if(.., |made| those(made)) {
            execute(&self.server, &format!("drop database if exists {name} with (force)")).await?;
        }
        Ok(())
    }

    /// The server, if it is private: to stop it, to restart it, to disconnect its clients.
    pub fn server(&self) -> Option<&Private> {
        self.private.as_ref()
    }

    /// The version that the server reports, such as `15.8`.
    pub async fn version(&self) -> Result<String, Error> {
        let (client, connection) = tokio_postgres::connect(&self.server, NoTls).await?;
        let connection = tokio::spawn(connection);
        let row = client.query_one("show server_version", &[]).await;
        connection.abort();
        Ok(row?.get(0))
    }
}

async fn execute(url: &str, sql: &str) -> Result<(), Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    let connection = tokio::spawn(connection);
    let done = client.batch_execute(sql).await;
    connection.abort();
    Ok(done?)
}
