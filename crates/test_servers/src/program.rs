//! Finds a program and checks that it is new enough.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Error;

/// Where Debian installs servers; a normal user's `PATH` does not include these.
const FOR_SERVERS: [&str; 2] = ["/usr/local/sbin", "/usr/sbin"];

/// The file name of the program.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    pub program: &'static str,
    /// Debian's package that contains it.
    pub package: &'static str,
    /// The argument that prints its version.
    pub version: &'static str,
    /// The oldest supported version: major and minor.
    pub oldest: (u32, u32),
}

/// An installed program that is new enough.
#[derive(Clone, Debug)]
pub struct Program {
    name: &'static str,
    path: PathBuf,
    version: String,
}

impl Program {
    pub fn find(wanted: Wanted) -> Result<Self, Error> {
        Self::find_in(wanted, &std::env::var_os("PATH").unwrap_or_default())
    }

    fn find_in(wanted: Wanted, path: &OsStr) -> Result<Self, Error> {
        let Wanted { program, package, version, oldest } = wanted;
        let path = std::env::split_paths(path)
            .chain(FOR_SERVERS.iter().map(PathBuf::from))
            .map(|directory| directory.join(program))
            .find(|path| path.is_file())
            .ok_or(Error::Missing { program, package })?;
        let output = Command::new(&path).arg(version).output()?;
        let output =
            String::from_utf8_lossy(if output.stdout.is_empty() { &output.stderr } else { &output.stdout });
        let found = output.lines().next().unwrap_or_default().trim().to_owned();
        match number(&found) {
            Some(number) if number >= oldest => Ok(Self { name: program, path, version: found }),
            _ => Err(Error::TooOld { program, package, needed: oldest, found }),
        }
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The program's version text, such as `nats-server: v2.9.10`.
    pub fn version(&self) -> &str {
        &self.version
    }
}

/// The first word of the line that is a version: `v=7.0.15`, `v2.9.10`, `2.6.12-1+deb12u3`.
fn number(line: &str) -> Option<(u32, u32)> {
    line.split_whitespace().find_map(|part| {
        let mut numbers = part.trim_start_matches(['v', '=']).split(|letter: char| !letter.is_ascii_digit());
        Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_what_a_program_says() {
        let check = |line: &str, expected| assert_eq!(number(line), expected, "{line}");
        check("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64", Some((7, 0)));
        check("nats-server: v2.9.10", Some((2, 9)));
        check("HAProxy version 2.6.12-1+deb12u3 2025/10/03 - https://haproxy.org/", Some((2, 6)));
        check("promtool, version 2.42.0+ds (branch: debian/sid)", Some((2, 42)));
        check("usage: something else", None);
        check("", None);
    }

    #[test]
    fn what_is_missing_or_too_old_says_what_to_install() {
        use std::os::unix::fs::PermissionsExt;

        let directory = tempfile::tempdir().unwrap();
        let wanted = Wanted {
            program: "surehold-no-such-server",
            package: "no-such-package",
            version: "--version",
            oldest: (2, 9),
        };
        let find = || Program::find_in(wanted, directory.path().as_os_str());
        let refused = find().unwrap_err();
        assert!(matches!(refused, Error::Missing { .. }), "{refused}");
        assert!(refused.to_string().ends_with("apt-get install no-such-package"), "{refused}");

        let path = directory.path().join(wanted.program);
        let prints = |version: &str| {
            std::fs::write(&path, format!("#!/bin/sh\necho server v{version}\n")).unwrap();
            std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        };
        prints("2.8.4");
        let refused = find().unwrap_err();
        assert!(matches!(&refused, Error::TooOld { found, .. } if found == "server v2.8.4"), "{refused}");
        assert!(refused.to_string().ends_with("apt-get install no-such-package"), "{refused}");
        prints("2.10.0");
        assert_eq!(find().unwrap().version(), "server v2.10.0");
    }
}
