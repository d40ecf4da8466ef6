//! Databases of one's own on a PostgreSQL that others may use as well: made, and dropped again.

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

/// Makes databases on one server, and drops them when it is told to.
pub struct Databases {
    /// The maintenance database.
    server: String,
    made: Vec<String>,
    private: Option<Private>,
}

impl Databases {
    /// On a server that runs, as a user who may create databases.
    pub fn on(server: &str) -> Databases {
        Databases { server: server.to_owned(), made: Vec::new(), private: None }
    }

    /// On a server of our own, which ends with us.
    pub async fn private(options: Options) -> Result<Databases, Error> {
        let started = tokio::task::spawn_blocking(move || Private::start(&options)).await;
        let private = started.map_err(|error| Error::Failed(error.to_string()))??;
        Ok(Databases { server: private.url(), made: Vec::new(), private: Some(private) })
    }

    /// An empty database, by its URL. `name` begins its name.
    pub async fn create(&mut self, name: &str) -> Result<String, Error> {
        let (front, rest) = self.server.rsplit_once('/').ok_or_else(|| Error::Url(self.server.clone()))?;
        // Unique among the databases of a server that others may use as well.
        let name = format!("{name}_{:032x}", rand::random::<u128>());
        // What stands behind a question mark is settings of the connection.
        let settings = rest.find('?').map_or("", |at| &rest[at..]);
        let url = format!("{front}/{name}{settings}");
        execute(&self.server, &format!("create database {name}")).await?;
        self.made.push(name);
        Ok(url)
    }

    /// Drops whatever it made, whoever is still connected to it.
    pub async fn drop_all(&mut self) -> Result<(), Error> {
        self.drop_those(|_| true).await
    }

    /// Drops those whose names begin with this one.
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

    /// The server, if it is our own: to stop it, to restart it, to cut its clients off.
    pub fn server(&self) -> Option<&Private> {
        self.private.as_ref()
    }

    /// What the server calls itself, such as `15.8`.
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
