//! The socket of a server that has a SQLite database open. It is beside the file, for its owner
//! only.
//!
//! One connection carries one request: a line of JSON, and a line of JSON in reply. The server
//! takes one connection at a time, and none of another user.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::Store;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::watch;
use tokio::time::timeout;

use super::{AdminRequest, carry_out};

/// For a request or a reply.
const LINE_BYTES_MAX: u64 = 64 * 1_024;
const PAUSE: Duration = Duration::from_millis(50);
/// From a connection to its reply.
const CONNECTION_MAX: Duration = Duration::from_secs(30);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SocketReply {
    Done(Value),
    Refused(String),
}

/// The socket's path, beside the database's file.
pub fn path(database: &Path) -> PathBuf {
    let mut name = OsString::from(database);
    name.push(".sock");
    PathBuf::from(name)
}

/// The system limits the path of a socket to some 100 bytes, so it is bound and connected to by way of its open
/// directory. The file returned must stay open until then. Where the system does not name open files so, the
/// path is the socket's own.
fn short_path(path: &Path) -> io::Result<(PathBuf, Option<File>)> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Ok((path.to_owned(), None));
    };
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    let open = File::open(directory)?;
    let by_number = Path::new("/proc/self/fd").join(open.as_raw_fd().to_string());
    if by_number.exists() { Ok((by_number.join(name), Some(open))) } else { Ok((path.to_owned(), None)) }
}

/// The socket of a server. Dropping it removes the file.
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    owner: u32,
}

impl Drop for Socket {
    fn drop(&mut self) {
        // A file that remains is replaced at the next start.
        let _gone = std::fs::remove_file(&self.path);
    }
}

impl Socket {
    /// The caller has the database's lock, so an existing socket was left by a crash.
    pub fn open(database: &Path) -> io::Result<Socket> {
        let path = path(database);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let (short, _directory) = short_path(&path)?;
        let listener = UnixListener::bind(short)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
        let owner = std::fs::metadata(&path)?.uid();
        Ok(Socket { listener, path, owner })
    }

    /// Serves requests until `stop`. `changed` is called after each request, so that caches of keys
    /// can be cleared.
    pub async fn serve(self, store: Store, changed: impl Fn(), mut stop: watch::Receiver<bool>) {
        loop {
            let taken = tokio::select! {
                taken = self.listener.accept() => taken,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            let Ok((stream, _)) = taken else {
                // Most likely the process has no free file descriptors.
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            // Another user may have connected before the socket's permissions were restricted.
            if !stream.peer_cred().is_ok_and(|peer| peer.uid() == self.owner || peer.uid() == 0) {
                continue;
            }
            match timeout(CONNECTION_MAX, answer(stream, &store)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "a request of the command line was not answered"),
                Err(_) => tracing::warn!("a request of the command line took too long"),
            }
            changed();
        }
    }
}

async fn answer(stream: UnixStream, store: &Store) -> io::Result<()> {
    let (reading, mut writing) = stream.into_split();
    let mut line = String::new();
    BufReader::new(reading.take(LINE_BYTES_MAX)).read_line(&mut line).await?;
    let outcome = match serde_json::from_str::<AdminRequest>(&line) {
        Ok(request) => match carry_out(store, request).await {
            Ok(done) => SocketReply::Done(done),
            Err(why) => SocketReply::Refused(why),
        },
        Err(_) => SocketReply::Refused("the server is of another version than the command line".to_owned()),
    };
    let mut text = serde_json::to_string(&outcome)?;
    text.push('\n');
    writing.write_all(text.as_bytes()).await
}

/// Sends a request to the server that has this database open.
pub async fn send(database: &Path, request: &AdminRequest) -> Result<Value, String> {
    let exchange = async {
        let (short, _directory) = short_path(&path(database))?;
        let stream = UnixStream::connect(short).await?;
        let (reading, mut writing) = stream.into_split();
        writing.write_all((serde_json::to_string(request)? + "\n").as_bytes()).await?;
        let mut line = String::new();
        BufReader::new(reading.take(LINE_BYTES_MAX)).read_line(&mut line).await?;
        Ok::<SocketReply, io::Error>(serde_json::from_str(&line)?)
    };
    match timeout(CONNECTION_MAX, exchange).await {
        Ok(Ok(SocketReply::Done(done))) => Ok(done),
        Ok(Ok(SocketReply::Refused(why))) => Err(why),
        Ok(Err(error)) => Err(format!(
            "{} is in use by a process that does not answer at {} ({error})",
            database.display(),
            path(database).display()
        )),
        Err(_) => Err(format!("the server that has {} open does not answer", database.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_deep_directory_has_a_socket() {
        let directory = tempfile::tempdir().unwrap();
        let deep = directory.path().join("deep".repeat(30)).join("deeper".repeat(20));
        std::fs::create_dir_all(&deep).unwrap();
        let database = deep.join("surehold.sqlite");
        let socket = Socket::open(&database).unwrap();
        let answering = async {
            let (stream, _) = socket.listener.accept().await.unwrap();
            let (reading, mut writing) = stream.into_split();
            BufReader::new(reading).read_line(&mut String::new()).await.unwrap();
            writing.write_all(b"{\"done\":7}\n").await.unwrap();
        };
        let request = AdminRequest::ArchiveTenant { tenant: "fjord".to_owned() };
        let (replied, ()) = tokio::join!(send(&database, &request), answering);
        assert_eq!(replied.unwrap(), 7);
        drop(socket);
        assert!(!path(&database).exists());
    }
}
