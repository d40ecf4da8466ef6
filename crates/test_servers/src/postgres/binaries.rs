//! Finds PostgreSQL's programs.
//!
//! Debian keeps the server's programs off `PATH`, in one directory per major version; a program on
//! `PATH` may be a wrapper that manages the machine's own clusters. So the newest of Debian's
//! directories comes first, and `PATH` is used only if one of its directories has all the programs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Error;

/// The oldest PostgreSQL that Surehold supports.
pub const MAJOR_MIN: u32 = 15;

const DEBIAN: &str = "/usr/lib/postgresql";
const PROGRAMS: [&str; 4] = ["initdb", "pg_ctl", "postgres", "psql"];

/// One installation of PostgreSQL, checked to be complete and new enough.
#[derive(Clone, Debug)]
pub struct Binaries {
    directory: PathBuf,
    version: String,
}

impl Binaries {
    pub fn find() -> Result<Self, Error> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let directory = directory(Path::new(DEBIAN), &path).ok_or(Error::Missing)?;
        let output = Command::new(directory.join("postgres")).arg("--version").output()?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        match major(&version) {
            Some(major) if major >= MAJOR_MIN => Ok(Self { directory, version }),
            other => Err(Error::TooOld { major: other.unwrap_or_default(), found: version }),
        }
    }

    /// The server's version text: `postgres (PostgreSQL) 15.14`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The path of `psql`, `pg_dump` and similar programs.
    pub fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }
}

fn directory(debian: &Path, path: &OsStr) -> Option<PathBuf> {
    let whole = |directory: &PathBuf| PROGRAMS.iter().all(|program| directory.join(program).is_file());
    let packaged = std::fs::read_dir(debian).into_iter().flatten().flatten().filter_map(|entry| {
        let major: u32 = entry.file_name().to_str()?.parse().ok()?;
        Some((major, entry.path().join("bin")))
    });
    packaged
        .filter(|(_, directory)| whole(directory))
        .max()
        .map(|(_, directory)| directory)
        .or_else(|| std::env::split_paths(path).find(whole))
}

/// `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)` is 15, `postgres (PostgreSQL) 19beta1` is 19.
fn major(version: &str) -> Option<u32> {
    let number = version.split_whitespace().nth(2)?;
    number.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_complete_packaged_version_comes_first() {
        let machine = tempfile::tempdir().unwrap();
        let install = |subdirectory: &str, programs: &[&str]| {
            let directory = machine.path().join(subdirectory);
            std::fs::create_dir_all(&directory).unwrap();
            for program in programs {
                std::fs::write(directory.join(program), "").unwrap();
            }
            directory
        };
        let debian = machine.path().join("lib");
        let check = |path: &[&PathBuf], expected: Option<&PathBuf>| {
            let path = std::env::join_paths(path).unwrap();
            assert_eq!(directory(&debian, &path).as_ref(), expected);
        };
        let wrappers = install("wrappers", &["postgres", "initdb"]);
        check(&[&wrappers], None);
        let local = install("local", &PROGRAMS);
        check(&[&wrappers, &local], Some(&local));
        // Debian's client package alone creates the directory without the server.
        install("lib/17/bin", &["psql"]);
        check(&[&wrappers, &local], Some(&local));
        let nine = install("lib/9/bin", &PROGRAMS);
        check(&[&local], Some(&nine));
        let fifteen = install("lib/15/bin", &PROGRAMS);
        check(&[&local], Some(&fifteen));
    }

    #[test]
    fn the_major_version_is_read_from_the_version_text() {
        let check = |version: &str, expected: Option<u32>| assert_eq!(major(version), expected, "{version}");
        check("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)", Some(15));
        check("postgres (PostgreSQL) 19beta1", Some(19));
        check("postgres (PostgreSQL) 9.6.24", Some(9));
        check("postgres", None);
    }

    #[test]
    fn a_missing_postgresql_error_says_what_to_install() {
        assert!(Error::Missing.to_string().ends_with("apt-get install postgresql"));
    }
}
