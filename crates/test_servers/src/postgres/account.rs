//! The user that runs the server. PostgreSQL refuses root, and continuous integration often runs as
//! root.

use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::Error;

/// The account that owns the cluster: the current user, or another one if that is root.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    ids: Option<(u32, u32)>,
}

impl Account {
    pub fn ourselves() -> Self {
        Self { ids: None }
    }

    pub fn find() -> Result<Self, Error> {
        if id(&["-u"]) != Some(0) {
            return Ok(Self::ourselves());
        }
        // `postgres` comes with the package; `nobody` exists if the server was built from source.
        let ids =
            ["postgres", "nobody"].iter().find_map(|user| Some((id(&["-u", user])?, id(&["-g", user])?)));
        Ok(Self { ids: Some(ids.ok_or(Error::NoAccount)?) })
    }

    /// A command that runs as this account, without environment variables that could lead it to
    /// another server.
    pub fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        if let Some((user, group)) = self.ids {
            // The standard library drops root's supplementary groups together with its id.
            command.uid(user).gid(group);
        }
        for (name, _) in std::env::vars_os() {
            if name.to_str().is_some_and(|name| name.starts_with("PG") || name.starts_with("LC_")) {
                command.env_remove(name);
            }
        }
        command.env("LC_ALL", "C").stdin(Stdio::null());
        command
    }

    /// A new directory that this account owns and can reach.
    pub fn directory(self) -> Result<TempDir, Error> {
        let temporary = std::env::temp_dir();
        let candidates = [temporary.as_path(), Path::new("/tmp"), Path::new("/var/tmp")];
        let path = match self.ids {
            None => candidates[0],
            Some(_) => *candidates.iter().find(|path| open_to_all(path)).ok_or(Error::NoDirectory)?,
        };
        let directory = tempfile::Builder::new().prefix("surehold-postgres-").tempdir_in(path)?;
        if let Some((user, group)) = self.ids {
            chown(directory.path(), Some(user), Some(group))?;
        }
        Ok(directory)
    }
}

/// Whether another user can pass through: a `TMPDIR` below root's home, for example, is closed to
/// others.
fn open_to_all(path: &Path) -> bool {
    let Ok(path) = path.canonicalize() else { return false };
    let enterable = |directory: PathBuf| {
        std::fs::metadata(directory).is_ok_and(|meta| meta.is_dir() && meta.mode() & 0o001 != 0)
    };
    path.ancestors().map(Path::to_owned).all(enterable)
}

fn id(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_directory_below_a_closed_one_is_closed() {
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        let close =
            |mode: u32| std::fs::set_permissions(outer.path(), PermissionsExt::from_mode(mode)).unwrap();
        close(0o711);
        assert!(open_to_all(&inner) || !open_to_all(&std::env::temp_dir()));
        close(0o700);
        assert!(!open_to_all(&inner));
    }
}
