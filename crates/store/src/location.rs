//! The location of the database.

use std::fmt;
use std::path::PathBuf;

use crate::Error;

/// A file for SQLite, a server for PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    Sqlite { path: PathBuf },
    Postgres { url: PostgresUrl },
}

/// The address of a server as libpq takes it, `postgres://user:password@host:port/database?name=value`.
/// It may contain a password, so only its host, port and database are shown.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresUrl(String);

impl PostgresUrl {
    pub fn new(url: impl Into<String>) -> PostgresUrl {
        PostgresUrl(url.into())
    }

    /// The whole URL, for the connection.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PostgresUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&without_secrets(&self.0))
    }
}

impl fmt::Debug for PostgresUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&without_secrets(&self.0))
    }
}

/// The part of a URL that may be shown: without the user, and without the parameters, because libpq
/// takes a password there too.
fn without_secrets(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let shown = match (rest.rfind('@'), rest.find('?')) {
        // It is unknown which of the two is a part of a password.
        (Some(at), Some(question)) if question < at => "(hidden)",
        (at, question) => &rest[at.map_or(0, |at| at + 1)..question.unwrap_or(rest.len())],
    };
    format!("{scheme}://{shown}")
}

impl Location {
    pub fn postgres(url: impl Into<String>) -> Location {
        Location::Postgres { url: PostgresUrl::new(url) }
    }

    /// `postgres://...` and `postgresql://...` are a server; `sqlite:FILE` and a bare path are a file.
    pub fn parse(text: &str) -> Result<Location, Error> {
        let text = text.trim();
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Location::postgres(text));
        }
        let path = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:")).unwrap_or(text);
        if path.contains("://") {
            return Err(Error::Location { text: without_secrets(path) });
        }
        // The other form of libpq, `host=... password=...`, would become the name of a file.
        if path.is_empty() || path.contains("password=") || path.contains("host=") {
            let (front, _) = path.split_once('=').unwrap_or((path, ""));
            return Err(Error::Location { text: front.to_owned() });
        }
        Ok(Location::Sqlite { path: PathBuf::from(path) })
    }
}

/// For logs: without the password.
impl fmt::Display for Location {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Sqlite { path } => write!(out, "sqlite:{}", path.display()),
            Location::Postgres { url } => url.fmt(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_url_or_a_path() {
        let sqlite = |path: &str| Some(Location::Sqlite { path: path.into() });
        let postgres = |url: &str| Some(Location::postgres(url));
        for (text, expected) in [
            ("books.db", sqlite("books.db")),
            ("sqlite:books.db", sqlite("books.db")),
            ("sqlite:///var/books.db", sqlite("/var/books.db")),
            ("postgres://a:b@h/d", postgres("postgres://a:b@h/d")),
            ("postgresql://h/d", postgres("postgresql://h/d")),
            ("mysql://h/d", None),
            ("", None),
        ] {
            assert_eq!(Location::parse(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_password_is_not_shown() {
        for (url, shown) in [
            ("postgres://me:hunter2@host:5432/books", "postgres://host:5432/books"),
            ("postgresql://me:hunter2@host/books", "postgresql://host/books"),
            ("postgres://me:hun@ter2@host/books", "postgres://host/books"),
            ("postgres://host/books?password=hunter2", "postgres://host/books"),
            ("postgres://host/books?user=me&password=hunter2&sslmode=disable", "postgres://host/books"),
            ("postgres:///books?host=/run&password=hunter2", "postgres:///books"),
            ("postgres://me:hunt?er2@host/books", "postgres://(hidden)"),
            ("postgres://host/books?password=hunt@er2", "postgres://(hidden)"),
        ] {
            let location = Location::parse(url).unwrap();
            assert_eq!(location.to_string(), shown, "{url}");
            assert_eq!(format!("{location:?}"), format!("Postgres {{ url: {shown} }}"), "{url}");
        }
        for url in [
            "mysql://me:hunter2@host/books",
            "mysql://host/books?password=hunter2",
            "host=localhost password=hunter2",
            "password=hunter2 dbname=books",
        ] {
            let refused = Location::parse(url).unwrap_err();
            assert!(!format!("{refused} {refused:?}").contains("hunt"), "{url}: {refused}");
        }
    }
}
