//! Where the database is.

use std::fmt;
use std::path::PathBuf;

use crate::Error;

/// A file for SQLite, a server for PostgreSQL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    Sqlite {
        path: PathBuf,
    },
    /// As libpq takes it: `postgres://user:password@host:port/database`.
    Postgres {
        url: String,
    },
}

impl Location {
    /// `postgres://...` and `postgresql://...` name a server; `sqlite:FILE` and a bare path a file.
    pub fn parse(text: &str) -> Result<Location, Error> {
        let text = text.trim();
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Location::Postgres { url: text.to_owned() });
        }
        let path = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:")).unwrap_or(text);
        if path.is_empty() || path.contains("://") {
            return Err(Error::Location { text: text.to_owned() });
        }
        Ok(Location::Sqlite { path: PathBuf::from(path) })
    }
}

/// Fit for a log: a password is not shown.
impl fmt::Display for Location {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Sqlite { path } => write!(out, "sqlite:{}", path.display()),
            Location::Postgres { url } => match url.rsplit_once('@') {
                Some((_, place)) => write!(out, "postgres://{place}"),
                None => out.write_str(url),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_a_url_or_a_path() {
        let sqlite = |path: &str| Some(Location::Sqlite { path: path.into() });
        let postgres = |url: &str| Some(Location::Postgres { url: url.into() });
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
        let location = Location::parse("postgres://me:secret@host:5432/books").unwrap();
        assert_eq!(location.to_string(), "postgres://host:5432/books");
    }
}
